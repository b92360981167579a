"""Groups of phrases decided by hand, and intervals against a plain loop and against theory."""

import numpy as np
import pytest

from asgn.data.types import Expression
from asgn.evaluation.metrics import METRICS, SegmentationScores, measure
from asgn.evaluation.scorer.breakdown import breakdown, length_group, size_group
from asgn.evaluation.scorer.intervals import bootstrap_intervals
from asgn.evaluation.scorer.phrase_kinds import phrase_kinds


@pytest.mark.parametrize(
    ("phrase", "kinds"),
    [
        ("left guy", {"position"}),
        ("man in blue", {"colour"}),
        ("the dog", {"category only"}),
        ("Fire hydrant", {"category only"}),
        ("woman wearing glasses", {"other"}),
        ("second from right", {"ordinal", "position"}),
        ("the small red ring left of the square", {"size", "colour", "relation"}),
        ("left of the picture", {"position"}),
        ("person on the left side of image", {"position"}),
        ("dog on the left side of the car", {"relation"}),
        ("car in front of the bus", {"relation"}),
        ("cup on top of the table", {"relation"}),
        ("cup on top", {"position"}),
        ("guy next to woman", {"relation"}),
        ("next zebra", {"category only"}),
        ("man behind the white horse", {"relation", "colour"}),
        ("kid, middle", {"position"}),
        ("lefty", {"position"}),
        ("leftest sheep", {"position"}),
        ("lefthand side", {"position"}),
        ("guy on R", {"position"}),
        ("dog right behind the car", {"relation"}),
        ("ball right in the middle", {"position"}),
        ("L-shaped sofa", {"other"}),
        ("", {"category only"}),
    ],
)
def test_phrase_kinds(phrase: str, kinds: set[str]) -> None:
    assert phrase_kinds(phrase) == kinds


def test_length_and_size_groups() -> None:
    assert [length_group("a " * n) for n in (2, 3, 5, 6, 10, 11)] == [
        "1-2 words", "3-5 words", "3-5 words", "6-10 words", "6-10 words", "11 words or more",
    ]  # fmt: skip
    assert [size_group(n, 100) for n in (0, 4, 5, 10, 19, 20, 100)] == [
        "absent", "under 5 % of the image", "5-10 %", "10-20 %", "10-20 %", "20 % or more", "20 % or more",
    ]  # fmt: skip


def test_breakdown_sums_each_part() -> None:
    scores = SegmentationScores()
    scores.add_pixels(1, 10, 10, 10, 1000)
    scores.add_pixels(2, 0, 40, 30, 100)
    scores.add_pixels(3, 15, 30, 30, 100)
    expressions = [
        Expression(1, 1, 1, (1,), "left red car"),
        Expression(2, 2, 1, (2,), "the man"),
        Expression(3, 3, 2, (3,), "red man with a very long and winding description"),
        Expression(4, 4, 2, (4,), "not scored"),
    ]
    parts = breakdown(scores, expressions)
    assert {name: group["expressions"] for name, group in parts["kind"].items()} == {
        "position": 1, "colour": 2, "size": 1, "category only": 1,
    }  # fmt: skip
    assert parts["kind"]["colour"]["oIoU"] == pytest.approx(100 * 25 / 40)
    assert list(parts["length"]) == ["1-2 words", "3-5 words", "6-10 words"]
    assert parts["object size"]["20 % or more"]["oIoU"] == pytest.approx(100 * 15 / 70)


def random_scores(count: int) -> SegmentationScores:
    random = np.random.default_rng(5)
    scores = SegmentationScores()
    for index in range(count):
        truth = 0 if index % 10 == 9 else int(random.integers(1, 500))
        intersection = int(random.integers(0, truth + 1))
        scores.add_pixels(index, intersection, truth + int(random.integers(0, 50)), truth, 1000)
    return scores


def test_intervals_equal_those_of_a_plain_loop() -> None:
    scores = random_scores(300)
    intervals = bootstrap_intervals(scores, resamples=2000, seed=0)
    random = np.random.default_rng(123)
    loop = [measure(scores.pixels[random.integers(300, size=300)]) for _ in range(2000)]
    for name in METRICS:
        low, high = np.percentile([values[name] for values in loop], (2.5, 97.5))
        assert intervals[name] == pytest.approx((low, high), abs=0.6)
        assert low < measure(scores.pixels)[name] < high


def test_interval_of_a_share_is_the_binomial_one() -> None:
    scores = SegmentationScores()
    for index in range(400):
        scores.add_pixels(index, index % 4 == 0, 1, 1, 4)
    low, high = bootstrap_intervals(scores)["Pr@0.5"]
    half = 1.96 * 100 * np.sqrt(0.25 * 0.75 / 400)
    assert (low, high) == pytest.approx((25 - half, 25 + half), abs=0.7)
    assert bootstrap_intervals(scores) == bootstrap_intervals(scores)


def test_intervals_of_nothing_and_of_one_absent_expression() -> None:
    assert set(bootstrap_intervals(SegmentationScores()).values()) == {None}
    scores = SegmentationScores()
    scores.add_pixels(0, 0, 0, 0, 10)
    assert bootstrap_intervals(scores)["oIoU"] is None
    assert bootstrap_intervals(scores)["mIoU"] == (100, 100)
