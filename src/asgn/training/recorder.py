"""What a run says while it proceeds: a line on the screen, metrics.jsonl, TensorBoard."""

import json
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from asgn.files import atomic_write_text
from asgn.training.balance import BalanceWatch

METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class Reading:
    """What the steps since the last reading reported."""

    means: dict[str, float]
    """Means of each named number over the steps where it was finite; a number that never was is left out."""
    steps: int
    skipped: int
    """Steps with a number that was not finite, which `guarded_step` did not take."""
    broken: tuple[str, ...]
    """Numbers that were not finite in at least one step."""


class _Totals:
    """Sums over the reports of one kind of step, kept on the device."""

    def __init__(self) -> None:
        self.sums = self.finite = self.skipped = torch.zeros(())
        self.steps = 0

    def add(self, values: Tensor) -> None:
        finite = values.isfinite()
        self.sums = self.sums + values.where(finite, 0.0)
        self.finite = self.finite + finite
        self.skipped = self.skipped + ~finite.all()
        self.steps += 1


class Recorder:
    """Averages step reports between readings; only a reading waits for the device.

    Without a folder nothing is written: of several processes only the main one speaks.
    """

    def __init__(
        self,
        folder: Path | None,
        steps: int,
        first_step: int,
        quiet: bool,
        watch: BalanceWatch | None = None,
    ) -> None:
        """`watch` is told of D's loss at each reading."""
        self._outputs: tuple[TextIO, SummaryWriter] | None = None
        if folder is not None:
            self._keep_metrics_until(folder / METRICS, first_step)
            file = (folder / METRICS).open("a", encoding="utf-8")
            self._outputs = file, SummaryWriter(str(folder / "tensorboard"), purge_step=first_step)
        self._watch = watch
        self._phrases = self._images = 0
        self._totals: dict[tuple[str, ...], _Totals] = {}
        self._count = 0
        self._skipped = 0
        self._since = time.perf_counter()
        columns = (TextColumn("{task.completed}/{task.total}"), BarColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, TextColumn("{task.description}"), disable=quiet or folder is None)
        self._task = self._progress.add_task("", total=steps, completed=first_step)

    def __enter__(self) -> "Recorder":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        if self._outputs is not None:
            for output in self._outputs:
                output.close()

    def add(self, report: dict[str, Tensor], phrases: int = 1, images: int = 1) -> None:
        """Take in one step's report, without reading it, and the phrases and images of its batch in all processes."""
        names = tuple(report)
        if names not in self._totals:
            self._totals[names] = _Totals()
        self._totals[names].add(torch.stack([value.float() for value in report.values()]))
        self._count += 1
        self._phrases += phrases
        self._images += images
        self._progress.advance(self._task)

    def read(self, step: int) -> Reading:
        """What was reported since the last reading, written out as the state after `step` steps."""
        seconds = time.perf_counter() - self._since
        reading = self._read_totals()
        self._skipped += reading.skipped
        rate = self._phrases / seconds
        speed = {"samples_per_second": rate, "images_per_second": self._images / seconds}
        self.write(step, "train", {**reading.means, "skipped": reading.skipped, **speed, "seconds": seconds})
        if self._watch is not None and self._outputs is not None and "discriminator" in reading.means:
            self._watch.look(step, reading.means["discriminator"])
        shown = {"loss": reading.means.get("loss"), "D": reading.means.get("discriminator"), "samples/s": rate}
        text = "  ".join(f"{name} {value:.3g}" for name, value in shown.items() if value is not None)
        self._progress.update(self._task, description=f"{text}  skipped {self._skipped}" if self._skipped else text)
        self.restart_clock()
        return reading

    def _read_totals(self) -> Reading:
        sums: dict[str, float] = defaultdict(float)
        counts: dict[str, float] = defaultdict(float)
        broken: set[str] = set()
        for names, totals in self._totals.items():
            for name, total, count in zip(names, totals.sums.tolist(), totals.finite.tolist(), strict=True):
                sums[name] += total
                counts[name] += count
                if count < totals.steps:
                    broken.add(name)
        means = {name: sums[name] / count for name, count in counts.items() if count}
        skipped = sum(int(totals.skipped) for totals in self._totals.values())
        return Reading(means, self._count, skipped, tuple(sorted(broken)))

    def restart_clock(self) -> None:
        """Forget what was summed and the time since the last reading, which validation is not part of."""
        self._totals, self._count, self._since = {}, 0, time.perf_counter()
        self._phrases = self._images = 0

    def write(self, step: int, kind: str, values: dict[str, float]) -> None:
        """Write named numbers of `kind` (train, validation) for a step."""
        if self._outputs is None:
            return
        file, board = self._outputs
        file.write(json.dumps({"step": step, "kind": kind, **values}) + "\n")
        file.flush()
        for name, value in values.items():
            board.add_scalar(f"{kind}/{name}", value, step)

    def show(self, step: int, name: str, picture: NDArray[np.uint8]) -> None:
        """Put an (H, W, 3) picture on TensorBoard."""
        if self._outputs is not None:
            self._outputs[1].add_image(name, picture, step, dataformats="HWC")

    @staticmethod
    def _keep_metrics_until(path: Path, step: int) -> None:
        """A resumed run repeats the steps behind its checkpoint; their old lines go."""
        if path.exists():
            kept = [line for line in read_metrics(path) if line["step"] <= step]
            atomic_write_text(path, "".join(json.dumps(line) + "\n" for line in kept))


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics file; a last one cut short by a kill is left out."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines


def curves(path: Path, kind: str) -> dict[str, list[tuple[int, float]]]:
    """Named curves, (step, value) points, from a metrics file."""
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for line in read_metrics(path):
        if line["kind"] == kind:
            for name, value in line.items():
                if name not in ("step", "kind"):
                    found[name].append((int(line["step"]), value))
    return dict(found)
