"""What a reproduction would do: its rows, hours, disk space, and what is missing for it."""

import importlib.util
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from asgn.config import ModelConfig
from asgn.errors import UserError
from asgn.experiments.planning.estimate import plan_hours
from asgn.experiments.reproduce.config import ReproductionConfig, Splits, check_weights, open_splits
from asgn.experiments.reproduce.results import Say, counted
from asgn.experiments.reproduce.trained import Stage, stages_of, steps_done
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


def dry_run(config: ReproductionConfig, say: Say) -> list[str]:
    """The lines of a dry run: a row and seed each, the totals, and what is missing.

    Hours come from a few true steps of each network, once for all of its rows and seeds; nothing is kept. A run that
    several rows share, such as one with dense CRF and the same without, counts for the first of them.
    """
    gaps, splits = missing(config)
    costs = _Costs(config, splits, gaps, say)
    first: dict[Path, str] = {}
    width, left = max(len(row.label) for row in config.rows), Cost(0.0, 0.0)
    lines = []
    for seed in config.seeds:
        for row in config.rows:
            for stage in stages_of(config, row, seed):
                taken_from = first.setdefault(stage.folder, row.label)
                where = f"{row.label:{width}}  seed {seed}  "
                if taken_from != row.label:
                    lines.append(f"{where}the run of {taken_from}")
                    continue
                steps, wanted = steps_done(stage.folder), stage.train.steps
                cost = Cost(0.0, 0.0) if steps == wanted else costs.left(stage, steps)
                left = left.plus(cost)
                lines.append(f"{where}{_state(steps, wanted):22} {_text(cost)}")
    free = shutil.disk_usage(_existing(config.runs)).free / 1e6
    if left.megabytes > free:
        gaps.append(f"{left.megabytes - free:,.0f} MB of disk at {config.runs}")
    return [
        f"{config.what} on {config.data}: {counted(len(config.rows), 'row')} x {counted(len(config.seeds), 'seed')}, "
        f"each {config.budget}",
        *lines,
        f"in all {_text(left)}, scoring left out; {free:,.0f} MB are free at {config.runs}",
        *(f"missing: {gap}" for gap in gaps),
    ]


def missing(config: ReproductionConfig) -> tuple[list[str], Splits | None]:
    """What stands in the way, a line each, and the splits if they can be opened."""
    is_table4, weights = config.what == "table4", config.scoring.feature_weights
    needs = [
        (any(row.variant.densecrf for row in config.rows), "pydensecrf", "dense CRF: pip install 'asgn[crf]'"),
        (any(row.variant.backbone == "V" for row in config.rows), "timm", "the backbone V: pip install 'asgn[timm]'"),
        (is_table4, "sklearn", "scikit-learn: pip install 'asgn[svm]'"),
    ]
    lines = [line for needed, module, line in needs if needed and importlib.util.find_spec(module) is None]
    if is_table4 and weights is None and config.scoring.features != "alexnet":
        lines.append("the network that describes masks: give its weights with --weights-features FILE")
    if is_table4 and weights is not None and not weights.is_file():
        lines.append(f"no weights at {weights}: check --weights-features")
    try:
        check_weights(config)
    except UserError as error:
        lines.append(str(error))
    try:
        return lines, open_splits(config)
    except UserError as error:
        return [*lines, str(error)], None


class _Costs:
    """What whole runs take, found once for each network: neither loss nor seed changes its time."""

    def __init__(self, config: ReproductionConfig, splits: Splits | None, gaps: list[str], say: Say) -> None:
        self.config = config
        self.splits = splits
        self.gaps = gaps
        self.say = say
        self.known: dict[tuple[Variant, int], Cost] = {}

    def left(self, stage: Stage, done: int | None) -> Cost:
        """What is left of a run after some steps; a run begun has its place on the disk."""
        key = stage.variant, stage.train.steps
        if key not in self.known:
            self.known[key] = Cost(self._hours(stage), self._megabytes(stage.variant))
        whole = self.known[key]
        share = max(0.0, 1 - (done or 0) / stage.train.steps)
        return Cost(None if whole.hours is None else share * whole.hours, 0.0 if done else whole.megabytes)

    def _megabytes(self, network: Variant) -> float:
        """Both states of a run and its best model."""
        settings = self.config.settings
        words = len(settings.vocabulary) if settings.vocabulary else VOCABULARY_SIZE
        cost = complexity(ModelConfig.for_variant(network, words, **settings.model_changes))
        return _STATES * cost.checkpoint_megabytes + 4 * cost.parameters / 1e6

    def _hours(self, stage: Stage) -> float | None:
        """From steps with random weights, which take as long; None without data, or where a batch does not fit."""
        if self.splits is None:
            return None
        self.say(f"measuring a few steps of {stage.variant}")
        run = replace(stage.run(self.config, self.splits), weights="random", packed=None, start_from=None)
        accelerator = accelerator_of(run.train, self.config.scoring.cpu)
        try:
            return plan_hours(run, accelerator)
        except UserError as error:
            self.gaps.append(f"{stage.variant}: {error}")
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
