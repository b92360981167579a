"""What DE, SE and AT each add: every pair of rows that differ by that switch alone, with the same seed."""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import sqrt
from typing import Any

from scipy import stats

from asgn.experiments.report import Section
from asgn.experiments.reproduce.outcomes import Outcome
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.scores import ScoresBySplit, values_of
from asgn.experiments.reproduce.setting import Setting
from asgn.experiments.reproduce.summary import MISSING, published_value
from asgn.variants import DEFAULT_DETAIL

SWITCHES: dict[str, dict[str, Any]] = {
    "DE": {"detail": DEFAULT_DETAIL},
    "SE": {"semantic": True},
    "AT": {"adversarial": True},
}
_MEASURES = ("oIoU", "mIoU", "Pr@0.5")


def effect_section(
    setting: Setting, split: str, rows: Sequence[Row], outcomes: list[Outcome[ScoresBySplit]]
) -> Section:
    """A table of the effects on one split."""
    lines = []
    for name in SWITCHES:
        pairs = pairs_of(name, rows)
        gains = [seed_effects(pairs, split, measure, outcomes) for measure in _MEASURES]
        published = _published(setting, pairs, split) if setting.compares("table2") else MISSING
        facts = [f"+{name}", str(len(pairs)), str(max(map(len, gains)))]
        lines.append([*facts, *map(_cell, gains), *([published] if setting.compares("table2") else [])])
    return Section(
        f"What each part adds on {setting.data} {split}",
        "Points gained by a switch, over all pairs of rows that differ by it alone: for each seed the mean over the "
        "pairs, then mean ± standard deviation over the seeds, and in brackets the 95 % interval of Student's t. An "
        "interval that holds 0 leaves open whether the part helps. A seed of which a row failed is left out.",
        ("part", "pairs", "seeds", *_MEASURES, *(["paper, oIoU"] if setting.compares("table2") else [])),
        lines,
    )


def pairs_of(switch: str, rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Rows without and with a switch that are otherwise equal."""
    return [
        (without, with_it)
        for without, with_it in product(rows, rows)
        if without.variant != with_it.variant
        and without.loss_changes == with_it.loss_changes
        and replace(without.variant, **SWITCHES[switch]) == with_it.variant
    ]


def seed_effects(
    pairs: Sequence[tuple[Row, Row]], split: str, measure: str, outcomes: list[Outcome[ScoresBySplit]]
) -> list[float]:
    """The mean gain over all pairs, for each seed that has both rows of every pair."""
    gains: dict[int, list[float]] = {}
    for without, with_it in pairs:
        before, after = (values_of(outcomes, row, split, measure) for row in (without, with_it))
        for seed in before.keys() & after.keys():
            gains.setdefault(seed, []).append(after[seed] - before[seed])
    return [statistics.mean(gain) for _, gain in sorted(gains.items()) if len(gain) == len(pairs)]


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % confidence interval of the mean of at least two values."""
    half = float(stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / sqrt(len(values))
    return statistics.mean(values) - half, statistics.mean(values) + half


def _cell(values: Sequence[float]) -> str:
    if not values:
        return MISSING
    if len(values) == 1:
        return f"{values[0]:+.2f}"
    low, high = t_interval(values)
    return f"{statistics.mean(values):+.2f} ± {statistics.stdev(values):.2f} [{low:+.2f}, {high:+.2f}]"


def _published(setting: Setting, pairs: Sequence[tuple[Row, Row]], split: str) -> str:
    printed = [[published_value(row.published, setting.data, split, "oIoU") for row in pair] for pair in pairs]
    gains = [after - before for before, after in printed if before is not None and after is not None]
    return f"{statistics.mean(gains):+.2f}" if gains else MISSING
