"""What a run says while it proceeds: a line on the screen, metrics.jsonl, TensorBoard."""

import json
import time
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from asgn.files import atomic_write_text

METRICS = "metrics.jsonl"


class Recorder:
    """Averages step reports between readings; only a reading waits for the device."""

    def __init__(self, folder: Path, steps: int, first_step: int, batch_size: int, quiet: bool) -> None:
        self._keep_metrics_until(folder / METRICS, first_step)
        self._file = (folder / METRICS).open("a", encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step)
        self._batch_size = batch_size
        self._sums: dict[str, tuple[Tensor | float, int]] = {}
        self._count = 0
        self._since = time.perf_counter()
        columns = (TextColumn("{task.completed}/{task.total}"), BarColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, TextColumn("{task.description}"), disable=quiet)
        self._task = self._progress.add_task("", total=steps, completed=first_step)

    def __enter__(self) -> "Recorder":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        self._file.close()
        self._board.close()

    def add(self, report: dict[str, Tensor]) -> None:
        """Take in one step's report, without reading it."""
        for name, value in report.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + value, count + 1)
        self._count += 1
        self._progress.advance(self._task)

    def read(self, step: int) -> dict[str, float]:
        """Means since the last reading, written out as the state after `step` steps."""
        seconds = time.perf_counter() - self._since
        means = {name: float(total) / count for name, (total, count) in self._sums.items()}
        means["samples_per_second"] = self._count * self._batch_size / seconds
        self.write(step, "train", means)
        shown = {"loss": means["loss"], "D": means.get("discriminator"), "samples/s": means["samples_per_second"]}
        text = "  ".join(f"{name} {value:.3g}" for name, value in shown.items() if value is not None)
        self._progress.update(self._task, description=text)
        self.restart_clock()
        return means

    def restart_clock(self) -> None:
        """Forget what was summed and the time since the last reading, which validation is not part of."""
        self._sums, self._count, self._since = {}, 0, time.perf_counter()

    def write(self, step: int, kind: str, values: dict[str, float]) -> None:
        """Write named numbers of `kind` (train, validation) for a step."""
        self._file.write(json.dumps({"step": step, "kind": kind, **values}) + "\n")
        self._file.flush()
        for name, value in values.items():
            self._board.add_scalar(f"{kind}/{name}", value, step)

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
