"""What a run will take: time and memory from a few of its own steps, measured before it starts."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator

from asgn.errors import UserError
from asgn.experiments.planning.rehearsal import Rehearsal, stretches, times_due, validation_size
from asgn.experiments.runs.assembly import RunConfig

USABLE = 0.9
"""Share of a GPU's memory that tensors can take; the rest goes to its context and to gaps between them."""


@dataclass(frozen=True)
class Estimate:
    """What a run of N steps is expected to take on the machine where this was measured."""

    variant: str
    device: str
    steps: int
    batch_size: int
    micro_batch: int
    """Expressions that pass at once: the whole batch, the plan's own, or what was found to fit."""
    accumulation: int
    """Passes of a step: batch over micro-batch, rounded up."""
    fits: bool
    """Whether one expression fits into the memory asked about at all."""
    seconds_per_step: float
    samples_per_second: float
    """Expressions in the steps, waiting for data included, validation and checkpoints left out."""
    hours_training: float
    hours_validating: float
    hours_saving: float
    peak_gibibytes: float
    """Of the GPU's tensors, or on a CPU of the process's resident memory, with `micro_batch`."""
    gibibytes_at_rest: float
    gibibytes_per_expression: float
    """Slope and intercept of memory over the expressions that pass at once."""

    @property
    def hours(self) -> float:
        """In all."""
        return self.hours_training + self.hours_validating + self.hours_saving

    def to_json(self) -> dict[str, Any]:
        """All fields and `hours`, as JSON values."""
        return dataclasses.asdict(self) | {"hours": self.hours}

    def lines(self) -> list[str]:
        """For people."""
        kind = "GPU memory" if self.device.startswith("cuda") else "memory of the process"
        batch = f"batch {self.batch_size}"
        if self.accumulation > 1:
            batch += f" in {self.accumulation} passes: --micro-batch {self.micro_batch}"
        return [
            f"{self.variant}, {self.steps:,} steps on {self.device}",
            f"  {batch}" if self.fits else "  not even one expression at a time fits into the memory given",
            f"  {self.samples_per_second:.3g} samples/s, {self.seconds_per_step:.3g} s a step",
            f"  {self.hours:.2f} h: {self.hours_training:.2f} training, {self.hours_validating:.2f} validating, "
            f"{self.hours_saving:.2f} saving",
            f"  {self.peak_gibibytes:.2f} GiB {kind} at its peak; {self.gibibytes_at_rest:.2f} + "
            f"{self.gibibytes_per_expression:.3f} for each expression that passes at once",
        ]


def plan_run(plan: RunConfig, accelerator: Accelerator, gpu_memory: float | None = None) -> Estimate:
    """Measure some true steps of a run on its true data, a validation of three images, and a checkpoint.

    Nothing is kept: state and files are made for it and thrown away. It takes about a minute, more for large
    batches. A GPU that a batch overflows is given half of it at once, and half of that.

    Args:
        plan: the run.
        accelerator: of one process.
        gpu_memory: GiB of the GPU to train on; the largest micro-batch that fits is found by a linear model of memory.
            Measured on a CPU, that of the process stands in for it. None takes the micro-batch as planned.

    Raises:
        UserError: the data or weights cannot be read, or one expression overflows the GPU.
    """
    rehearsal = Rehearsal(plan, accelerator)
    batch_size = max(size for _, size in plan.batch_sizes)
    micro = min(plan.train.micro_batch or batch_size, batch_size)
    small, large, micro = rehearsal.memory(micro)
    low, high = max(1, micro // 2) if micro > 1 else 1, micro if micro > 1 else 2
    slope = max(0.0, (large - small) / (high - low))
    rest = large - slope * high
    fitting = micro if gpu_memory is None else _largest(gpu_memory * USABLE, rest, slope, batch_size)
    hours, extras_peak = _hours(rehearsal, micro)
    seconds = 3600 * hours.training
    return Estimate(
        variant=str(plan.variant),
        device=_device_name(accelerator.device),
        steps=plan.train.steps,
        batch_size=batch_size,
        micro_batch=max(1, fitting),
        accumulation=math.ceil(batch_size / max(1, fitting)),
        fits=fitting > 0,
        seconds_per_step=seconds / plan.train.steps,
        samples_per_second=sum(count * plan.batch_at(first) for first, count in stretches(plan)) / seconds,
        hours_training=hours.training,
        hours_validating=hours.validating,
        hours_saving=hours.saving,
        peak_gibibytes=max(rest + slope * max(1, fitting), extras_peak),
        gibibytes_at_rest=rest,
        gibibytes_per_expression=slope,
    )


def plan_hours(plan: RunConfig, accelerator: Accelerator) -> float:
    """Hours of a run as `plan_run` counts them, but from one to five steps of each stretch, and without its memory.

    Rough, and a tenth of the work: for many runs at once.

    Raises:
        UserError: the data or weights cannot be read, or a batch overflows the GPU.
    """
    rehearsal = Rehearsal(plan, accelerator)
    batch_size = max(size for _, size in plan.batch_sizes)
    micro = plan.train.micro_batch or batch_size
    try:
        hours, _ = _hours(rehearsal, micro, is_brief=True)
    except torch.OutOfMemoryError as error:
        raise UserError(f"a batch of {batch_size} overflows the GPU: give a smaller --batch-size") from error
    return sum(hours)


class _Hours(NamedTuple):
    training: float
    validating: float
    saving: float


def _hours(rehearsal: Rehearsal, micro: int, is_brief: bool = False) -> tuple[_Hours, float]:
    """Of the whole run, and the GiB at the peak of validating and saving."""
    plan = rehearsal.plan
    training = sum(rehearsal.step_seconds(first, micro, is_brief=is_brief) * count for first, count in stretches(plan))
    images, validations = validation_size(plan)
    (validating, saving), peak = rehearsal.extras()
    saves = times_due(plan.train.checkpoint_every, plan.train.steps)
    return _Hours(training / 3600, validating * images * validations / 3600, saving * saves / 3600), peak


def _largest(available: float, rest: float, slope: float, batch_size: int) -> int:
    """The most expressions that pass at once in `available` GiB; 0 where one does not."""
    if rest + slope > available:
        return 0
    return batch_size if slope == 0 else min(batch_size, int((available - rest) / slope))


def _device_name(device: torch.device) -> str:
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type
