"""One GPU in ten minutes: what training costs on it, and whether AT helps there, paired.

    python -m benchmarks.gpu [--minutes 9] [--out results/gpu.json] [--rehearse]

In turn: the rate of a large matrix product in bfloat16; images/s of training steps of five rows at 320 x 320 and their
share of that rate; the price of AT; then, for as many seeds as the time allows, one cross-entropy run of M+LSTM+DE+SE
on drawn scenes, from whose weights the same batches go on without AT, with it, and with the discriminator held back.
The file is written again after every step, so that a cut loses nothing. No network and no weights are needed.
`--rehearse` walks through the same code on a CPU at toy size, in the test suite too; its numbers mean nothing. Asked
of one H100-class card: at least 800 images/s of R+LSTM+DE+SE+AT.
"""

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from asgn.config import TrainConfig
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.experiments.runs.assembly import RunConfig
from asgn.files import atomic_write_json
from asgn.variants import Variant
from benchmarks.adversarial_ratio import compare
from benchmarks.measure import RESULTS, machine
from benchmarks.paired import NO_AT, SWITCHES, gains, go_on, scored
from benchmarks.steps import drawn_batch, training_step
from benchmarks.train_throughput import matrix_rate, measure

ROWS = ("R+LSTM", "R+LSTM+DE+SE+AT", "D+RMI+DE+SE+AT", "M+LSTM", "M+LSTM+DE+SE+AT")
PAIRED = "M+LSTM+DE+SE"
ARMS = {name: SWITCHES[name] for name in ("AT", "held back")}
"""What goes on with AT from a cross-entropy run, beside what goes on without."""


@dataclass(frozen=True)
class Extent:
    """How large everything is."""

    image_size: int = 320
    batch: int = 64
    rounds: int = 20
    matrix: int = 8192
    scenes: int = 4000
    validation_scenes: int = 150
    base_steps: int = 600
    paired_steps: int = 300
    paired_batch: int = 32
    workers: int = 12
    model: dict[str, int] = field(default_factory=dict)


TOY = Extent(
    image_size=64, batch=2, rounds=1, matrix=64, scenes=6, validation_scenes=1, base_steps=2, paired_steps=2,
    paired_batch=4, workers=0,
    model={"embedding_size": 8, "language_size": 8, "visual_size": 8, "fusion_size": 8, "detail_size": 4},
)  # fmt: skip


class Findings:
    """What was found so far, in a file that is whole after every step."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.since = time.perf_counter()
        self.found: dict[str, Any] = {}

    @property
    def minutes(self) -> float:
        return (time.perf_counter() - self.since) / 60

    def add(self, part: str, name: str, value: Any) -> None:
        self.found.setdefault(part, {})[name] = value
        atomic_write_json(self.path, {**self.found, "minutes": round(self.minutes, 2)})
        print(f"{self.minutes:5.2f} min  {part}: {name}: {json.dumps(value)}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=9.0, help="no further seed begins that would outlast them")
    parser.add_argument("--out", type=Path, default=RESULTS / "gpu.json", help="file of the findings")
    parser.add_argument("--rehearse", action="store_true", help="the same at toy size, on a CPU")
    given = parser.parse_args(arguments)
    on_gpu = not given.rehearse
    if on_gpu and not torch.cuda.is_available():
        parser.error("there is no GPU: --rehearse walks through it on a CPU")
    extent = Extent(workers=max(1, (os.cpu_count() or 2) - 2)) if on_gpu else TOY
    accelerator = Accelerator(cpu=not on_gpu, mixed_precision="bf16" if on_gpu else "no")
    findings = Findings(given.out)
    card = {"GPU": torch.cuda.get_device_name(), "CUDA": torch.version.cuda} if on_gpu else {"GPU": "none: a rehearsal"}
    findings.add("machine", "it", {**machine(), **card})
    measure_throughput(findings, accelerator, extent)
    measure_price(findings, accelerator, extent)
    with tempfile.TemporaryDirectory() as folder:
        longest = 0.0
        for seed in range(10_000 if on_gpu else 1):
            if findings.minutes + longest > given.minutes:
                break
            began = findings.minutes
            compare_arms(findings, accelerator, extent, Path(folder), seed)
            longest = max(longest, 1.1 * (findings.minutes - began))


def measure_throughput(findings: Findings, accelerator: Accelerator, extent: Extent) -> None:
    """Images/s of each row's training step beside the rate of one matrix product."""
    ceiling = matrix_rate(accelerator.device, extent.matrix)
    findings.add("throughput", "matrix product, TFLOP/s", round(ceiling / 1e12, 4))
    sizes = {"image_size": extent.image_size, **extent.model}
    for row in ROWS:
        try:
            result: Any = measure(row, accelerator, extent.batch, extent.rounds, ceiling, sizes)
        except torch.OutOfMemoryError:
            result = f"a batch of {extent.batch} overflows the GPU"
        findings.add("throughput", row, result)
        accelerator.free_memory()


def measure_price(findings: Findings, accelerator: Accelerator, extent: Extent) -> None:
    """A step of R+LSTM+DE+SE with AT against one without, taking turns."""
    sizes = {"image_size": extent.image_size, **extent.model}
    plain, _ = training_step("R+LSTM+DE+SE", accelerator, sizes)
    adversarial, _ = training_step("R+LSTM+DE+SE+AT", accelerator, sizes)
    batch = drawn_batch(extent.image_size, extent.batch).to(accelerator.device)
    steps = {"without AT": lambda: plain(batch), "with AT": lambda: adversarial(batch)}
    findings.add("price of AT", "R+LSTM+DE+SE", compare(steps, accelerator.device))
    accelerator.free_memory()


def compare_arms(findings: Findings, accelerator: Accelerator, extent: Extent, folder: Path, seed: int) -> None:
    """One cross-entropy run, and what becomes of it with the same batches in each arm."""
    base = RunConfig(
        variant=Variant.parse(PAIRED),
        train_data=SyntheticDataset("train", scenes=extent.scenes, size=extent.image_size, absent=False),
        validation_data=SyntheticDataset("val", scenes=extent.validation_scenes, size=extent.image_size, absent=False),
        folder=folder / f"seed {seed}",
        train=TrainConfig(
            steps=extent.base_steps,
            batch_size=extent.paired_batch,
            phrases_per_image=4,
            learning_rate=1e-3,
            backbone_learning_rate=1e-3,
            finetune=True,
            validate_every=0,
            checkpoint_every=0,
            precision="bf16" if accelerator.mixed_precision == "bf16" else "no",
            workers=extent.workers,
            seed=seed,
        ),
        model_changes={"image_size": extent.image_size, **extent.model},
        weights="random",
        quiet=True,
    )
    runs = findings.found.setdefault("paired", {})
    found = {"cross entropy alone": scored(base, accelerator)}
    for arm in (NO_AT, *ARMS):
        config = go_on(base, arm, ARMS.get(arm, {}), extent.paired_steps, 2.5e-4)
        found[arm] = scored(config, accelerator)
        findings.add("paired", f"seed {seed}", found)
    findings.add("gain", "over no AT", gains(runs, ARMS))


if __name__ == "__main__":
    main()
