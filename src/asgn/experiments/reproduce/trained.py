"""Trained rows: taken where a run of the same settings exists, continued where one was stopped, else trained."""

import json
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from asgn.checkpoint import Model, load_model, read_header
from asgn.config import LossConfig, ModelConfig, TrainConfig
from asgn.data.files.json_file import read_json
from asgn.data.types import ReferringDataset
from asgn.errors import CheckpointError, DataError
from asgn.experiments.reproduce.config import ReproductionConfig, Scoring, Splits
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.runs.assembly import RunConfig, accelerator_of, run_settings
from asgn.experiments.runs.leaks import leak_stamp_of
from asgn.experiments.runs.train import train_run
from asgn.files import atomic_write_json
from asgn.inference.segmenter import Segmenter
from asgn.models.weights_file import sha256_of
from asgn.training.loop import LAST, PREVIOUS
from asgn.training.recorder import METRICS, read_metrics
from asgn.training.state import first_difference
from asgn.variants import Variant

_NEXT_SEED = 1_000_003
"""Added to the seed of a run that goes on from another, so that it does not see the same batches again."""


@dataclass(frozen=True)
class TrainedRow:
    """A row with one seed, trained to the last step; that step's weights are used, not the best ones on any split."""

    row: Row
    seed: int
    folder: Path

    @cached_property
    def header(self) -> dict[str, Any]:
        """What the checkpoint says of itself."""
        return read_header(self.folder / LAST)

    @cached_property
    def model(self) -> Model:
        """The trained model, read when first asked for."""
        return load_model(self.folder / LAST)

    def segmenter(self, scoring: Scoring) -> Segmenter:
        """The model at work, with dense CRF where the row has it."""
        return Segmenter(self.model, scoring.device, self.row.variant.densecrf)

    def leak_stamp(self, data: ReferringDataset) -> str:
        """What the checkpoint's audit has to say of a score on this split."""
        return leak_stamp_of(self.model, data)

    @property
    def training_seconds(self) -> float:
        """Time spent in steps, validation and saving left out."""
        lines = [line for line in read_metrics(self.folder / METRICS) if line["kind"] == "train"]
        batch_size = self.header["training"]["settings"]["train"]["batch_size"]
        before = [0, *(line["step"] for line in lines)]
        steps = (line["step"] - start for start, line in zip(before, lines, strict=False))
        return math.fsum(
            line.get("seconds", n * batch_size / line["samples_per_second"])
            for n, line in zip(steps, lines, strict=True)
        )

    def remember(
        self,
        name: str,
        data: ReferringDataset,
        scoring: Scoring,
        compute: Callable[[], dict[str, Any]],
        **further: Any,
    ) -> dict[str, Any]:
        """The result of `compute` on a split, kept beside the run and read from there while nothing has changed.

        Raises:
            OutputError: the file cannot be written.
        """
        key = {
            "weights": zlib.crc32(json.dumps(self.header["checksums"], sort_keys=True).encode()),
            "fingerprint": data.fingerprint(),
            "protocol": scoring.protocol,
            "limit": scoring.limit,
            **further,
        }
        path = self.folder / "scores" / f"{name}{'-densecrf' if self.row.variant.densecrf else ''}.json"
        try:
            stored = read_json(path) if path.exists() else None
        except DataError:
            stored = None
        if isinstance(stored, dict) and stored.get("of") == key:
            return stored
        result = {"of": key, **compute()}
        atomic_write_json(path, result)
        return result


@dataclass(frozen=True)
class Stage:
    """One of the runs that make a row."""

    variant: Variant
    folder: Path
    train: TrainConfig
    losses: LossConfig
    start_from: Path | None = None

    def run(self, config: ReproductionConfig, splits: Splits) -> RunConfig:
        """The same with all that the runs of a reproduction share."""
        return RunConfig(
            **{**vars(config.settings), **vars(self)}, train_data=splits.train, validation_data=splits.validation
        )


