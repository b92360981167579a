"""Some true steps of a run, a validation of three images and a checkpoint, measured and thrown away."""

import dataclasses
import gc
import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from accelerate import Accelerator

from asgn.data.by_image import image_ids
from asgn.data.loading.batches import batch_loader
from asgn.data.types import Batch
from asgn.errors import UserError
from asgn.experiments.runs.assembly import RunConfig, build_state, build_step, training_stream
from asgn.experiments.runs.scoring import evaluate
from asgn.inference.segmenter import Segmenter
from asgn.training.memory import PeakMemory
from asgn.training.snle import stage_starts
from asgn.training.step import Step


class Extent(NamedTuple):
    """How many steps are timed after the first ones, which are slower: `most`, or fewer once `seconds` are over."""

    warm: int
    least: int
    most: int
    seconds: float


THOROUGH = Extent(warm=2, least=3, most=20, seconds=20.0)
BRIEF = Extent(warm=1, least=1, most=5, seconds=2.0)
VALIDATION_IMAGES = 3


class Rehearsal:
    """Measures one state; a peak of memory counts from the probe that asks for it."""

    def __init__(self, plan: RunConfig, accelerator: Accelerator) -> None:
        torch.manual_seed(plan.train.seed)
        self.plan = dataclasses.replace(plan, resume=False)
        self.state = build_state(self.plan)
        self.state.to(accelerator.device)
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
            with self._steps(self.last_stretch, size, size, THOROUGH.warm) as (step, batches):
                for batch in batches:
                    step(batch.to(self.accelerator.device))
                self._wait()
        except torch.OutOfMemoryError:
            return math.inf
        return peak.gibibytes()

    def step_seconds(self, first: int, micro: int, is_brief: bool = False) -> float:
        """Mean time of a step of the stretch that begins at step `first`, waiting for data included."""
        extent = BRIEF if is_brief else THOROUGH
        batch_size, taken, seconds = self.plan.batch_at(first), 0, 0.0
        with self._steps(first, batch_size, micro, extent.warm + extent.most) as (step, batches):
            since = time.perf_counter()
            for taken, batch in enumerate(batches, start=1 - extent.warm):
                step(batch.to(self.accelerator.device))
                self._wait()
                if taken == 0:
                    since = time.perf_counter()
                seconds = time.perf_counter() - since
                if taken >= extent.least and seconds > extent.seconds:
                    break
        return seconds / taken

    @contextmanager
    def _steps(self, first: int, batch_size: int, micro: int, count: int) -> Iterator[tuple[Step, Iterator[Batch]]]:
        train = dataclasses.replace(
            self.plan.train,
            batch_size=batch_size,
            snle_batches="given",
            micro_batch=0 if micro >= batch_size else micro,
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
        segmenter = Segmenter(self.state.model, self.accelerator.device)
        evaluate(segmenter, self.plan.validation_data, limit=VALIDATION_IMAGES)
        validating = (time.perf_counter() - started) / VALIDATION_IMAGES
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            self.state.save(Path(folder) / "probe.safetensors")
            saving = time.perf_counter() - started
        return (validating, saving), peak.gibibytes()

    def _wait(self) -> None:
        if self.accelerator.device.type == "cuda":
            torch.cuda.synchronize(self.accelerator.device)


def stretches(plan: RunConfig) -> list[tuple[int, int]]:
    """First step and length of each stretch whose steps are alike: SNLE's stages, or a warm-up and the rest."""
    steps = plan.train.steps
    if plan.is_staged:
        starts = stage_starts(steps)
    else:
        starts = [0, min(plan.train.warmup_steps, steps) if plan.variant.adversarial else 0]
    return [(start, end - start) for start, end in zip(starts, [*starts[1:], steps], strict=True) if end > start]


def validation_size(plan: RunConfig) -> tuple[int, int]:
    """Images of a validation, and how many validations there are."""
    images = len(image_ids(plan.validation_data.expressions))
    images = min(images, plan.train.validation_limit or images)
    return images, times_due(plan.train.validate_every, plan.train.steps)


def times_due(every: int, steps: int) -> int:
    """How often something is done that is done every N steps, and at the end."""
    return 1 if every == 0 else math.ceil(steps / every)
