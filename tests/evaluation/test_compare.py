"""One set of masks under the protocols of published work."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgn.evaluation.metrics import SegmentationScores
from asgn.evaluation.scorer.predictions import read_predictions
from asgn.evaluation.scorer.protocols import THRESHOLDS, compare_protocols, squash, sweep
from asgn.evaluation.scorer.score import score


def test_sweep_equals_one_score_for_each_threshold() -> None:
    random = np.random.default_rng(0)
    prediction = np.round(random.random((20, 30)) * 80) / 80  # many pixels exactly on a threshold
    truth = random.random((20, 30)) < 0.3
    swept = sweep(prediction, truth)
    assert len(swept) == 39
    for threshold, row in zip(THRESHOLDS, swept, strict=True):
        scores = SegmentationScores()
        scores.add(0, prediction >= threshold, truth)
        assert scores.pixels[0].tolist() == row.tolist()


@pytest.mark.parametrize("shape", [(480, 480), (33, 57), (700, 481), (1, 1)])
def test_squash_is_pillows_nearest(shape: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).random(shape) < 0.5
    expected = Image.fromarray(mask.astype(np.uint8)).resize((480, 480), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(squash(mask), np.asarray(expected) > 0)


def write(path: Path, dataset, arrays: dict[str, np.ndarray]):
    np.savez(path, **arrays)
    return read_predictions(path, dataset.expressions)


def test_combinations_for_masks(tmp_path: Path, dataset) -> None:
    masks = {str(item.sentence_id): dataset.mask(item) for item in dataset.expressions}
    masks["11"] = ~masks["11"]  # the second sentence of referent 100 is wrong
    predictions = write(tmp_path / "masks.npz", dataset, masks)
    results = {(item.size, item.sentences): item for item in compare_protocols(predictions, dataset)}
    assert len(results) == 6
    assert {item.threshold for item in results.values()} == {"given"}
    every = results["native", "every"]
    assert every.scores == {name: score(predictions, dataset).scores.summary()[name] for name in every.scores}
    assert every.scores["oIoU"] == pytest.approx(100 * (24 + 24 + 8) / (24 + 48 + 24 + 8))
    first = results["native", "first"]
    assert (first.expressions, first.scores["oIoU"]) == (3, 100)
    # Squashed, both images weigh the same: half of 480 x 480 for each object.
    assert results["squashed to 480x480", "every"].scores["oIoU"] == pytest.approx(100 * 3 / 5)
    drawn = {compare_protocols(predictions, dataset, seed=seed)[2].scores["oIoU"] for seed in range(12)}
    assert len(drawn) == 2
    assert 100 in drawn


def test_thresholds_for_probabilities(tmp_path: Path, dataset) -> None:
    soft = {str(item.sentence_id): np.where(dataset.mask(item), 0.3, 0.12) for item in dataset.expressions}
    predictions = write(tmp_path / "soft.npz", dataset, soft)
    native = [item for item in compare_protocols(predictions, dataset) if item.size == "native"]
    by_threshold = {item.threshold: item.scores["oIoU"] for item in native if item.sentences == "every"}
    assert by_threshold == {"0.5": 0, "0.35": 0, "tuned on this split: 0.125": 100}
