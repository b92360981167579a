"""Trained rows: taken where a run of the same settings exists, continued where one broke off, else trained."""

import json
import math
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from asgn.checkpoint import Model, load_model, read_header
from asgn.config import ModelConfig
from asgn.errors import CheckpointError
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.setting import Setting, Splits
from asgn.experiments.runs.assembly import RunConfig, accelerator_of, run_settings
from asgn.experiments.runs.train import train_run
from asgn.models.weights_file import sha256_of
from asgn.training.loop import LAST, PREVIOUS
from asgn.training.recorder import METRICS, read_metrics
from asgn.training.state import first_difference


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
    losses = [f"{name}={value}" for name, value in row.losses(setting.losses).changed().items()]
    name = ",".join([f"{setting.data}-{row.variant.without_densecrf()}", *losses])
    return setting.runs / f"{name}-seed{seed}"


def run_plan(setting: Setting, splits: Splits, row: Row, seed: int) -> RunConfig:
    """The training of one row with one seed."""
    return RunConfig(
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


def train(plan: RunConfig, cpu: bool) -> None:
    """Train as planned. Raises as `ensure_trained`."""
    accelerator = accelerator_of(plan.train, cpu)
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


def check_same_run(header: dict[str, Any], plan: RunConfig) -> None:
    """Compare a run that exists with the one that is wanted.

    Raises:
        CheckpointError: they differ; the message names the first difference.
    """
    config = ModelConfig.for_variant(plan.variant, header["model"]["vocabulary_size"], **plan.model_changes)
    found = {**header["training"]["settings"], "model": header["model"]}
    what = first_difference(found, {**run_settings(plan), "model": config.to_json()})
    old, new = _weights(header, plan)
    if what is None and old != new:
        what = f"weights was {old!r} and is now {new!r}"
    if what is None and plan.vocabulary is not None and header["vocabulary"]["words"] != list(plan.vocabulary.words):
        what = "another vocabulary"
    if what is not None:
        raise CheckpointError(f"{plan.folder} holds a run with other settings: {what}; choose another --runs")
    if header["training"]["step"] > plan.train.steps:
        longer = f"{header['training']['step']} steps, not {plan.train.steps}"
        raise CheckpointError(f"{plan.folder} holds a run of {longer}: choose another --runs")


def _weights(header: dict[str, Any], plan: RunConfig) -> tuple[Any, Any]:
    """What names the backbone's first weights: the digest of a file, or whether they are random."""
    backbone = header["provenance"].get("backbone", {})
    if isinstance(plan.weights, Path):
        return backbone.get("sha256"), sha256_of(plan.weights)
    return backbone.get("source") == "random", plan.weights == "random"
