"""Means, intervals and effects against numbers worked out by hand."""

import numpy as np
import pytest

from asgn.evaluation.metrics import SegmentationScores
from asgn.experiments.reproduce.effects import (
    bootstrap,
    image_fractions,
    pairs_of,
    paper_effect,
    seed_effects,
    t_interval,
)
from asgn.experiments.reproduce.results import Outcome, Results, difference, number, spread
from asgn.experiments.reproduce.rows import rows_of


def test_spread_and_difference():
    assert spread([1.0, 2.0, 3.0]) == "2.00 ± 1.00"
    assert spread([1.5]) == "1.50"
    assert spread([]) == "-"
    assert difference([39.0, 41.0], 39.29) == "+0.71"
    assert difference([39.0], None) == "-"
    assert [number(value) for value in (19.0, 39.8, None)] == ["19.00", "39.80", "-"]
    assert [number(value, "SVM accuracy") for value in (92.0, 90.75)] == ["92", "90.75"]


def test_t_interval():
    low, high = t_interval([1.0, 2.0, 3.0])
    assert (low, high) == pytest.approx((2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), abs=1e-5)


@pytest.mark.parametrize(("switch", "first"), [("DE", ("M+LSTM", "M+LSTM+DE")), ("AT", ("M+LSTM", "M+LSTM+AT"))])
def test_four_pairs_differ_by_each_switch_alone(switch, first):
    pairs = [(without.label, with_it.label) for without, with_it in pairs_of(switch, rows_of("table2", "M"))]
    assert len(pairs) == 4
    assert pairs[0] == first
    assert all(set(after.split("+")) - set(before.split("+")) == {switch} for before, after in pairs)


def test_an_effect_is_paired_by_seed_and_needs_every_pair():
    rows = {row.label: row for row in rows_of("table2", "M")}
    scores = {"M+LSTM": (10, 20), "M+LSTM+AT": (12, 21), "M+LSTM+SE": (10, 30), "M+LSTM+SE+AT": (16, None)}
    outcomes = [
        Outcome(rows[label], seed, None, None if value is None else {"val": {"oIoU": value}})
        for label, values in scores.items()
        for seed, value in enumerate(values)
    ]
    pairs = [(rows["M+LSTM"], rows["M+LSTM+AT"]), (rows["M+LSTM+SE"], rows["M+LSTM+SE+AT"])]
    results = Results(None, None, outcomes)
    assert seed_effects(pairs[:1], "val", "oIoU", results) == [2, 1]
    assert seed_effects(pairs, "val", "oIoU", results) == [4]


@pytest.mark.parametrize(
    ("switch", "split", "gain"),
    [("DE", "val", "+4.30"), ("SE", "val", "+0.61"), ("AT", "val", "+1.20"), ("AT", "testA", "+1.81")],
)
def test_the_papers_own_effects_over_its_four_pairs(switch, split, gain):
    assert paper_effect(pairs_of(switch, rows_of("table2", "M")), split) == gain


def test_an_interval_over_images_against_exact_sums():
    """Each image's numerator is 0 without AT and 1 with it: every resample gains 100 points; without any, none."""
    rows = {row.label: row for row in rows_of("table2", "M")}
    pair = rows["M+LSTM"], rows["M+LSTM+AT"]
    ones = np.ones((20, 1))
    fractions = {(row, 0): np.stack([gain * 100 * ones, ones], axis=2) for gain, row in enumerate(pair)}
    assert bootstrap(fractions, [pair], 1) == [pytest.approx((100.0, 100.0))]
    noisy = {key: values.copy() for key, values in fractions.items()}
    noisy[pair[1], 0][:10, 0, 0] = 0  # half of the images gain 100, the others nothing: 50 with a deviation of 11.2
    ((low, high),) = bootstrap(noisy, [pair], 1)
    assert (low, high) == (pytest.approx(50 - 1.96 * 11.2, abs=4), pytest.approx(50 + 1.96 * 11.2, abs=4))
    assert bootstrap({(pair[0], 0): fractions[pair[0], 0]}, [pair], 1) == [None]
    fractions[pair[0], 0][..., 1] = 0
    assert bootstrap(fractions, [pair], 1) == [None]


def test_fractions_of_images_add_up_to_the_scores(scenes):
    items = scenes.expressions[:6]
    scores = SegmentationScores()
    for place, item in enumerate(items):
        truth = scenes.mask(item)
        scores.add(item.sentence_id, np.roll(truth, place, axis=1), truth)
    sums = image_fractions({"pixels": scores.to_json()}, scenes, ("oIoU", "mIoU", "Pr@0.5")).sum(axis=0)
    summary = scores.summary()
    assert sums[:, 0] / sums[:, 1] == pytest.approx([summary[name] for name in ("oIoU", "mIoU", "Pr@0.5")])
