"""Means, intervals and effects against numbers worked out by hand."""

import pytest

from asgn.experiments.reproduce.effects import pairs_of, seed_effects, t_interval
from asgn.experiments.reproduce.outcomes import Outcome
from asgn.experiments.reproduce.rows import rows_of
from asgn.experiments.reproduce.summary import difference, number, spread


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
        Outcome(rows[label], seed, None if value is None else {"val": {"scores": {"oIoU": value}}})
        for label, values in scores.items()
        for seed, value in enumerate(values)
    ]
    pairs = [(rows["M+LSTM"], rows["M+LSTM+AT"]), (rows["M+LSTM+SE"], rows["M+LSTM+SE+AT"])]
    assert seed_effects(pairs[:1], "val", "oIoU", outcomes) == [2, 1]
    assert seed_effects(pairs, "val", "oIoU", outcomes) == [4]
