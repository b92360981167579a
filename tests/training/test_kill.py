"""A run killed at any moment, the writing of its checkpoint included, ends as if it had been left alone."""

import multiprocessing
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from asgn.checkpoint import read_tensors
from asgn.training.loop import BEST, LAST
from asgn.training.recorder import read_metrics
from tests.training.killable_run import MOMENTS, STEPS, run

DEADLINE = 120.0
"""Seconds after which a run that says nothing counts as hung."""


class Launcher:
    """Starts runs as forks of one warm process, since loading torch takes longer than the runs."""

    def __init__(self) -> None:
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["tests.training.killable_run"])
        warm_up = self.context.Process(target=int)
        warm_up.start()
        warm_up.join()

    def start(self, folder: Path, moment: str | None = None, write: int = 0):
        """The process and the pipe on which it reports (see `run`)."""
        hear, tell = self.context.Pipe(duplex=False)
        process = self.context.Process(target=run, args=(folder, moment, write, tell))
        process.start()
        tell.close()
        return process, hear

    def finish(self, folder: Path) -> list[float]:
        """Run to the end; the seconds at which checkpoints were written."""
        started = time.monotonic()
        process, hear = self.start(folder)
        moments = []
        while heard(hear):
            moments.append(time.monotonic() - started)
        process.join()
        assert process.exitcode == 0
        return moments


def heard(pipe) -> str | None:
    """The run's next word; None when it has ended."""
    assert pipe.poll(DEADLINE), "the run hangs"
    try:
        return pipe.recv()
    except EOFError:
        return None


@pytest.fixture(scope="module")
def launcher() -> Launcher:
    return Launcher()


@pytest.fixture(scope="module")
def undisturbed(launcher, tmp_path_factory) -> tuple[Path, list[float]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder, launcher.finish(folder)


def kill_at_random(launcher, folder, number, moments: list[float], draw: random.Random) -> int:
    """Send a signal at a random moment of a run's start, first step or second one; gives the exit code."""
    process, hear = launcher.start(folder)
    interval = (moments[-1] - moments[0]) / STEPS
    if not hear.poll(draw.uniform(0, 2 * moments[0])):  # else the first checkpoint is there, and a second may follow
        interval = 0
    time.sleep(draw.uniform(0, interval))
    process.kill() if number == signal.SIGKILL else process.terminate()
    process.join(DEADLINE)
    return process.exitcode


def kill_while_writing(launcher, folder, moment, draw: random.Random) -> int:
    """Kill a run while it writes its first or second checkpoint; gives the exit code."""
    process, hear = launcher.start(folder, moment, draw.randrange(2))
    while heard(hear) == "saved":
        pass
    process.kill()
    process.join(DEADLINE)
    return process.exitcode


def assert_ended_alike(one: Path, other: Path) -> None:
    for name in (LAST, BEST):
        (tensors, header), (others, other_header) = read_tensors(one / name), read_tensors(other / name)
        assert tensors.keys() == others.keys()
        assert all(torch.equal(tensor, others[key]) for key, tensor in tensors.items())
        assert header == other_header
    assert header_progress(one) == header_progress(other)
    validations = [
        [line for line in read_metrics(folder / "metrics.jsonl") if line["kind"] == "validation"]
        for folder in (one, other)
    ]
    assert validations[0] == validations[1]
    assert not list(one.glob(".*.tmp"))


def header_progress(folder: Path) -> dict:
    progress = read_tensors(folder / LAST)[1]["training"]
    assert progress["step"] == STEPS
    assert progress["best_score"] is not None
    return progress


def test_twenty_kills_change_nothing(launcher, undisturbed, tmp_path) -> None:
    """Ten kills at random moments of the clock, ten inside the writing of a checkpoint, in a random order."""
    reference, moments = undisturbed
    draw = random.Random(0)
    kinds = [None] * 10 + [*MOMENTS, *MOMENTS, *MOMENTS[:2]]
    for moment in draw.sample(kinds, len(kinds)):
        if moment is None:
            code = kill_at_random(launcher, tmp_path, signal.SIGKILL, moments, draw)
        else:
            code = kill_while_writing(launcher, tmp_path, moment, draw)
        assert code == -signal.SIGKILL, "the run ended before its kill"
    launcher.finish(tmp_path)
    assert_ended_alike(tmp_path, reference)


def test_termination_saves_and_changes_nothing(launcher, undisturbed, tmp_path) -> None:
    reference, moments = undisturbed
    draw = random.Random(1)
    codes = [kill_at_random(launcher, tmp_path, signal.SIGTERM, moments, draw) for _ in range(6)]
    assert set(codes) <= {130, -signal.SIGTERM}, "either stopped in the loop, or ended before it began"
    assert 130 in codes
    launcher.finish(tmp_path)
    assert_ended_alike(tmp_path, reference)
