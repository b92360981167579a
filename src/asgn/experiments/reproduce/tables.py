"""Tables I to VI as data: what is measured of each row, in which columns, and what else their pages show."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from asgn.experiments.report import Section
from asgn.experiments.reproduce.balance import balance_sections
from asgn.experiments.reproduce.charts import draw_bars
from asgn.experiments.reproduce.effects import SHAPES, effect_sections
from asgn.experiments.reproduce.results import MISSING, Results, Score, difference, number, over_seeds, spread
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.scores import cost_row, score_row
from asgn.experiments.reproduce.separability import model_sections, separability_row, separability_text
from asgn.experiments.reproduce.thresholds import threshold_sections
from asgn.paper import Cell


@dataclass(frozen=True)
class Table:
    """One table: how a row is measured on a split, and what of that is shown."""

    columns: tuple[str, ...] = ("oIoU", "mIoU")
    """Measures, by the names that the paper's cells and the scores have."""
    score: Score = score_row
    text: Callable[[Results], str] = lambda results: f"In percent, {over_seeds(results.config.seeds)}."
    further: tuple[Callable[[Results], list[Section]], ...] = ()
    """Sections after the measured ones."""
    bars: str = "oIoU"
    """The measure of the chart."""
    unit: str = "%"
    levels: Mapping[str, float] | None = None
    """Named values that the chart marks."""
    incomparable: tuple[str, ...] = ()
    """Columns whose difference from the paper's would mean nothing, such as times on another machine."""


_COST_TEXT = (
    "Training hours are those of the steps alone, validation left out. Test seconds are spent in the model over the "
    "whole split; each image is encoded once for all of its phrases, where the paper's program encodes it for every "
    "phrase. Memory is the size of a checkpoint with both of Adam's moments, which is what the paper's numbers agree "
    "with (protocol section 0); beside it the peak in use while training. Times are of the machine that made this page "
    "and compare with each other, not with the paper's GTX 1080."
)


def ratio_sections(results: Results) -> list[Section]:
    """Table V's costs as multiples of the first row's, which compare between machines."""
    split, (base, *others) = results.splits.scored[0].split, results.config.rows
    costs = ("training hours", "test seconds", "memory MB")
    lines = []
    for row in others:
        cells = []
        for cost in costs:
            ours = [results.values(one, split, cost) for one in (row, base)]
            pair = [one.published.values if one.published else {} for one in (row, base)]
            theirs = [values.get(Cell("unc", "testA", cost)) for values in pair]
            cells += [
                f"{statistics.mean(ours[0]) / statistics.mean(ours[1]):.2f}x" if all(ours) else MISSING,
                f"{theirs[0] / theirs[1]:.2f}x" if theirs[0] and theirs[1] else MISSING,
            ]
        lines.append([row.label, *cells])
    header = [name for cost in costs for name in (cost, "paper's")]
    text = "Unlike seconds, the ratios of two rows compare between machines and data sets."
    return [Section(f"Cost as a multiple of {base.label}", text, ("row", *header), lines)] if others else []


PAGES: Mapping[str, Table] = {
    "table1": Table(),
    "table2": Table(
        ("oIoU", "mIoU", "Pr@0.5", "Pr@0.6", "Pr@0.7", "Pr@0.8", "Pr@0.9"), further=(effect_sections, balance_sections)
    ),
    "table3": Table(),
    "table4": Table(
        ("SVM accuracy", "empty predictions (%)"),
        separability_row,
        separability_text,
        (model_sections,),
        bars="SVM accuracy",
        levels={"chance": 50},
    ),
    "table5": Table(
        ("oIoU", "training hours", "test seconds", "memory MB", "peak GiB in training", "ms a phrase", "device"),
        cost_row,
        lambda results: _COST_TEXT,
        (ratio_sections,),
        bars="test seconds",
        unit="s",
        incomparable=("training hours", "test seconds"),
    ),
    "table6": Table(further=(threshold_sections,)),
}


def table_sections(results: Results) -> list[Section]:
    """What was measured on each split, a chart, and whatever else the table has."""
    table, config = PAGES[results.config.what], results.config
    splits = [data.split for data in results.splits.scored]
    sections = [_measured(results, table, split) for split in splits]
    for further in table.further:
        sections += further(results)
    path = config.out / f"{config.name}.png"
    bars = {split: [results.values(row, split, table.bars) for row in config.rows] for split in splits}
    beside = config.rows if table.bars not in table.incomparable else []
    printed = {split: [results.published(row, split, table.bars) for row in beside] for split in splits}
    draw_bars(path, [row.label for row in config.rows], bars, printed, f"{table.bars} ({table.unit})", table.levels)
    caption = f"{table.bars} on {config.data}, {config.samples_seen:,} samples seen; a dot for each seed, "
    caption += "the bar their mean"
    caption += "; a line for the paper's number" if any(any(values) for values in printed.values()) else ""
    return [*sections, Section(f"{table.bars} of the rows", pictures=[(path, caption)])]


def _measured(results: Results, table: Table, split: str) -> Section:
    lines = [line for row in results.config.rows for line in _row_lines(results, table, split, row)]
    text = table.text(results)
    if any(not line[1] for line in lines):
        text += " Below each row of ours: the paper's, and ours less the paper's."
    if "mIoU" in table.columns and any(_marks_nothing(line) for line in lines):
        text += (
            " An oIoU of 0.00 with an mIoU above 0 is of a row that marks next to nothing: phrases with no target, "
            "for which an empty mask is right, count 1 in mIoU and nothing in oIoU."
        )
    header = ("row", "seeds", *columns_of(results, table))
    return Section(f"Measured on {results.config.data} {split}", text, header, lines)


def columns_of(results: Results, table: Table) -> tuple[str, ...]:
    """The table's, and in a paired reproduction those of shape."""
    return (*table.columns, *SHAPES) if results.config.is_paired and table.score is score_row else table.columns


def _marks_nothing(line: Sequence[str]) -> bool:
    return bool(line[1]) and line[2].startswith("0.00") and line[3] != MISSING and not line[3].startswith("0.00")


def _row_lines(results: Results, table: Table, split: str, row: Row) -> list[list[str]]:
    """Our line, and where the data are the same, the paper's and the difference."""
    numbers = [name for name in columns_of(results, table) if name != "device"]
    found = [results.values(row, split, name) for name in numbers]
    devices = "/".join(sorted({values["device"] for values in results.of(row, split).values() if "device" in values}))
    count, has_device = max(map(len, found)), "device" in table.columns
    ours = [_spread(values) if has_device else spread(values) for values in found]
    lines = [[row.label, str(count) if count else "failed", *ours, *([devices or MISSING] if has_device else [])]]
    printed = [results.published(row, split, name) for name in numbers]
    if any(value is not None for value in printed):
        gaps = [
            MISSING if name in table.incomparable else difference(values, value)
            for name, values, value in zip(numbers, found, printed, strict=True)
        ]
        shown = [number(value, name) for name, value in zip(numbers, printed, strict=True)]
        lines.append([f"paper: {row.printed}", "", *shown, *(["GTX 1080"] if has_device else [])])
        lines.append(["difference", "", *gaps, *([""] if has_device else [])])
    return lines


def _spread(values: Sequence[float]) -> str:
    """Four decimals for what is under 1; one value alone where all are the same, as those of memory are."""
    return spread(values if len(set(values)) > 1 else values[:1], 2 if max(values, default=0) >= 1 else 4)
