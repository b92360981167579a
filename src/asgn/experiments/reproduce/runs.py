"""Trained rows: taken where a run of the same settings exists, continued where one broke off, else trained."""

import json
import math
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from asgn.checkpoint import Model, load_model, read_header
from asgn.config import LossConfig, ModelConfig, TrainConfig
from asgn.errors import CheckpointError
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.setting import Setting, Splits, changed_losses
from asgn.experiments.runs.assembly import RunPlan, run_settings
from asgn.experiments.runs.train import train_run
from asgn.models.weights_file import sha256_of
from asgn.training.loop import LAST, PREVIOUS
from asgn.training.recorder import METRICS, read_metrics


@dataclass(frozen=True)
class TrainedRow:
    """A row with one seed, trained to the last step; that step's weights are used, not the best ones on any split."""

    row: Row
    seed: int
    checkpoint: Path

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.checkpoint.parent

    @cached_property
    def header(self) -> dict[str, Any]:
        """What the checkpoint says of itself."""
        return read_header(self.checkpoint)

    @cached_property
    def model(self) -> Model:
        """The trained model, read when first asked for."""
        return load_model(self.checkpoint)

    @property
    def identity(self) -> int:
        """A number that changes with any weight."""
        return zlib.crc32(json.dumps(self.header["checksums"], sort_keys=True).encode())

    @property
    def training_seconds(self) -> float:
        """Time spent in steps, validation and saving left out."""
        lines = [line for line in read_metrics(self.folder / METRICS) if line["kind"] == "train"]
        batch_size = self.header["training"]["settings"]["train"]["batch_size"]
        before = [0, *(line["step"] for line in lines)]
        steps = (line["step"] - start for start, line in zip(before, lines, strict=False))
        return math.fsum(n * batch_size / line["samples_per_second"] for n, line in zip(steps, lines, strict=True))


def run_folder(setting: Setting, row: Row, seed: int) -> Path:
    """Where a run lies: data, variant, seed, and each field of the loss that is not the default."""
    losses = [f"{name}={value}" for name, value in changed_losses(row.losses(setting.losses)).items()]
    name = ",".join([f"{setting.data}-{row.variant.without_densecrf()}", *losses])
    return setting.runs / f"{name}-seed{seed}"


def run_plan(setting: Setting, splits: Splits, row: Row, seed: int) -> RunPlan:
    """The training of one row with one seed."""
    return RunPlan(
        variant=row.variant.without_densecrf(),
        train_data=splits.train,
        validation_data=splits.validation,
        folder=run_folder(setting, row, seed),
        train=replace(setting.train, seed=seed),
        losses=row.losses(setting.losses),
        model_changes=setting.model_changes,
        vocabulary=setting.vocabulary,
        weights=setting.weights,
        packed=setting.packed,
        image_lists=setting.image_lists,
        allow_leak=setting.allow_leak,
        quiet=setting.quiet,
    )


def ensure_trained(setting: Setting, splits: Splits, row: Row, seed: int) -> TrainedRow:
    """Take, continue or make the run of a row.

    Raises:
        UserError: the run that is there has other settings, or training failed.
        KeyboardInterrupt: a signal stopped training; its state is saved.
    """
    plan = run_plan(setting, splits, row, seed)
    trained = TrainedRow(row, seed, plan.folder / LAST)
    done = steps_done(plan.folder)
    if done is not None:
        check_same_run(trained.header, plan)
    if done != plan.train.steps:
        is_begun = (plan.folder / LAST).exists() or (plan.folder / PREVIOUS).exists()
        train(replace(plan, resume=is_begun), setting.cpu)
    return TrainedRow(row, seed, plan.folder / LAST)


def train(plan: RunPlan, cpu: bool) -> None:
    """Train as planned. Raises as `ensure_trained`."""
    accelerator = Accelerator(cpu=cpu, mixed_precision=plan.train.precision)
    try:
        is_complete = train_run(plan, accelerator)
    finally:
        accelerator.free_memory()
    if not is_complete:
        raise KeyboardInterrupt


def steps_done(folder: Path) -> int | None:
    """Steps of the newest state in a folder; None where there is none that is whole."""
    try:
        return int(read_header(folder / LAST)["training"]["step"])
    except (CheckpointError, KeyError):
        return None


def check_same_run(header: dict[str, Any], plan: RunPlan) -> None:
    """Compare a run that exists with the one that is wanted; a setting unknown when it was made had its default.

    Raises:
        CheckpointError: they differ; the message names the first difference.
    """
    found, wanted = header["training"]["settings"], run_settings(plan)
    config = ModelConfig.for_variant(plan.variant, header["model"]["vocabulary_size"], **plan.model_changes)
    defaults = {**vars(TrainConfig()), **vars(LossConfig()), **vars(ModelConfig())}
    pairs = [
        *(
            (name, found[part].get(name, defaults.get(name)), value)
            for part in wanted
            for name, value in wanted[part].items()
        ),
        *((name, header["model"].get(name, defaults[name]), value) for name, value in vars(config).items()),
        ("weights", *_weights(header, plan)),
    ]
    if plan.vocabulary is not None:
        pairs.append(("vocabulary", header["vocabulary"]["words"], list(plan.vocabulary.words)))
    for name, old, new in pairs:
        if old != new:
            what = f"{name} was {old!r} and is now {new!r}" if name != "vocabulary" else "another vocabulary"
            raise CheckpointError(f"{plan.folder} holds a run with other settings: {what}; choose another --runs")
    if header["training"]["step"] > plan.train.steps:
        longer = f"{header['training']['step']} steps, not {plan.train.steps}"
        raise CheckpointError(f"{plan.folder} holds a run of {longer}: choose another --runs")


def _weights(header: dict[str, Any], plan: RunPlan) -> tuple[Any, Any]:
    """What names the backbone's first weights: the digest of a file, or whether they are random."""
    backbone = header["provenance"].get("backbone", {})
    if isinstance(plan.weights, Path):
        return backbone.get("sha256"), sha256_of(plan.weights)
    return backbone.get("source") == "random", plan.weights == "random"
