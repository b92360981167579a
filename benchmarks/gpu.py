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
import dataclasses
import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from asgn.config import LossConfig, TrainConfig
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.experiments.runs.assembly import RunConfig
from asgn.experiments.runs.summary import SUMMARY
from asgn.experiments.runs.train import train_run
from asgn.files import atomic_write_json
from asgn.training.loop import LAST
from asgn.training.recorder import METRICS, curves
from asgn.variants import Variant
from benchmarks.adversarial_ratio import compare
from benchmarks.measure import RESULTS, machine
from benchmarks.steps import drawn_batch, training_step
from benchmarks.train_throughput import matrix_rate, measure

ROWS = ("R+LSTM", "R+LSTM+DE+SE+AT", "D+RMI+DE+SE+AT", "M+LSTM", "M+LSTM+DE+SE+AT")
PAIRED = "M+LSTM+DE+SE"
HELD_BACK = LossConfig(real_masks="matched", real_label=0.9)
ARMS: dict[str, tuple[str, LossConfig, float]] = {
    "no AT": (PAIRED, LossConfig(), 0.0),
    "AT": (f"{PAIRED}+AT", LossConfig(), 0.0),
    "AT, D held back": (f"{PAIRED}+AT", HELD_BACK, 1e-4),
}
"""Row, losses and the discriminator's rate of what goes on from a cross-entropy run."""


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
            compare_arms(findings, accelerator, extent, Path(folder) / str(seed), seed)
            longest = max(longest, 1.1 * (findings.minutes - began))
    summarise(findings)


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
    base = plan_of(PAIRED, LossConfig(), folder / "base", extent, seed, extent.base_steps, rate=1e-3)
    findings.add("paired", f"seed {seed}, cross entropy alone", trained(base, accelerator))
    for name, (row, losses, rate_of_d) in ARMS.items():
        arm = plan_of(row, losses, folder / name, extent, seed + 1000, extent.paired_steps, 2.5e-4, rate_of_d)
        arm = dataclasses.replace(arm, start_from=base.folder / LAST)
        findings.add("paired", f"seed {seed}, {name}", trained(arm, accelerator))


def plan_of(
    row: str, losses: LossConfig, folder: Path, extent: Extent, seed: int, steps: int, rate: float, rate_of_d: float = 0
) -> RunConfig:
    return RunConfig(
        variant=Variant.parse(row),
        train_data=SyntheticDataset("train", scenes=extent.scenes, size=extent.image_size, absent=False),
        validation_data=SyntheticDataset("val", scenes=extent.validation_scenes, size=extent.image_size, absent=False),
        folder=folder,
        train=TrainConfig(
            steps=steps,
            batch_size=extent.paired_batch,
            phrases_per_image=4,
            learning_rate=rate,
            backbone_learning_rate=rate,
            discriminator_learning_rate=rate_of_d,
            finetune=True,
            validate_every=0,
            checkpoint_every=0,
            precision="bf16" if extent is not TOY else "no",
            workers=extent.workers,
            seed=seed,
        ),
        losses=losses,
        model_changes={"image_size": extent.image_size, **extent.model},
        weights="random",
        quiet=True,
    )


def trained(plan: RunConfig, accelerator: Accelerator) -> dict[str, Any]:
    """The run's scores on held-out scenes, its rate, and D's mean loss over its last half."""
    train_run(plan, accelerator)
    accelerator.free_memory()
    summary = json.loads((plan.folder / SUMMARY).read_text(encoding="utf-8"))
    scores = summary["last"] or {}
    found = {name: round(scores[name], 3) for name in ("oIoU", "mIoU", "Pr@0.5", "Pr@0.7", "Pr@0.9") if name in scores}
    found["samples/s"] = summary["samples_per_second"]
    losses = [value for _, value in curves(plan.folder / METRICS, "train").get("discriminator", [])]
    if losses:
        found["D's loss"] = statistics.mean(losses[len(losses) // 2 :])
    return found


def summarise(findings: Findings) -> None:
    """Points gained over no AT by each arm: mean over the seeds, and each."""
    paired: Mapping[str, Any] = findings.found.get("paired", {})
    for arm in list(ARMS)[1:]:
        for measured in ("oIoU", "mIoU", "Pr@0.7"):
            gains = [
                value[measured] - paired[f"{seed}, no AT"][measured]
                for seed, name, value in ((*name.split(", ", 1), value) for name, value in paired.items())
                if name == arm and measured in value
            ]
            if gains:
                each = [round(gain, 3) for gain in gains]
                findings.add("gain", f"{arm}, {measured}", {"mean": round(statistics.mean(gains), 3), "seeds": each})


if __name__ == "__main__":
    main()
