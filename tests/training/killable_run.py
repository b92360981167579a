"""A tiny adversarial run in a process that its parent may kill at any moment, or at a named moment of a write."""

import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from accelerate import Accelerator

from asgn import files
from asgn.config import TrainConfig
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.experiments.runs.assembly import RunConfig
from asgn.experiments.runs.train import train_run
from asgn.training.loop import LAST, PREVIOUS
from asgn.variants import Variant
from tests.conftest import TINY

STEPS = 45
MOMENTS = ("half written", "not yet on disk", "between the renames", "renamed")
"""Where in the writing of a checkpoint a run can be made to dwell."""


def plan_in(folder: Path) -> RunConfig:
    """A run with a checkpoint after every step and a validation after every eighth; it resumes what is there."""
    return RunConfig(
        variant=Variant.parse("M+LSTM+DE+SE+AT"),
        train_data=SyntheticDataset("train", scenes=6, size=64),
        validation_data=SyntheticDataset("val", scenes=1, size=64),
        folder=folder,
        train=TrainConfig(steps=STEPS, batch_size=2, checkpoint_every=1, validate_every=8, workers=0),
        model_changes=TINY,
        weights="random",
        resume=(folder / LAST).exists() or (folder / PREVIOUS).exists(),
        quiet=True,
    )


def run(folder: Path, moment: str | None, write: int, tell: Connection) -> None:
    """Train to the end, or dwell at `moment` of the checkpoint number `write`; exit code 130 where a signal stopped it.

    The parent is told "saved" after each checkpoint and "dwelling" before the rest begins.
    """
    torch.set_num_threads(1)
    watch_renames(moment, write, tell)
    raise SystemExit(0 if train_run(plan_in(folder), Accelerator(cpu=True)) else 130)


def watch_renames(moment: str | None, write: int, tell: Connection) -> None:
    """Put a pause, from which only a signal leads out, into the writing of one checkpoint."""
    written = 0
    fsync, replace = os.fsync, os.replace

    def dwell(at: str) -> None:
        if at == moment and written >= write:
            tell.send("dwelling")
            time.sleep(600)

    def slow_fsync(descriptor: int) -> None:
        dwell("not yet on disk")
        fsync(descriptor)

    def slow_replace(source: Path, target: Path) -> None:
        nonlocal written
        replace(source, target)
        if target.name == PREVIOUS:
            dwell("between the renames")
        if target.name == LAST:
            dwell("renamed")
            written += 1
            tell.send("saved")

    half_written(lambda: dwell("half written"))
    files.os.fsync, files.os.replace = slow_fsync, slow_replace


def half_written(dwell: Callable[[], None]) -> None:
    """Let the writer of tensors leave half a file first, as a killed one does."""
    from asgn import checkpoint

    save_file = checkpoint.save_file

    def slow_save(tensors: dict[str, torch.Tensor], path: Path, header: dict[str, str]) -> None:
        save_file(tensors, path, header)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        dwell()
        path.write_bytes(content)

    checkpoint.save_file = slow_save
