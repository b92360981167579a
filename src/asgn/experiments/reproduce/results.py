"""What rows gave, each with each seed, or the line with which they failed; and numbers over seeds as text."""

import logging
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from asgn.data.types import ReferringDataset
from asgn.errors import UserError
from asgn.experiments.reproduce.config import ReproductionConfig, Splits
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.trained import TrainedRow, ensure_trained
from asgn.paper import Cell

_LOG = logging.getLogger(__name__)

MISSING = "-"

Say = Callable[[str], None]
"""Takes a line for the user."""

Score = Callable[[ReproductionConfig, TrainedRow, ReferringDataset], dict[str, Any]]
"""Measures a row on a split: named values, and `leak_stamp` where it was scored there."""


@dataclass(frozen=True)
class Outcome:
    """What one row gave with one seed."""

    row: Row
    seed: int
    trained: TrainedRow | None = None
    values: dict[str, dict[str, Any]] | None = None
    """By split; None where the row failed."""
    failure: str | None = None


@dataclass(frozen=True)
class Results:
    """All that a reproduction has found."""

    config: ReproductionConfig
    splits: Splits
    outcomes: Sequence[Outcome]

    @property
    def done(self) -> list[Outcome]:
        """The outcomes that did not fail."""
        return [one for one in self.outcomes if one.values is not None]

    def of(self, row: Row, split: str) -> dict[int, dict[str, Any]]:
        """What a row gave on a split, by seed."""
        return {one.seed: one.values[split] for one in self.done if one.row == row and one.values is not None}

    def by_seed(self, row: Row, split: str, measure: str) -> dict[int, float]:
        """One measure of a row; seeds that failed or do not define it are left out."""
        found = {seed: values[measure] for seed, values in self.of(row, split).items()}
        return {seed: float(value) for seed, value in found.items() if value is not None}

    def values(self, row: Row, split: str, measure: str) -> list[float]:
        """The same without the seeds."""
        return list(self.by_seed(row, split, measure).values())

    def published(self, row: Row, split: str, measure: str) -> float | None:
        """What the paper prints for the row, where its data are these, and for Table IV its network of masks."""
        if measure == "SVM accuracy" and self.config.scoring.features != "alexnet":
            return None
        return None if row.published is None else row.published.values.get(Cell(self.config.data, split, measure))

    @property
    def stamps(self) -> list[str]:
        """What each score says of images seen in training, with its split."""
        found = [(split, values.get("leak_stamp")) for one in self.done for split, values in (one.values or {}).items()]
        return [f"{split}: {stamp}" for split, stamp in found if stamp is not None]


def run_rows(config: ReproductionConfig, splits: Splits, score: Score, say: Say) -> Results:
    """Train and measure every row with the first seed, then with the next; a row that fails does not end the others.

    Raises:
        KeyboardInterrupt: a signal came; a repeated call goes on from there.
    """
    outcomes: list[Outcome] = []
    for seed in config.seeds:
        for row in config.rows:
            say(f"[{len(outcomes) + 1}/{len(config.rows) * len(config.seeds)}] {row.label}, seed {seed}")
            outcomes.append(_run_row(config, splits, row, seed, score))
            if outcomes[-1].failure:
                say(f"  failed: {outcomes[-1].failure}")
    return Results(config, splits, outcomes)


def _run_row(config: ReproductionConfig, splits: Splits, row: Row, seed: int, score: Score) -> Outcome:
    try:
        trained = ensure_trained(config, splits, row, seed)
        scored = splits.scored or (splits.validation,)
        return Outcome(row, seed, trained, {data.split: score(config, trained, data) for data in scored})
    except UserError as error:
        return Outcome(row, seed, failure=str(error))
    except Exception as error:
        _LOG.debug("row %s failed", row.label, exc_info=True)
        first_line = next(iter(str(error).splitlines()), "")
        return Outcome(row, seed, failure=f"{type(error).__name__}: {first_line}")


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


def over_seeds(seeds: Sequence[int]) -> str:
    """What a cell of `spread` holds."""
    if len(seeds) == 1:
        return f"of the one seed {seeds[0]}"
    return f"mean ± standard deviation over the seeds {listed(seeds)}"


def listed(values: Iterable[object]) -> str:
    """Values with commas."""
    return ", ".join(map(str, values))


def counted(count: int, noun: str) -> str:
    """Such as `1 row` or `2 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
