"""Dense CRF post-processing, the DCRF of the paper's rows (protocol section 5).

It needs the optional extra `crf`, which is compiled from source when it is installed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgn.errors import MissingExtraError

STEPS = 5
GAUSSIAN = {"sxy": 3, "compat": 3}
BILATERAL = {"sxy": 20, "srgb": 3, "compat": 10}

_SMALLEST_PROB = 1e-6


def require_densecrf() -> Any:
    """The library's module, so that a run can fail before it begins.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        from pydensecrf import densecrf
    except ImportError as error:
        raise MissingExtraError("pydensecrf2", "crf") from error
    return densecrf


def refine_logits(logits: NDArray[np.float32], image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Sharpen one phrase's logits along the edges of the image.

    Args:
        logits: (S, S) over the network's square.
        image: (S, S, 3) RGB, the padded square that the network saw.

    Returns:
        (S, S) log odds of the CRF's marginals: positive exactly where the CRF's label is foreground, so that the
        usual threshold yields its argmax.

    Raises:
        MissingExtraError: the library is not installed.
        ValueError: the image is not of the logits' size.
    """
    height, width = logits.shape
    if image.shape != (height, width, 3):
        raise ValueError(f"logits of {logits.shape} need an image of {(height, width, 3)}, not {image.shape}")
    crf = require_densecrf().DenseCRF2D(width, height, 2)
    crf.setUnaryEnergy(_unary_energy(logits))
    crf.addPairwiseGaussian(**GAUSSIAN)
    # The library reads the image's memory as rows of bytes, whatever the array's strides say.
    crf.addPairwiseBilateral(rgbim=np.ascontiguousarray(image, dtype=np.uint8), **BILATERAL)
    marginals = np.asarray(crf.inference(STEPS), dtype=np.float32).reshape(2, height, width)
    background, foreground = np.maximum(marginals, np.finfo(np.float32).tiny)
    log_odds: NDArray[np.float32] = np.log(foreground) - np.log(background)
    return log_odds


def _unary_energy(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(2, S * S) energies of background and foreground; a probability of 0 or 1 would be infinite."""
    prob = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -50, 50)))
    prob = np.clip(prob, _SMALLEST_PROB, 1 - _SMALLEST_PROB)
    energies = -np.log(np.stack([1 - prob, prob])).reshape(2, -1)
    return np.ascontiguousarray(energies, dtype=np.float32)
