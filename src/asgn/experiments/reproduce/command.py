"""From the name of a table or figure to its page."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asgn.experiments.reproduce.cost_table import cost_table
from asgn.experiments.reproduce.failures import failure_figure
from asgn.experiments.reproduce.outcomes import Findings, Say
from asgn.experiments.reproduce.pages import budget_section, failure_section, notes_section, write_pages
from asgn.experiments.reproduce.panels import panel_figure
from asgn.experiments.reproduce.progress_figures import curve_figure, step_figure
from asgn.experiments.reproduce.rows import Row, rows_of, seeds_of
from asgn.experiments.reproduce.score_tables import score_table
from asgn.experiments.reproduce.separability_table import separability_table
from asgn.experiments.reproduce.setting import Setting, Splits, check_setting, open_splits
from asgn.files import ensure_writable_folder


@dataclass(frozen=True)
class Reproduction:
    """The pages of one table or figure."""

    files: list[Path]
    """HTML, Markdown, then pictures."""
    runs: int
    """Rows times seeds."""
    failed: list[str]
    """A line for each that failed."""


def reproduce(what: str, setting: Setting, say: Say) -> Reproduction:
    """Train, score and write what is missing for one table or figure.

    Raises:
        UserError: there is no such table, or the data, weights or output folder cannot be used.
        KeyboardInterrupt: a signal stopped it; a repeated call goes on from there.
    """
    rows = rows_of(what, setting.backbone, setting.rows, setting.reductions)
    check_setting(setting, what, {row.variant.backbone for row in rows})
    setting = dataclasses.replace(setting, seeds=seeds_of(what, setting.seeds))
    splits = open_splits(setting, what)
    for folder in (setting.out, setting.runs):
        ensure_writable_folder(folder)
    found = _find(what, setting, splits, rows, say)
    sections = [
        budget_section(setting, splits, found.stamps),
        *failure_section(found.outcomes),
        *found.sections,
        *notes_section(what),
    ]
    files = write_pages(setting, what, sections)
    failed = [f"{one.row.label}, seed {one.seed}: {one.failure}" for one in found.outcomes if one.failure]
    return Reproduction(files, len(found.outcomes), failed)


def _find(what: str, setting: Setting, splits: Splits, rows: Sequence[Row], say: Say) -> Findings:
    match what:
        case "table4":
            return separability_table(setting, splits, rows, say)
        case "table5":
            return cost_table(setting, splits, rows, say)
        case "figure4" | "figure5":
            return panel_figure(setting, splits, what, rows, say)
        case "figure6":
            return step_figure(setting, splits, rows, say)
        case "figure7":
            return curve_figure(setting, splits, rows, say)
        case "figure8":
            return failure_figure(setting, splits, rows, say)
    return score_table(setting, splits, what, rows, say)
