"""Means and deviations over seeds, as text."""

import statistics
from collections.abc import Iterable, Sequence

from asgn.experiments.reproduce.paper import Cell, PublishedRow

MISSING = "-"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """`mean ± standard deviation` over seeds, the mean alone of a single value."""
    if not values:
        return MISSING
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


def difference(values: Sequence[float], published: float | None) -> str:
    """Our mean less the published number, with its sign."""
    if not values or published is None:
        return MISSING
    return f"{statistics.mean(values) - published:+.2f}"


def number(value: float | None, metric: str = "") -> str:
    """A published number as printed: with two decimals, but for Table IV's."""
    if value is None:
        return MISSING
    return f"{value:g}" if metric == "SVM accuracy" else f"{value:.2f}"


def published_value(row: PublishedRow | None, dataset: str, split: str, metric: str) -> float | None:
    """What the paper prints in one cell."""
    return None if row is None else row.values.get(Cell(dataset, split, metric))


def over_seeds(seeds: Sequence[int]) -> str:
    """What a cell of `spread` holds."""
    if len(seeds) == 1:
        return f"of the one seed {seeds[0]}"
    return f"mean ± standard deviation over the seeds {listed(seeds)}"


def listed(values: Iterable[object]) -> str:
    """Values with commas."""
    return ", ".join(map(str, values))


def counted(number: int, noun: str) -> str:
    """Such as `1 row` or `2 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
