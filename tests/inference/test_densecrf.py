"""The dense CRF against its library called directly, as the base code called it."""

import sys

import numpy as np
import pytest

from asgn.errors import MissingExtraError
from asgn.inference import densecrf
from asgn.inference.densecrf import refine_logits


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray]:
    """A red disc on a textured ground, and noisy logits of a disc a few pixels off."""
    random = np.random.default_rng(0)
    rows, columns = np.ogrid[:96, :96]
    image = random.integers(60, 90, (96, 96, 3)).astype(np.uint8)
    image[(rows - 48) ** 2 + (columns - 48) ** 2 < 25**2] = (200, 30, 30)
    shifted = (rows - 45) ** 2 + (columns - 52) ** 2 < 25**2
    logits = np.where(shifted, 1.5, -1.5) + random.normal(0, 2, (96, 96))
    return logits.astype(np.float32), image


def test_labels_equal_the_library_called_directly(scene) -> None:
    library = pytest.importorskip("pydensecrf.densecrf", reason="the extra `crf` is not installed")
    logits, image = scene
    prob = 1 / (1 + np.exp(-logits.astype(np.float64)))
    crf = library.DenseCRF2D(96, 96, 2)
    crf.setUnaryEnergy(np.stack([-np.log(1 - prob), -np.log(prob)]).reshape(2, -1).astype(np.float32))
    crf.addPairwiseGaussian(sxy=3, compat=3)
    crf.addPairwiseBilateral(sxy=20, srgb=3, rgbim=image, compat=10)
    marginals = np.array(crf.inference(5)).reshape(2, 96, 96)

    refined = refine_logits(logits, image)
    assert refined.dtype == np.float32
    np.testing.assert_array_equal(refined >= 1e-9, marginals.argmax(axis=0).astype(bool))
    np.testing.assert_allclose(1 / (1 + np.exp(-refined)), marginals[1], atol=1e-3)


def test_follows_the_edges_of_the_image(scene) -> None:
    pytest.importorskip("pydensecrf.densecrf", reason="the extra `crf` is not installed")
    logits, image = scene
    disc = image[:, :, 0] > 150

    def iou(mask: np.ndarray) -> float:
        return (mask & disc).sum() / (mask | disc).sum()

    assert iou(refine_logits(logits, image) > 0) > iou(logits > 0) + 0.2


def test_strided_images_and_certain_pixels(scene) -> None:
    pytest.importorskip("pydensecrf.densecrf", reason="the extra `crf` is not installed")
    logits, image = scene
    logits = np.where(logits > 0, np.float32(1e6), np.float32(-1e6))
    channels_first = np.ascontiguousarray(image.transpose(2, 0, 1))
    strided = refine_logits(logits, channels_first.transpose(1, 2, 0))
    assert np.isfinite(strided).all()
    np.testing.assert_array_equal(strided, refine_logits(logits, image))


def test_image_of_another_size() -> None:
    with pytest.raises(ValueError, match="need an image of"):
        refine_logits(np.zeros((8, 8), np.float32), np.zeros((8, 9, 3), np.uint8))


def test_without_the_library_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'asgn\[crf\]'"):
        densecrf.require_densecrf()
