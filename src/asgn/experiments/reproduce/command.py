"""From the name of a table or figure to its page."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from asgn.experiments.report import Section
from asgn.experiments.reproduce.outcomes import Outcome, Say, run_rows
from asgn.experiments.reproduce.pages import budget_section, failure_section, notes_section, stamps_of, write_pages
from asgn.experiments.reproduce.rows import Row, rows_of
from asgn.experiments.reproduce.score_tables import score_sections
from asgn.experiments.reproduce.scores import score_row
from asgn.experiments.reproduce.setting import Setting, Splits, check_setting, open_splits
from asgn.files import ensure_writable_folder


@dataclass(frozen=True)
class Reproduction:
    """The pages of one table or figure."""

    files: list[Path]
    """HTML, Markdown, then pictures."""
    rows: int
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
    check_setting(setting, what)
    splits = open_splits(setting, what)
    ensure_writable_folder(setting.out)
    outcomes, sections = _score_table(setting, splits, what, rows, say)
    files = write_pages(setting, what, sections)
    failed = [f"{outcome.row.label}, seed {outcome.seed}: {outcome.failure}" for outcome in outcomes if outcome.failure]
    return Reproduction(files, len(outcomes), failed)


def _score_table(
    setting: Setting, splits: Splits, what: str, rows: Sequence[Row], say: Say
) -> tuple[Sequence[Outcome[Any]], list[Section]]:
    outcomes = run_rows(setting, splits, rows, partial(score_row, setting, splits.scored), say)
    return outcomes, [
        budget_section(setting, splits, stamps_of(outcomes)),
        *failure_section(outcomes),
        *score_sections(setting, splits, what, rows, outcomes),
        *notes_section(what),
    ]
