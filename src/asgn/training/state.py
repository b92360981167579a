"""All that changes while a run proceeds, to and from one checkpoint file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.amp import GradScaler
from torch.optim import Optimizer

from asgn.checkpoint import (
    GENERATOR,
    Model,
    model_header,
    prefixed,
    read_tensors,
    unprefixed,
    write_tensors,
)
from asgn.config import LossConfig, ModelConfig, TrainConfig
from asgn.errors import CheckpointError
from asgn.models.discriminator import Discriminator
from asgn.models.weights_file import load_exactly
from asgn.training.average import AveragedGenerator
from asgn.training.optimizers import load_optimizer_tensors, optimizer_tensors

DISCRIMINATOR = "discriminator."
OPTIMIZER = "optimizer."
DISCRIMINATOR_OPTIMIZER = "discriminator_optimizer."
AVERAGE = "average."
RANDOM = "random"
RANDOM_OF_GPU = "random_of_gpu"
PAPER_SIZE = 320
"""Image size in pixels of the paper, at which a summed cross entropy has always meant the same."""

Settings = Mapping[str, Mapping[str, Any]]
"""Named settings by their part: model, train, losses, data."""

_DEFAULTS: Settings = {
    "model": ModelConfig().to_json(),
    "train": TrainConfig().to_json(),
    "losses": LossConfig().to_json(),
}


@dataclass
class TrainingState:
    """Networks, optimisers and progress of a run. The data's position is the step itself."""

    model: Model
    optimizer: Optimizer
    discriminator: Discriminator | None
    discriminator_optimizer: Optimizer | None
    settings: dict[str, Any]
    """Configuration and data of the run, as JSON values; a resumed run must agree with them."""
    average: AveragedGenerator | None = None
    step: int = 0
    best_score: float | None = None
    scaler: GradScaler | None = None
    """What fp16 multiplies losses by; without it there is none."""

    def to(self, device: torch.device) -> None:
        """Move the generator, and its average, to a device; D follows when its step is built."""
        self.model.generator.to(device)
        if self.average is not None:
            self.average.network.to(device)

    @property
    def evaluated(self) -> Model:
        """The model that is validated and kept: with averaged weights where they are averaged."""
        return self.model if self.average is None else replace(self.model, generator=self.average.network)

    def save(self, path: Path, keep_as: Path | None = None) -> None:
        """Write everything, the older file going to `keep_as`.

        Raises:
            OutputError: the file cannot be written; the older one then stays whole.
        """
        progress = {"step": self.step, "best_score": self.best_score, "settings": self.settings}
        if self.scaler is not None:
            progress["scaler"] = self.scaler.state_dict()
        write_tensors(path, self._tensors(), model_header(self.model) | {"training": progress}, keep_as)

    def restore(self, path: Path) -> None:
        """Continue from a file that `save` wrote.

        Raises:
            CheckpointError: the file is damaged, of another variant, or of a run with other settings.
        """
        tensors, header = read_tensors(path)
        try:
            progress, described = header["training"], header["model"]
        except KeyError as error:
            raise CheckpointError(f"{path} holds a model but no training state: give the last.safetensors") from error
        self._check_same_run(path, described, progress["settings"])
        load_exactly(self.model.generator, unprefixed(GENERATOR, tensors), str(path))
        load_optimizer_tensors(self.optimizer, unprefixed(OPTIMIZER, tensors))
        if self.discriminator is not None and self.discriminator_optimizer is not None:
            load_exactly(self.discriminator, unprefixed(DISCRIMINATOR, tensors), str(path))
            load_optimizer_tensors(self.discriminator_optimizer, unprefixed(DISCRIMINATOR_OPTIMIZER, tensors))
        if self.average is not None:
            self.average.load(unprefixed(AVERAGE, tensors))
        torch.set_rng_state(tensors[RANDOM])
        if RANDOM_OF_GPU in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors[RANDOM_OF_GPU])
        self.model.provenance.update(header["provenance"])
        self.step, self.best_score = progress["step"], progress["best_score"]
        if self.scaler is not None and "scaler" in progress:
            self.scaler.load_state_dict(progress["scaler"])

    def _check_same_run(self, path: Path, described: dict[str, Any], settings: dict[str, Any]) -> None:
        own = model_header(self.model)["model"]
        if difference := first_difference({"model": described}, {"model": own}):
            raise CheckpointError(
                f"{path} is a checkpoint of {described['variant']}, this run trains {own['variant']}: "
                f"{difference}; choose another --out"
            )
        if difference := first_difference(settings, self.settings):
            raise CheckpointError(f"{path} belongs to a run with other settings: {difference}; choose another --out")
        losses, size = self.settings["losses"], self.model.config.image_size
        is_older = "real_label" not in settings["losses"]  # its cross entropy was summed over its own grid
        if is_older and self.discriminator is not None and losses["ce_reduction"] == "sum" and size != PAPER_SIZE:
            raise CheckpointError(
                f"{path} was begun by an earlier version, whose lambda weighed the cross entropy otherwise at {size} "
                "pixels (docs/protocol.md, section 6): choose another --out"
            )

    def _tensors(self) -> dict[str, Tensor]:
        tensors = prefixed(GENERATOR, self.model.generator.state_dict())
        tensors |= prefixed(OPTIMIZER, optimizer_tensors(self.optimizer))
        if self.discriminator is not None and self.discriminator_optimizer is not None:
            tensors |= prefixed(DISCRIMINATOR, self.discriminator.state_dict())
            tensors |= prefixed(DISCRIMINATOR_OPTIMIZER, optimizer_tensors(self.discriminator_optimizer))
        if self.average is not None:
            tensors |= prefixed(AVERAGE, self.average.tensors())
        if torch.cuda.is_available():  # where D's dropout draws
            tensors[RANDOM_OF_GPU] = torch.cuda.get_rng_state()
        return tensors | {RANDOM: torch.get_rng_state()}


def first_difference(old: Settings, new: Settings) -> str | None:
    """The first setting that differs, in words; one that the older run does not know had its default."""
    for part in {**old, **new}:
        found, wanted = old.get(part, {}), new.get(part, {})
        for name in {**found, **wanted}:
            before, now = found.get(name, _DEFAULTS.get(part, {}).get(name)), wanted.get(name)
            if before != now:
                return f"{part}.{name} was {before!r} and is now {now!r}"
    return None
