"""What a reproduction would do: its rows, hours, disk space, and what is missing for it."""

import importlib.util
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from asgn.config import ModelConfig
from asgn.errors import UserError
from asgn.experiments.planning.estimate import plan_hours
from asgn.experiments.reproduce.outcomes import Say
from asgn.experiments.reproduce.rows import Row, rows_of, seeds_of
from asgn.experiments.reproduce.runs import run_folder, run_plan, steps_done
from asgn.experiments.reproduce.setting import Setting, Splits, check_setting, open_splits
from asgn.experiments.reproduce.summary import counted
from asgn.experiments.runs.assembly import accelerator_of
from asgn.models.complexity import complexity
from asgn.variants import Variant

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

    def plus(self, other: "Cost") -> "Cost":
        """Both; unknown hours of one are unknown in all."""
        hours = None if self.hours is None or other.hours is None else self.hours + other.hours
        return Cost(hours, self.megabytes + other.megabytes)


def dry_run(what: str, setting: Setting, say: Say) -> list[str]:
    """The lines of a dry run: a row and seed each, the totals, and what is missing.

    Hours come from a few true steps of each network, once for all of its rows and seeds; nothing is kept. A run that
    several rows share, such as one with dense CRF and the same without, counts for the first of them.

    Raises:
        UserError: there is no such table or row.
    """
    rows = rows_of(what, setting.backbone, setting.rows, setting.reductions)
    seeds = seeds_of(what, setting.seeds)
    gaps, splits = missing(what, setting, rows)
    costs = _Costs(setting, splits, gaps, say)
    first: dict[Path, str] = {}
    width, left = max(len(row.label) for row in rows), Cost(0.0, 0.0)
    lines = []
    for seed in seeds:
        for row in rows:
            folder = run_folder(setting, row, seed)
            taken_from = first.setdefault(folder, row.label)
            if taken_from != row.label:
                lines.append(f"{row.label:{width}}  seed {seed}  the run of {taken_from}")
                continue
            steps = steps_done(folder)
            cost = Cost(0.0, 0.0) if steps == setting.train.steps else costs.left(row, steps)
            left = left.plus(cost)
            lines.append(f"{row.label:{width}}  seed {seed}  {_state(steps, setting.train.steps):22} {_text(cost)}")
    free = shutil.disk_usage(_existing(setting.runs)).free / 1e6
    if left.megabytes > free:
        gaps.append(f"{left.megabytes - free:,.0f} MB of disk at {setting.runs}")
    return [
        f"{what} on {setting.data}: {counted(len(rows), 'row')} x {counted(len(seeds), 'seed')}, each "
        f"{setting.train.steps:,} steps of {setting.train.batch_size} = {setting.samples_seen:,} samples seen",
        *lines,
        f"in all {_text(left)}, scoring left out; {free:,.0f} MB are free at {setting.runs}",
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


class _Costs:
    """What whole runs take, found once for each network: neither loss nor seed changes its time."""

    def __init__(self, setting: Setting, splits: Splits | None, gaps: list[str], say: Say) -> None:
        self.setting = setting
        self.splits = splits
        self.gaps = gaps
        self.say = say
        self.known: dict[Variant, Cost] = {}

    def left(self, row: Row, done: int | None) -> Cost:
        """What is left of a run after some steps; a run begun has its place on the disk."""
        network = row.variant.without_densecrf()
        if network not in self.known:
            self.known[network] = Cost(self._hours(row), self._megabytes(network))
        whole = self.known[network]
        share = max(0.0, 1 - (done or 0) / self.setting.train.steps)
        return Cost(None if whole.hours is None else share * whole.hours, 0.0 if done else whole.megabytes)

    def _megabytes(self, network: Variant) -> float:
        """Both states of a run and its best model."""
        words = len(self.setting.vocabulary) if self.setting.vocabulary else VOCABULARY_SIZE
        cost = complexity(ModelConfig.for_variant(network, words, **self.setting.model_changes))
        return _STATES * cost.checkpoint_megabytes + 4 * cost.parameters / 1e6

    def _hours(self, row: Row) -> float | None:
        """From steps with random weights, which take as long; None without data, or where a batch does not fit."""
        if self.splits is None:
            return None
        self.say(f"measuring a few steps of {row.label}")
        plan = replace(run_plan(self.setting, self.splits, row, 0), weights="random", packed=None)
        accelerator = accelerator_of(self.setting.train, self.setting.cpu)
        try:
            return plan_hours(plan, accelerator)
        except UserError as error:
            self.gaps.append(f"{row.label}: {error}")
            return None
        finally:
            accelerator.free_memory()


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
