"""What a run will take: time and memory from a few of its own steps, measured before it starts."""

import dataclasses
import gc
import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from asgn.data.batches import batch_loader
from asgn.data.sample import Batch
from asgn.errors import UserError
from asgn.experiments.assembly import RunPlan, build_state, build_step, training_stream
from asgn.experiments.scoring import evaluate_model
from asgn.models import snle
from asgn.training.memory import PeakMemory
from asgn.training.snle import STEPS_OF_ORIGINAL
from asgn.training.state import TrainingState
from asgn.training.step import Step

WARM_STEPS, LEAST_STEPS, MOST_STEPS = 2, 3, 20
PROBE_SECONDS = 20.0
VALIDATION_IMAGES = 3
USABLE = 0.9
"""Share of a GPU's memory that tensors can take; the rest goes to its context and to gaps between them."""


@dataclass(frozen=True)
class Estimate:
    """What a run of so many steps is expected to take on the machine where this was measured."""

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


def plan_run(plan: RunPlan, accelerator: Accelerator, gpu_memory: float | None = None) -> Estimate:
    """Measure some true steps of a run on its true data, a validation of three images, and a checkpoint.

    Nothing is kept: the state is made anew, and files go to a temporary folder. It takes about a minute, more for large
    batches. A GPU that a batch overflows is given half of it at once, and half of that.

    Args:
        plan: the run.
        accelerator: of one process.
        gpu_memory: GiB of the GPU to train on; the largest micro-batch that fits is found by a linear model of memory.
            Measured on a CPU, that of the process stands in for it. None takes the micro-batch as planned.

    Raises:
        UserError: the data or weights cannot be read, or one expression overflows the GPU.
    """
    torch.manual_seed(plan.train.seed)
    plan = dataclasses.replace(plan, resume=False)
    state = build_state(plan)
    state.model.generator.to(accelerator.device)
    probe = _Probe(plan, state, accelerator)
    micro = min(plan.train.micro_batch or plan.train.batch_size, plan.train.batch_size)
    small, large, micro = probe.memory(micro)
    low, high = max(1, micro // 2) if micro > 1 else 1, micro if micro > 1 else 2
    slope = max(0.0, (large - small) / (high - low))
    rest = large - slope * high
    fitting = micro if gpu_memory is None else _largest(gpu_memory * USABLE, rest, slope, plan.train.batch_size)
    seconds = sum(probe.step_seconds(first, micro) * count for first, count in stretches(plan))
    images, validations = validation_size(plan)
    (validating, saving), extras_peak = probe.extras()
    return Estimate(
        variant=str(plan.variant),
        device=_device_name(accelerator.device),
        steps=plan.train.steps,
        batch_size=plan.train.batch_size,
        micro_batch=max(1, fitting),
        accumulation=math.ceil(plan.train.batch_size / max(1, fitting)),
        fits=fitting > 0,
        seconds_per_step=seconds / plan.train.steps,
        samples_per_second=plan.train.batch_size * plan.train.steps / seconds,
        hours_training=seconds / 3600,
        hours_validating=validating * images * validations / 3600,
        hours_saving=saving * times_due(plan.train.checkpoint_every, plan.train.steps) / 3600,
        peak_gibibytes=max(rest + slope * max(1, fitting), extras_peak),
        gibibytes_at_rest=rest,
        gibibytes_per_expression=slope,
    )


class _Probe:
    """Measures one state; a peak of memory counts from the probe that asks for it."""

    def __init__(self, plan: RunPlan, state: TrainingState, accelerator: Accelerator) -> None:
        self.plan = plan
        self.state = state
        self.accelerator = accelerator
        self.last_stretch = stretches(plan)[-1][0]

    def memory(self, micro: int) -> tuple[float, float, int]:
        """GiB at half of `micro` expressions and at `micro` (at 1 and 2 for 1), and the `micro` that did not overflow.

        The smaller comes first, since a process seldom gives memory back.
        """
        while True:
            sizes = (micro // 2, micro) if micro > 1 else (1, 2)
            peaks = [self._peak(size) for size in sizes]
            if math.isfinite(peaks[-1]) or (micro == 1 and math.isfinite(peaks[0])):
                return peaks[0], peaks[-1] if math.isfinite(peaks[-1]) else 2 * peaks[0], micro
            if micro == 1:
                raise UserError("one expression overflows the GPU: choose a smaller row or --image-size")
            micro //= 2

    def _peak(self, size: int) -> float:
        """Infinite where the GPU has too little."""
        peak = PeakMemory(self.accelerator.device)
        try:
            with self._steps(self.last_stretch, size, size, WARM_STEPS) as (step, batches):
                for batch in batches:
                    step(batch.to(self.accelerator.device))
                self._wait()
        except torch.OutOfMemoryError:
            return math.inf
        return peak.gibibytes()

    def step_seconds(self, first: int, micro: int) -> float:
        """Mean time of a step of the stretch that begins at step `first`, waiting for data included."""
        batch_size, taken, seconds = self.plan.train.batch_size, 0, 0.0
        with self._steps(first, batch_size, micro, WARM_STEPS + MOST_STEPS) as (step, batches):
            since = time.perf_counter()
            for taken, batch in enumerate(batches, start=1 - WARM_STEPS):
                step(batch.to(self.accelerator.device))
                self._wait()
                if taken == 0:
                    since = time.perf_counter()
                seconds = time.perf_counter() - since
                if taken >= LEAST_STEPS and seconds > PROBE_SECONDS:
                    break
        return seconds / taken

    @contextmanager
    def _steps(self, first: int, batch_size: int, micro: int, count: int) -> Iterator[tuple[Step, Iterator[Batch]]]:
        train = dataclasses.replace(
            self.plan.train, batch_size=batch_size, micro_batch=0 if micro >= batch_size else micro
        )
        plan = dataclasses.replace(self.plan, train=train)
        self.state.step = first
        step = build_step(self.state, plan, self.accelerator)
        stream = training_stream(
            dataclasses.replace(plan, train=dataclasses.replace(train, steps=count)), self.state, self.accelerator
        )
        yield step, iter(batch_loader(stream, 0, train.workers))
        gc.collect()  # ends the loader's processes

    def extras(self) -> tuple[tuple[float, float], float]:
        """Seconds to validate an image and to write a checkpoint, and the GiB of the higher peak."""
        peak = PeakMemory(self.accelerator.device)
        started = time.perf_counter()
        evaluate_model(
            self.state.model, self.plan.validation_data, device=self.accelerator.device, limit=VALIDATION_IMAGES
        )
        validating = (time.perf_counter() - started) / VALIDATION_IMAGES
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            self.state.save(Path(folder) / "probe.safetensors")
            saving = time.perf_counter() - started
        return (validating, saving), peak.gibibytes()

    def _wait(self) -> None:
        if self.accelerator.device.type == "cuda":
            torch.cuda.synchronize(self.accelerator.device)


def stretches(plan: RunPlan) -> list[tuple[int, int]]:
    """First step and length of each stretch whose steps are alike: SNLE's stages, or a warm-up and the rest."""
    steps = plan.train.steps
    if plan.variant.backbone == "SNLE":
        ends = [round(steps * end / STEPS_OF_ORIGINAL) for end in _running_sums([s.steps for s in snle.SCHEDULE])]
    else:
        ends = [min(plan.train.warmup_steps, steps) if plan.variant.adversarial else 0, steps]
    starts = [0, *ends[:-1]]
    return [(start, end - start) for start, end in zip(starts, ends, strict=True) if end > start]


def _running_sums(numbers: list[int]) -> list[int]:
    return [sum(numbers[: i + 1]) for i in range(len(numbers))]


def validation_size(plan: RunPlan) -> tuple[int, int]:
    """Images of a validation, and how many validations there are."""
    images = len({expression.image_id for expression in plan.validation_data.expressions})
    images = min(images, plan.train.validation_limit or images)
    return images, times_due(plan.train.validate_every, plan.train.steps)


def times_due(every: int, steps: int) -> int:
    """How often something is done that is done every so many steps, and at the end."""
    return 1 if every == 0 else math.ceil(steps / every)


def _largest(available: float, rest: float, slope: float, batch_size: int) -> int:
    """The most expressions that pass at once in `available` GiB; 0 where one does not."""
    if rest + slope > available:
        return 0
    return batch_size if slope == 0 else min(batch_size, int((available - rest) / slope))


def _device_name(device: torch.device) -> str:
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type
