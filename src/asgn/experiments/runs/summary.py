"""What a run took, set against what was planned for it: `summary.json` in its folder."""

import json
import logging
import time
from pathlib import Path
from typing import Any

import torch

from asgn.config import TrainConfig
from asgn.files import atomic_write_json
from asgn.training.memory import PeakMemory
from asgn.training.recorder import METRICS, read_metrics
from asgn.training.state import TrainingState

_LOG = logging.getLogger(__name__)

PLAN, SUMMARY = "plan.json", "summary.json"


class Session:
    """One stretch of a run in one process, from its start or from where it was resumed."""

    def __init__(self, device: torch.device) -> None:
        self.peak = PeakMemory(device)
        self.first_step = 0
        self.since = time.perf_counter()

    def begin(self, step: int) -> None:
        """Say that the first step is about to be taken; what came before is not counted as time."""
        self.first_step, self.since = step, time.perf_counter()

    def write_summary(self, folder: Path, state: TrainingState, train: TrainConfig) -> None:
        """Write `summary.json`: time, rate, peak memory, scores, and all this against `plan.json`, where there is one.

        Raises:
            OutputError: it cannot be written.
        """
        lines = read_metrics(folder / METRICS)
        scores = [line for line in lines if line["kind"] == "validation"]
        summary: dict[str, Any] = {
            "variant": state.model.config.variant,
            "steps": state.step,
            "steps_of_session": state.step - self.first_step,
            "batch_size": train.batch_size,
            "hours": (time.perf_counter() - self.since) / 3600,
            "samples_per_second": _rate(lines, self.first_step),
            "peak_gibibytes": self.peak.gibibytes(),
            "best": max(scores, key=lambda line: line["oIoU"], default=None),
            "last": scores[-1] if scores else None,
        }
        summary["planned"] = _planned(folder / PLAN, summary, train.steps)
        atomic_write_json(folder / SUMMARY, summary)


def summary_line(folder: Path) -> str:
    """The summary of a run in one line, for people; it gets a second one where the run had been planned."""
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    parts = [f"{summary['steps_of_session']:,} steps in {_hours(summary['hours'])}"]
    if summary["samples_per_second"] is not None:
        parts.append(f"{summary['samples_per_second']:.3g} samples/s")
    parts.append(f"peak {summary['peak_gibibytes']:.2f} GiB")
    if summary["best"] is not None:
        best = summary["best"]
        parts.append(f"best oIoU {best['oIoU']:.1f}, mIoU {best['mIoU']:.1f} at step {best['step']:,}")
    line = ", ".join(parts)
    planned = summary["planned"]
    if planned is None:
        return line
    return (
        f"{line}\nplanned were {_hours(planned['hours'])}, {planned['samples_per_second']:.3g} samples/s and "
        f"{planned['peak_gibibytes']:.2f} GiB: time {planned['error_of_time']:+.0%}, "
        f"memory {planned['error_of_memory']:+.0%}"
    )


def _rate(lines: list[dict[str, Any]], first_step: int) -> float | None:
    """Expressions a second over the steps after `first_step`, validation left out; None before the first reading."""
    read = [line for line in lines if line["kind"] == "train" and line["step"] > first_step]
    seconds = sum(line["seconds"] for line in read)
    return sum(line["samples_per_second"] * line["seconds"] for line in read) / seconds if seconds else None


def _planned(path: Path, summary: dict[str, Any], steps: int) -> dict[str, Any] | None:
    """The plan's share for the session's steps, and (plan - actual) / actual; None without a plan of this run."""
    if not path.is_file() or summary["steps_of_session"] == 0:
        return None
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        is_of_this_run = (plan["variant"], plan["batch_size"]) == (summary["variant"], summary["batch_size"])
        hours = plan["hours"] * summary["steps_of_session"] / steps
        rate, peak = plan["samples_per_second"], plan["peak_gibibytes"]
    except (ValueError, KeyError, TypeError) as error:
        _LOG.warning("%s is not a plan (%s), so the summary leaves it out: make it again with `asgn plan`", path, error)
        return None
    if not is_of_this_run:
        return None
    return {
        "hours": hours,
        "samples_per_second": rate,
        "peak_gibibytes": peak,
        "error_of_time": hours / summary["hours"] - 1,
        "error_of_memory": peak / summary["peak_gibibytes"] - 1,
    }


def _hours(hours: float) -> str:
    return f"{hours:.2f} h" if hours >= 1 else f"{hours * 60:.1f} min"
