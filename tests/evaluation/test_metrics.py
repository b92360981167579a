"""Scores against values worked out by hand and against a plain loop."""

import json
from fractions import Fraction

import numpy as np
import pytest

from asgn.evaluation.metrics import METRICS, SegmentationScores


def scores_of(*rows: tuple[int, int, int]) -> SegmentationScores:
    scores = SegmentationScores()
    for index, row in enumerate(rows):
        scores.add_pixels(index, *row, image=1000)
    return scores


def row_mask(start: int, stop: int, size: int = 10) -> np.ndarray:
    mask = np.zeros((1, size), dtype=bool)
    mask[0, start:stop] = True
    return mask


def test_hand_computed_example() -> None:
    scores = SegmentationScores()
    scores.add(7, row_mask(0, 4), row_mask(2, 6))  # I 2, U 6
    scores.add(8, row_mask(0, 7), row_mask(0, 10))  # I 7, U 10: exactly the threshold 0.7
    scores.add(9, row_mask(0, 0), row_mask(0, 1))  # I 0, U 1
    assert scores.pixels.tolist() == [[2, 6, 4, 10], [7, 10, 10, 10], [0, 1, 1, 10]]
    summary = scores.summary()
    assert summary["oIoU"] == pytest.approx(100 * 9 / 17)
    assert summary["mIoU"] == pytest.approx(100 * (1 / 3 + 0.7) / 3)
    assert [summary[f"Pr@{x}"] for x in (0.5, 0.6, 0.7, 0.8, 0.9)] == pytest.approx([100 / 3] * 3 + [0, 0])
    assert summary["absent_accuracy"] is None


def test_absent_expressions_follow_gres() -> None:
    summary = scores_of((5, 10, 10), (0, 0, 0), (0, 30, 0)).summary()
    assert summary["oIoU"] == pytest.approx(100 * 5 / 40)
    assert summary["mIoU"] == pytest.approx(100 * (0.5 + 1 + 0) / 3)
    assert summary["Pr@0.5"] == 100
    assert summary["Pr@0.6"] == 0
    assert summary["absent_expressions"] == 2
    assert summary["absent_accuracy"] == 50


def test_thresholds_are_exact_for_every_small_fraction() -> None:
    rows = [(i, u, u) for u in range(1, 121) for i in range(u + 1)]
    summary = scores_of(*rows).summary()
    for tenths in range(5, 10):
        expected = sum(Fraction(i, u) >= Fraction(tenths, 10) for i, u, _ in rows)
        assert summary[f"Pr@{tenths / 10}"] == pytest.approx(100 * expected / len(rows), abs=1e-12)


def test_merged_parts_equal_the_whole() -> None:
    random = np.random.default_rng(0)
    whole, left, right = SegmentationScores(), SegmentationScores(), SegmentationScores()
    for index in range(40):
        prediction, truth = random.random((2, 9, 11)) < random.random((2, 1, 1))
        whole.add(index, prediction, truth)
        (left if index % 2 else right).add(index, prediction, truth)
    left.merge(SegmentationScores.from_json(json.loads(json.dumps(right.to_json()))))
    assert left.summary() == whole.summary()
    assert left.subset(whole.sentence_ids).to_json() == whole.to_json()


def test_an_expression_is_scored_once() -> None:
    first, second = scores_of((1, 2, 2)), scores_of((1, 2, 2))
    with pytest.raises(ValueError, match="expression 0 is scored twice"):
        first.merge(second)


@pytest.mark.parametrize("prediction", [np.zeros((2, 3), bool), np.zeros((3, 2), np.uint8)])
def test_wrong_masks_are_refused(prediction: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expression 3"):
        SegmentationScores().add(3, prediction, np.zeros((3, 2), bool))


def test_nothing_scored_has_no_numbers() -> None:
    summary = SegmentationScores().summary()
    assert all(summary[name] is None for name in METRICS)
    assert summary["expressions"] == 0
