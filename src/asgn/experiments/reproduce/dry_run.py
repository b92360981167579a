"""What a reproduction would do: its rows, disk space, and what is missing for it."""

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

from asgn.config import ModelConfig
from asgn.errors import UserError
from asgn.experiments.reproduce.rows import Row, rows_of
from asgn.experiments.reproduce.runs import run_folder, steps_done
from asgn.experiments.reproduce.setting import Setting, check_setting, open_splits
from asgn.models.complexity import complexity

VOCABULARY_SIZE = 12112
"""Taken for a vocabulary that is not given: that of the COCO data sets (protocol section 1)."""
_STATES = 2
"""A run keeps its newest state and the one before."""


def dry_run(what: str, setting: Setting) -> list[str]:
    """The lines of a dry run: a row and seed each, the totals, and what is missing.

    Raises:
        UserError: there is no such table or row.
    """
    rows = rows_of(what, setting.backbone, setting.rows, setting.reductions)
    lines = [
        f"{what} on {setting.data}: {len(rows)} rows x {len(setting.seeds)} seeds, each {setting.train.steps:,} steps "
        f"of {setting.train.batch_size} = {setting.samples_seen:,} samples seen"
    ]
    width = max(len(row.label) for row in rows)
    needed, waiting = 0.0, 0
    for seed in setting.seeds:
        for row in rows:
            done = steps_done(run_folder(setting, row, seed))
            megabytes = 0.0 if done is not None else _megabytes(setting, row)
            needed += megabytes
            waiting += done != setting.train.steps
            lines.append(f"{row.label:{width}}  seed {seed}  {_state(setting, done):24} {megabytes:8,.0f} MB")
    free = shutil.disk_usage(_existing(setting.runs)).free / 1e6
    lines.append(f"{waiting} runs to train; disk {needed:,.0f} MB of {free:,.0f} MB free at {setting.runs}")
    if needed > free:
        lines.append(f"missing: {needed - free:,.0f} MB of disk at {setting.runs}")
    return lines + [f"missing: {line}" for line in missing(what, setting, rows)]


def missing(what: str, setting: Setting, rows: list[Row]) -> list[str]:
    """What stands in the way, a line each; empty where all is there."""
    needs: list[tuple[bool, str, str]] = [
        (any(row.variant.densecrf for row in rows), "pydensecrf", "dense CRF: pip install 'asgn[crf]'"),
        (what == "table4", "sklearn", "scikit-learn: pip install 'asgn[svm]'"),
    ]
    lines = [line for needed, module, line in needs if needed and importlib.util.find_spec(module) is None]
    weights = setting.features.weights
    if what == "table4" and weights is None and setting.features.name != "alexnet":
        lines.append("the network's weights: give them with --weights-features FILE")
    if what == "table4" and weights is not None and not weights.is_file():
        lines.append(f"no weights at {weights}: check --weights-features")
    checks: list[Callable[[], object]] = [
        lambda: check_setting(setting, what),
        lambda: open_splits(setting, what),
    ]
    for check in checks:
        try:
            check()
        except UserError as error:
            lines.append(str(error))
    return lines


def _state(setting: Setting, done: int | None) -> str:
    if done is None:
        return "to train"
    return "trained" if done == setting.train.steps else f"{done:,} of {setting.train.steps:,} steps"


def _megabytes(setting: Setting, row: Row) -> float:
    """Both states of a run and its best model."""
    vocabulary = len(setting.vocabulary) if setting.vocabulary else VOCABULARY_SIZE
    cost = complexity(ModelConfig.for_variant(row.variant, vocabulary, **setting.model_changes))
    return _STATES * cost.checkpoint_megabytes + 4 * cost.parameters / 1e6


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder.resolve(), *folder.resolve().parents) if path.is_dir())
