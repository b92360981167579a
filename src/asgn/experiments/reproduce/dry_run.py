"""What a reproduction would do: its rows, hours, disk space, and what is missing for it."""

import dataclasses
import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator

from asgn.config import ModelConfig
from asgn.errors import UserError
from asgn.experiments.plan import plan_run
from asgn.experiments.reproduce.outcomes import Say
from asgn.experiments.reproduce.rows import Row, rows_of
from asgn.experiments.reproduce.runs import run_folder, run_plan, steps_done
from asgn.experiments.reproduce.setting import Setting, Splits, check_setting, open_splits
from asgn.models.complexity import complexity

VOCABULARY_SIZE = 12112
"""Taken for a vocabulary that is not given: that of the COCO data sets (protocol section 1)."""
_STATES = 2
"""A run keeps its newest state and the one before."""


@dataclass(frozen=True)
class Cost:
    """What a row takes that has not begun."""

    hours: float | None
    """None where nothing could be measured."""
    megabytes: float


def dry_run(what: str, setting: Setting, say: Say) -> list[str]:
    """The lines of a dry run: a row and seed each, the totals, and what is missing.

    Hours come from true steps of each row, which takes about a minute for each; nothing is kept.

    Raises:
        UserError: there is no such table or row.
    """
    rows = rows_of(what, setting.backbone, setting.rows, setting.reductions)
    gaps, splits = missing(what, setting, rows)
    done = {(row.label, seed): steps_done(run_folder(setting, row, seed)) for seed in setting.seeds for row in rows}
    wanted = setting.train.steps
    waiting = [row for row in rows if any(done[row.label, seed] != wanted for seed in setting.seeds)]
    costs = {row.label: _cost(setting, splits, row, say) for row in waiting}
    width = max(len(row.label) for row in rows)
    lines, hours, megabytes = [], 0.0, 0.0
    for seed in setting.seeds:
        for row in rows:
            steps = done[row.label, seed]
            cost = _left(costs.get(row.label), steps, wanted)
            hours, megabytes = hours + (cost.hours or 0.0), megabytes + cost.megabytes
            lines.append(f"{row.label:{width}}  seed {seed}  {_state(steps, wanted):22} {_text(cost)}")
    total = Cost(hours if splits is not None else None, megabytes)
    free = shutil.disk_usage(_existing(setting.runs)).free / 1e6
    if megabytes > free:
        gaps.append(f"{megabytes - free:,.0f} MB of disk at {setting.runs}")
    return [
        f"{what} on {setting.data}: {len(rows)} rows x {len(setting.seeds)} seeds, each {wanted:,} steps of "
        f"{setting.train.batch_size} = {setting.samples_seen:,} samples seen",
        *lines,
        f"in all {_text(total)}; {free:,.0f} MB are free at {setting.runs}",
        *(f"missing: {gap}" for gap in gaps),
    ]


def missing(what: str, setting: Setting, rows: list[Row]) -> tuple[list[str], Splits | None]:
    """What stands in the way, a line each, and the splits if they can be opened."""
    needs = [
        (any(row.variant.densecrf for row in rows), "pydensecrf", "dense CRF: pip install 'asgn[crf]'"),
        (what == "table4", "sklearn", "scikit-learn: pip install 'asgn[svm]'"),
    ]
    lines = [line for needed, module, line in needs if needed and importlib.util.find_spec(module) is None]
    weights = setting.features.weights
    if what == "table4" and weights is None and setting.features.name != "alexnet":
        lines.append("the network that describes masks: give its weights with --weights-features FILE")
    if what == "table4" and weights is not None and not weights.is_file():
        lines.append(f"no weights at {weights}: check --weights-features")
    try:
        check_setting(setting, what, {row.variant.backbone for row in rows})
    except UserError as error:
        lines.append(str(error))
    try:
        return lines, open_splits(setting, what)
    except UserError as error:
        return [*lines, str(error)], None


def _cost(setting: Setting, splits: Splits | None, row: Row, say: Say) -> Cost:
    """Both states of a run and its best model; hours from steps with random weights, which take as long."""
    vocabulary = len(setting.vocabulary) if setting.vocabulary else VOCABULARY_SIZE
    cost = complexity(ModelConfig.for_variant(row.variant, vocabulary, **setting.model_changes))
    megabytes = _STATES * cost.checkpoint_megabytes + 4 * cost.parameters / 1e6
    if splits is None:
        return Cost(None, megabytes)
    say(f"measuring steps of {row.label}")
    plan = dataclasses.replace(run_plan(setting, splits, row, 0), weights="random", packed=None)
    try:
        accelerator = Accelerator(cpu=setting.cpu, mixed_precision=setting.train.precision)
        return Cost(plan_run(plan, accelerator).hours, megabytes)
    except UserError as error:
        say(f"  {error}")
        return Cost(None, megabytes)


def _left(cost: Cost | None, done: int | None, wanted: int) -> Cost:
    """What is left of a row's cost after some steps."""
    if cost is None or done == wanted:
        return Cost(0.0, 0.0)
    share = 1 - (done or 0) / wanted
    return Cost(None if cost.hours is None else max(0.0, share) * cost.hours, 0.0 if done else cost.megabytes)


def _text(cost: Cost) -> str:
    hours = "hours unknown" if cost.hours is None else f"{cost.hours:.2f} h"
    return f"{hours:>13}  {cost.megabytes:10,.0f} MB"


def _state(done: int | None, wanted: int) -> str:
    if done is None:
        return "to train"
    return "trained" if done == wanted else f"{done:,} of {wanted:,} steps"


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder.resolve(), *folder.resolve().parents) if path.is_dir())
