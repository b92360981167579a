"""Tables I, II, III and VI: scores of rows, beside the paper's where the data are the same."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from asgn.config import LossConfig
from asgn.experiments.report import Section
from asgn.experiments.reproduce.charts import draw_bars
from asgn.experiments.reproduce.effects import effect_section
from asgn.experiments.reproduce.outcomes import Findings, Outcome, Say, run_rows
from asgn.experiments.reproduce.pages import page_name, published_sections
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.scores import ScoresBySplit, score_row, values_of
from asgn.experiments.reproduce.setting import Setting, Splits
from asgn.experiments.reproduce.summary import difference, number, over_seeds, published_value, spread
from asgn.experiments.reproduce.thresholds import threshold_scores, threshold_section

MEASURES = {"table2": ("oIoU", "mIoU", "Pr@0.5", "Pr@0.6", "Pr@0.7", "Pr@0.8", "Pr@0.9")}
"""Columns of a table; the others have the two IoUs."""
_IOUS = ("oIoU", "mIoU")


def score_table(setting: Setting, splits: Splits, what: str, rows: Sequence[Row], say: Say) -> Findings:
    """Train and score the rows on every split; its chart is drawn into the output folder."""
    outcomes = run_rows(setting, splits, rows, partial(score_row, setting, splits.scored), say)
    names = [split.split for split in splits.scored]
    sections = [_split_section(setting, what, split, rows, outcomes) for split in names]
    if what == "table2":
        sections += [effect_section(setting, split, rows, outcomes) for split in names]
    if what == "table6":
        sections += _thresholds(setting, splits, rows)
    chart = _chart(setting, what, names, rows, outcomes)
    sections.append(Section("oIoU of the rows", pictures=[(chart, _chart_caption(setting, what))]))
    sections += published_sections(setting, what, rows)
    return Findings(outcomes, sections, _stamps(outcomes))


def _thresholds(setting: Setting, splits: Splits, rows: Sequence[Row]) -> list[Section]:
    """The thresholds of the first row with the paper's lambda, on the first scored split; none without such a row."""
    data = splits.scored[0]
    chosen = [row for row in rows if row.losses(setting.losses).ce_weight == LossConfig().ce_weight]
    measure = partial(threshold_scores, setting, data)
    outcomes = run_rows(setting, splits, chosen[:1], measure, lambda line: None)
    return [threshold_section(setting, data.split, chosen[0].label, outcomes)] if chosen else []


def _stamps(outcomes: Sequence[Outcome[ScoresBySplit]]) -> list[str]:
    found = [one.value for one in outcomes if one.value is not None]
    return [f"{split}: {result['leak_stamp']}" for value in found for split, result in value.items()]


def _split_section(
    setting: Setting, what: str, split: str, rows: Sequence[Row], outcomes: list[Outcome[ScoresBySplit]]
) -> Section:
    measures = MEASURES.get(what, _IOUS)
    lines = [line for row in rows for line in _row_lines(setting, split, row, measures, outcomes)]
    text = f"In percent, {over_seeds(setting.seeds)}."
    if setting.compares(what):
        text += " Below each row of ours: the paper's, and ours less the paper's."
    return Section(f"Measured on {setting.data} {split}", text, ("row", "seeds", *measures), lines)


def _row_lines(
    setting: Setting, split: str, row: Row, measures: Sequence[str], outcomes: list[Outcome[ScoresBySplit]]
) -> list[list[str]]:
    """Our line, and where the data are the same, the paper's and the difference."""
    found = [list(values_of(outcomes, row, split, name).values()) for name in measures]
    count = max(map(len, found))
    lines = [[row.label, str(count) if count else "failed", *map(spread, found)]]
    printed = [published_value(row.published, setting.data, split, name) for name in measures]
    if any(value is not None for value in printed):
        differences = [difference(values, value) for values, value in zip(found, printed, strict=True)]
        lines.append([f"paper: {row.printed}", "", *map(number, printed)])
        lines.append(["difference", "", *differences])
    return lines


def _chart(
    setting: Setting, what: str, splits: Sequence[str], rows: Sequence[Row], outcomes: list[Outcome[ScoresBySplit]]
) -> Path:
    path = setting.out / f"{page_name(setting, what)}.png"
    bars = {split: [list(values_of(outcomes, row, split, "oIoU").values()) for row in rows] for split in splits}
    printed = {split: [published_value(row.published, setting.data, split, "oIoU") for row in rows] for split in splits}
    draw_bars(path, [row.label for row in rows], bars, printed, "oIoU (%)")
    return path


def _chart_caption(setting: Setting, what: str) -> str:
    text = f"oIoU on {setting.data}, {setting.samples_seen:,} samples seen; a dot for each seed, the bar their mean"
    return text + ("; a line for the paper's number" if setting.compares(what) else "")
