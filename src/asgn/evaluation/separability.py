"""Table IV: how well a linear SVM tells predicted masks from true ones (protocol section 9).

Chance is 50 %. The lower the accuracy, the more the predictions look like true masks. Masks are judged alone, as three
equal channels of 224x224, without the image. The accuracy depends on the number of masks and on the network that
describes them, so only accuracies of one run of this code compare.
"""

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from asgn.data.by_image import by_image
from asgn.data.types import ReferringDataset
from asgn.errors import CheckpointError, DataError, MissingExtraError
from asgn.evaluation.evaluate import Predict
from asgn.evaluation.scorer.protocols import squash
from asgn.progress import Progress, silent

SIDE = 224
IMAGES = 2000
SEEDS = (0, 1, 2, 3, 4)

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

FeatureNetwork = Callable[[Tensor], Tensor]
"""(B, 3, 224, 224) normalised as for ImageNet to (B, F)."""


@dataclass(frozen=True)
class MaskPairs:
    """Predicted and true masks of N expressions, each of another image."""

    predicted: NDArray[np.bool_]
    """(N, 224, 224)"""
    true: NDArray[np.bool_]
    """(N, 224, 224)"""


@dataclass(frozen=True)
class Separability:
    """The accuracies in percent of one SVM for each seed."""

    accuracies: tuple[float, ...]
    training_masks: int
    test_masks: int

    @property
    def mean(self) -> float:
        """Mean accuracy."""
        return statistics.mean(self.accuracies)

    @property
    def deviation(self) -> float | None:
        """Standard deviation over the seeds, None for a single one."""
        return statistics.stdev(self.accuracies) if len(self.accuracies) > 1 else None

    def to_json(self) -> dict[str, Any]:
        """All fields, mean and deviation."""
        return {**asdict(self), "mean": self.mean, "deviation": self.deviation}


def collect_pairs(
    predict: Predict,
    dataset: ReferringDataset,
    *,
    images: int = IMAGES,
    seed: int = 0,
    progress: Progress = silent,
) -> MaskPairs:
    """Predict one expression, drawn at random, for each of up to `images` images, drawn at random.

    Raises:
        DataError: the split has fewer than 4 images, or one cannot be read.
    """
    groups = by_image(dataset.expressions)
    if len(groups) < 4:
        raise DataError(f"split {dataset.split!r} of {dataset.name!r} has too few images for an SVM: at least 4")
    draw = random.Random(seed)
    chosen = [draw.choice(group) for group in draw.sample(groups, min(images, len(groups)))]
    predicted, true = [], []
    for done, expression in enumerate(chosen, start=1):
        (mask,) = predict(dataset.image(expression.image_id), [expression.text])
        predicted.append(squash(mask, SIDE))
        true.append(squash(dataset.mask(expression), SIDE))
        progress(done, len(chosen))
    return MaskPairs(np.stack(predicted), np.stack(true))


def measure_separability(pairs: MaskPairs, network: FeatureNetwork, seeds: Sequence[int] = SEEDS) -> Separability:
    """Train a linear SVM (C = 1) on half of the images and test it on the others, for each seed.

    Predicted and true mask of an image are always in the same half.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    classifier = _linear_svm()
    features = np.concatenate([describe_masks(pairs.true, network), describe_masks(pairs.predicted, network)])
    count = len(pairs.true)
    labels = np.repeat([0, 1], count)
    accuracies = []
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(count)
        train, test = (np.concatenate([half, half + count]) for half in (order[: count // 2], order[count // 2 :]))
        fitted = classifier().fit(features[train], labels[train])
        accuracies.append(100 * float(np.mean(fitted.predict(features[test]) == labels[test])))
    return Separability(tuple(accuracies), 2 * (count // 2), 2 * (count - count // 2))


@torch.inference_mode()
def describe_masks(masks: NDArray[np.bool_], network: FeatureNetwork, batch_size: int = 32) -> NDArray[np.float32]:
    """(N, 224, 224) masks to (N, F) features."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (_MEAN, _STD))
    batches = (masks[start : start + batch_size] for start in range(0, len(masks), batch_size))
    features = [network((_white(batch) - mean) / std).float().cpu().numpy() for batch in batches]
    return np.concatenate(features)


def _white(masks: NDArray[np.bool_]) -> Tensor:
    """(B, 224, 224) bool to (B, 3, 224, 224) of 0 and 1."""
    return torch.from_numpy(masks).unsqueeze(1).expand(-1, 3, -1, -1).float()


def alexnet_fc7(weights: Path | None = None) -> FeatureNetwork:
    """AlexNet's fc7 after its ReLU, 4096 features, as the paper has it.

    `weights` is a file of torchvision's state dict (safetensors); without one torchvision fetches its own.
    """
    if weights is None:
        network = torchvision.models.alexnet(weights=torchvision.models.AlexNet_Weights.IMAGENET1K_V1)
    else:
        network = _load(torchvision.models.alexnet(), weights)
    return nn.Sequential(network.features, network.avgpool, nn.Flatten(), *network.classifier[:6]).eval()


def squeezenet_pooled(weights: Path) -> FeatureNetwork:
    """SqueezeNet 1.1's last features averaged over positions, 512 of them, where AlexNet cannot be had."""
    network = _load(torchvision.models.squeezenet1_1(), weights)
    return nn.Sequential(network.features, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()


def _load(network: nn.Module, weights: Path) -> Any:
    try:
        state = {name: tensor.float() for name, tensor in load_file(weights).items()}
        network.load_state_dict(state)
    except FileNotFoundError as error:
        raise CheckpointError(f"no weights at {weights}: check the path") from error
    except (OSError, SafetensorError, RuntimeError) as error:
        kind = type(network).__name__
        raise CheckpointError(f"{weights} does not hold torchvision's {kind} weights as safetensors") from error
    return network


def _linear_svm() -> Callable[[], Any]:
    try:
        from sklearn.svm import SVC
    except ImportError as error:
        raise MissingExtraError("scikit-learn", "svm") from error
    return lambda: SVC(kernel="linear", C=1.0)
