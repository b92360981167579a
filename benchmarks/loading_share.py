"""The share of a training step that is spent waiting for data, from a packed file and by decoding.

    python -m benchmarks.loading_share

256 generated photographs of 640x480 with outlines; M+LSTM, whose step is the shortest, at 320 x 320 with 8 phrases of
8 images. First nothing is read ahead: reading and computing take turns, and the clock is the process's own time, so
that other programs do not count. Then two loading processes read ahead, as in training, by the wall clock. Last, how
many loading processes would feed 800 images a second, the rate asked of one large GPU. Expected: at most a tenth of a
step with the packed file.
"""

import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from asgn.data.datasets import open_dataset
from asgn.data.loading.batches import BatchStream, batch_loader
from asgn.data.loading.pack import open_packed
from asgn.data.types import Batch, ReferringDataset
from asgn.data.vocabulary import Vocabulary
from asgn.training.step import Step
from benchmarks.data_reading import PHOTOGRAPHS, SIDE, write_photographs, write_set
from benchmarks.measure import record
from benchmarks.steps import training_step, wait_for

ROW, BATCH, WARM, STEPS = "M+LSTM", 8, 2, 14
WANTED = 800


def main() -> None:
    accelerator = Accelerator()
    if accelerator.device.type == "cpu":
        torch.set_num_threads(1)
    step, _ = training_step(ROW, accelerator)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_set(root, PHOTOGRAPHS, PHOTOGRAPHS, PHOTOGRAPHS, PHOTOGRAPHS)
        write_photographs(root)
        source = open_dataset("unc", root, "train")
        ways: dict[str, ReferringDataset] = {
            "packed": open_packed(source, root / "packed", SIDE),
            "decoding": source,
        }
        results = {name: measure(data, step, accelerator.device) for name, data in ways.items()}
    record("loading_share", {"row": ROW, "batch": BATCH, "device": str(accelerator.device), **results})


def measure(data: ReferringDataset, step: Step, device: torch.device) -> dict[str, Any]:
    stream = BatchStream(
        data,
        Vocabulary.build(item.text for item in data.expressions),
        side=SIDE,
        batch_size=BATCH,
        steps=WARM + STEPS,
        seed=0,
    )
    waited, whole = times(batch_loader(stream, 0, 0), step, device, time.process_time)
    waited_ahead, whole_ahead = times(batch_loader(stream, 0, 2), step, device, time.perf_counter)
    samples = BATCH * STEPS / waited
    return {
        "milliseconds to read a sample": round(1000 / samples, 2),
        "share of a step, nothing read ahead": round(waited / whole, 4),
        "share of a step, two loading processes": round(waited_ahead / whole_ahead, 4),
        f"loading processes for {WANTED} images/s": round(WANTED / samples, 1),
    }


def times(
    batches: Iterable[Batch], step: Step, device: torch.device, clock: Callable[[], float]
) -> tuple[float, float]:
    """Seconds in which data was waited for, and seconds in all, over the steps behind the first few."""
    waited = whole = 0.0
    before = clock()
    for taken, batch in enumerate(batches):
        got = clock()
        step(batch.to(device))
        wait_for(device)
        behind = clock()
        if taken >= WARM:
            waited, whole = waited + got - before, whole + behind - before
        before = behind
    return waited, whole


if __name__ == "__main__":
    main()
