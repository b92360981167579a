"""An SVM that must succeed on masks of another kind and fail on masks of the same kind."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from asgn.data.types import Expression
from asgn.errors import CheckpointError, DataError, MissingExtraError
from asgn.evaluation.separability import (
    MaskPairs,
    Separability,
    alexnet_fc7,
    collect_pairs,
    describe_masks,
    measure_separability,
    squeezenet_pooled,
)

SQUEEZENET = Path(os.environ.get("ASGN_SHARED", "../shared"), "weights", "squeezenet1_1_fp16.safetensors")


def pooled(images: torch.Tensor) -> torch.Tensor:
    """A small stand-in for a network: every 28th pixel."""
    return images[:, 0, ::28, ::28].flatten(1)


def discs(count: int, seed: int, smallest: int = 40) -> np.ndarray:
    random = np.random.default_rng(seed)
    rows, columns = np.ogrid[:224, :224]
    centres = random.integers(80, 144, (count, 2))
    radii = random.integers(smallest, smallest + 30, count)
    return np.stack(
        [(rows - y) ** 2 + (columns - x) ** 2 < r**2 for (y, x), r in zip(centres, radii, strict=True)]
    )


def test_same_kind_is_chance_and_another_kind_is_found() -> None:
    pytest.importorskip("sklearn")
    same = measure_separability(MaskPairs(discs(160, 1), discs(160, 2)), pooled)
    other = measure_separability(MaskPairs(discs(160, 1, smallest=90), discs(160, 2)), pooled)
    assert (same.training_masks, same.test_masks, len(same.accuracies)) == (160, 160, 5)
    assert 38 < same.mean < 62
    assert other.mean > 95
    assert other == measure_separability(MaskPairs(discs(160, 1, smallest=90), discs(160, 2)), pooled)


def test_both_masks_of_an_image_are_in_one_half(monkeypatch) -> None:
    """A nearest neighbour would find an equal mask in training if the halves shared an image."""
    from asgn.evaluation import separability

    halves = []

    class Recorder:
        def fit(self, features, labels):
            halves.append(features)
            return self

        def predict(self, features):
            halves.append(features)
            return np.zeros(len(features))

    monkeypatch.setattr(separability, "_linear_svm", lambda: Recorder)
    masks = np.zeros((10, 224, 224), dtype=bool)
    for index in range(10):
        masks[index, : 10 * (index + 1)] = True
    result = measure_separability(MaskPairs(masks, masks), lambda images: images.mean((1, 2, 3))[:, None], seeds=[0])
    train, test = ({round(float(value), 4) for value in half.ravel()} for half in halves)
    assert len(train) == len(test) == 5
    assert not train & test
    assert result.accuracies == (50.0,)


def test_mean_and_deviation() -> None:
    result = Separability((90.0, 92.0, 94.0), 2000, 2000)
    assert (result.mean, result.deviation) == (92, 2)
    assert Separability((90.0,), 2, 2).deviation is None
    assert result.to_json()["accuracies"] == (90.0, 92.0, 94.0)


def test_masks_are_three_equal_normalised_channels() -> None:
    masks = np.zeros((3, 224, 224), dtype=bool)
    masks[1] = True
    seen = describe_masks(masks, lambda images: images[:, :, 0, 0], batch_size=2)
    expected = (np.array([0, 1, 0])[:, None] - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(seen, expected, rtol=1e-5)


def test_pairs_take_one_expression_of_each_image(dataset) -> None:
    dataset.expressions = [Expression(i, 100 + i % 2, i // 2, (1,), f"half {i}") for i in range(20)]
    dataset.image = lambda image_id: np.zeros((6, 8, 3), np.uint8)
    dataset.mask = lambda expression: np.arange(8)[None, :].repeat(6, 0) >= 4
    asked = []

    def predict(image, phrases):
        asked.extend(phrases)
        return [np.ones(image.shape[:2], bool)]

    pairs = collect_pairs(predict, dataset, images=6)
    assert pairs.predicted.shape == pairs.true.shape == (6, 224, 224)
    assert len({int(phrase.split()[1]) // 2 for phrase in asked}) == 6
    assert pairs.predicted.all()
    assert pairs.true[:, :, 112:].all()
    assert not pairs.true[:, :, :112].any()


def test_too_few_images(dataset) -> None:
    with pytest.raises(DataError, match="at least 4"):
        collect_pairs(lambda image, phrases: [], dataset)


def test_alexnet_fc7_is_the_last_but_one_layer_after_its_relu(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    torch.manual_seed(0)
    whole = torchvision.models.alexnet().eval()
    save_file(whole.state_dict(), tmp_path / "alexnet.safetensors")
    images = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        fc7 = alexnet_fc7(tmp_path / "alexnet.safetensors")(images)
        assert fc7.shape == (2, 4096)
        assert (fc7 >= 0).all()
        torch.testing.assert_close(whole.classifier[6](fc7), whole(images))


@pytest.mark.skipif(not SQUEEZENET.is_file(), reason="SqueezeNet's weights are not beside the project")
def test_squeezenet_tells_discs_from_noise() -> None:
    pytest.importorskip("sklearn")
    noise = np.random.default_rng(0).random((20, 224, 224)) < 0.3
    result = measure_separability(MaskPairs(noise, discs(20, 0)), squeezenet_pooled(SQUEEZENET), seeds=[0, 1])
    assert result.mean == 100


def test_wrong_weights(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="SqueezeNet"):
        squeezenet_pooled(tmp_path / "bad.safetensors")
    with pytest.raises(CheckpointError, match="no weights at"):
        squeezenet_pooled(tmp_path / "gone.safetensors")


def test_without_scikit_learn_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with pytest.raises(MissingExtraError, match=r"asgn\[svm\]"):
        measure_separability(MaskPairs(discs(4, 0), discs(4, 1)), pooled)