def stages_of(config: ReproductionConfig, row: Row, seed: int) -> list[Stage]:
    """The runs that make a row, one after the other; a folder's name has whatever of the loss is not the default.

    In a paired reproduction the first is without AT, for as many steps as the warm-up has (half of all without one),
    and a row without AT shares it with the row that has it. Both go on from there for the rest of the steps.
    """
    losses, settings = row.losses(config.settings.losses), config.settings.train

    def stage(variant: Variant, part: str, train: TrainConfig, start_from: Path | None = None) -> Stage:
        """The run of a variant; without AT nothing that is D's alone is in its settings."""
        own = losses if variant.adversarial else losses.without_adversary
        train = train if variant.adversarial else replace(train, discriminator_learning_rate=0.0)
        changed = [f"{name}={value}" for name, value in own.changed().items()]
        folder = config.runs / f"{','.join([f'{config.data}-{variant}', *changed])}{part}-seed{seed}"
        return Stage(variant, folder, train, own, start_from)

    variant = row.variant.without_densecrf()
    if not config.is_paired:
        return [stage(variant, "", replace(settings, seed=seed))]
    begin = settings.warmup_steps or settings.steps // 2
    first = stage(
        replace(variant, adversarial=False), "-start", replace(settings, steps=begin, warmup_steps=0, seed=seed)
    )
    rest = replace(settings, steps=settings.steps - begin, warmup_steps=0, seed=(seed + _NEXT_SEED) % 2**32)
    return [first, stage(variant, "-paired", rest, first.folder / LAST)]


def ensure_trained(config: ReproductionConfig, splits: Splits, row: Row, seed: int) -> TrainedRow:
    """Take, continue or make the runs of a row.

    Raises:
        UserError: a run that is there has other settings, or training failed.
        KeyboardInterrupt: a signal stopped training; its state is saved.
    """
    stages = stages_of(config, row, seed)
    for stage in stages:
        run, done = stage.run(config, splits), steps_done(stage.folder)
        if done is not None:
            check_same_run(read_header(run.folder / LAST), run)
        if done != run.train.steps:
            is_begun = (run.folder / LAST).exists() or (run.folder / PREVIOUS).exists()
            train(replace(run, resume=is_begun), config.scoring.cpu)
    return TrainedRow(row, seed, stages[-1].folder)


def train(run: RunConfig, cpu: bool) -> None:
    """Train as configured. Raises as `ensure_trained`."""
    accelerator = accelerator_of(run.train, cpu)
    try:
        is_complete = train_run(run, accelerator)
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


def check_same_run(header: dict[str, Any], run: RunConfig) -> None:
    """Compare a run that exists with the one that is wanted.

    Raises:
        CheckpointError: they differ; the message names the first difference.
    """
    config = ModelConfig.for_variant(run.variant, header["model"]["vocabulary_size"], **run.model_changes)
    found = {**header["training"]["settings"], "model": header["model"]}
    what = first_difference(found, {**run_settings(run), "model": config.to_json()})
    old, new = _weights(header, run)
    if what is None and old != new:
        what = f"weights was {old!r} and is now {new!r}"
    if what is None and run.vocabulary is not None and header["vocabulary"].get("words") != list(run.vocabulary.words):
        what = "another vocabulary"
    if what is not None:
        raise CheckpointError(f"{run.folder} holds a run with other settings: {what}; choose another --runs")
    if header["training"]["step"] > run.train.steps:
        longer = f"{header['training']['step']} steps, not {run.train.steps}"
        raise CheckpointError(f"{run.folder} holds a run of {longer}: choose another --runs")


def _weights(header: dict[str, Any], run: RunConfig) -> tuple[Any, Any]:
    """What names the backbone's first weights: the digest of a file, or whether they are random."""
    backbone = header["provenance"].get("backbone", {})
    if isinstance(run.weights, Path):
        return backbone.get("sha256"), sha256_of(run.weights)
    if isinstance(run.weights, tuple):
        parts = backbone.get("parts", {}).values()
        return [part["sha256"] for part in parts], [sha256_of(path) for path in run.weights]
    return backbone.get("source") == "random", run.weights == "random"
