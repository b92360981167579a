"""Rows done one after the other: what each gave, or the line with which it failed."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from asgn.data.files.json_file import read_json
from asgn.errors import DataError, UserError
from asgn.experiments.report import Section
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.runs import TrainedRow, ensure_trained
from asgn.experiments.reproduce.setting import Setting, Splits
from asgn.files import atomic_write_json

_LOG = logging.getLogger(__name__)

T = TypeVar("T")
Say = Callable[[str], None]
"""Takes a line for the user."""


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What one row gave with one seed."""

    row: Row
    seed: int
    value: T | None
    """None where the row failed."""
    failure: str | None = None


@dataclass(frozen=True)
class Findings:
    """What a table or figure has to say."""

    outcomes: Sequence[Outcome[Any]]
    sections: list[Section]
    stamps: list[str]
    """What each score says of images seen in training, with its split."""


def run_rows(
    setting: Setting, splits: Splits, rows: Sequence[Row], measure: Callable[[TrainedRow], T], say: Say
) -> list[Outcome[T]]:
    """Train and measure every row with the first seed, then with the next; a row that fails does not end the others.

    Raises:
        KeyboardInterrupt: a signal came; a repeated call goes on from there.
    """
    outcomes: list[Outcome[T]] = []
    total = len(rows) * len(setting.seeds)
    for seed in setting.seeds:
        for row in rows:
            say(f"[{len(outcomes) + 1}/{total}] {row.label}, seed {seed}")
            outcomes.append(_run_row(setting, splits, row, seed, measure))
            if outcomes[-1].failure:
                say(f"  failed: {outcomes[-1].failure}")
    return outcomes


def _run_row(setting: Setting, splits: Splits, row: Row, seed: int, measure: Callable[[TrainedRow], T]) -> Outcome[T]:
    try:
        return Outcome(row, seed, measure(ensure_trained(setting, splits, row, seed)))
    except UserError as error:
        return Outcome(row, seed, None, str(error))
    except Exception as error:
        _LOG.debug("row %s failed", row.label, exc_info=True)
        first_line = next(iter(str(error).splitlines()), "")
        return Outcome(row, seed, None, f"{type(error).__name__}: {first_line}")


def remember(path: Path, key: Mapping[str, Any], compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of `compute`, kept in a file and read from there while its `key` is the same.

    Raises:
        OutputError: the file cannot be written.
    """
    wanted = dict(key)
    if path.exists():
        try:
            stored = read_json(path)
        except DataError:
            stored = None
        if isinstance(stored, dict) and stored.get("of") == wanted:
            return stored
    result = {"of": wanted, **compute()}
    atomic_write_json(path, result)
    return result
