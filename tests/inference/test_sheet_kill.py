"""A sheet killed at random moments and resumed, or shared: every row once, results those of an undisturbed run."""

import contextlib
import json
import multiprocessing
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from asgn.checkpoint import save_model
from asgn.data.files.masks import decode_segmentation
from asgn.inference.sheets.reader import GROUP_ROWS
from asgn.inference.sheets.run import UNFINISHED
from tests.inference.killable_sheet import run, run_untold, write_sheet
from tests.training.several import in_processes

KILLS = 10
ROWS = 2000
DEADLINE = 120.0
"""Seconds after which a run that says nothing counts as hung."""


@pytest.fixture(scope="module")
def context():
    """Processes are forks of one warm one, since loading torch takes longer than the runs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.inference.killable_sheet"])
    warm_up = context.Process(target=int)
    warm_up.start()
    warm_up.join()
    return context


def rows_written(out: Path) -> int:
    """Rows that a killed run has left behind for good."""
    lines = [line for part in (out / UNFINISHED).glob("part-*.jsonl") for line in part.read_bytes().split(b"\n")[:-1]]
    return sum(len(json.loads(line)["rows"]) for line in lines)


def killed_and_resumed(context, arguments: tuple, rows: int, kills: int) -> list[int]:
    """Kill a run so many times, each at a random moment behind a random group of rows, then let it end.

    Returns the rows that were written down at each kill.
    """
    pause = random.Random(0)
    counts = [0]
    for _ in range(kills):
        process, pipe = start(context, arguments)
        last = rows - counts[-1] - 3 * GROUP_ROWS  # behind it the run might end before it is killed
        target, answered = min(pause.uniform(-0.2, 1.6) * rows / kills, last), 0
        while answered < target:
            assert pipe.poll(DEADLINE), "the run hangs"
            answered = pipe.recv()
            pipe.send("go on")
        time.sleep(pause.uniform(0, 0.1))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        counts.append(rows_written(arguments[2]))
    finish(context, arguments)
    return counts[1:]


def start(context, arguments: tuple):
    """The process, and the pipe on which it tells how many rows it has answered and waits for leave to go on."""
    pipe, childs = context.Pipe()
    process = context.Process(target=run, args=(*arguments, childs))
    process.start()
    childs.close()
    return process, pipe


def finish(context, arguments: tuple) -> None:
    process, pipe = start(context, arguments)
    with contextlib.suppress(EOFError, ConnectionResetError):
        while pipe.poll(DEADLINE):
            pipe.recv()
            pipe.send("go on")
    process.join(DEADLINE)
    assert process.exitcode == 0


def test_2000_rows_killed_at_ten_moments(context, tiny_model, tmp_path) -> None:
    save_model(tmp_path / "model.safetensors", tiny_model)
    sheet = write_sheet(tmp_path, ROWS, images=25)
    finish(context, (tmp_path / "model.safetensors", sheet, tmp_path / "undisturbed", "coco"))
    arguments = (tmp_path / "model.safetensors", sheet, tmp_path / "killed", "coco")
    counts = killed_and_resumed(context, arguments, ROWS, KILLS)

    assert counts == sorted(counts), "a row was lost"
    assert len({count for count in counts if 0 < count < ROWS}) >= 5, f"kills too early or too late: {counts}"
    entries = json.loads((tmp_path / "killed" / "results.json").read_text())
    assert sorted(entry["sentence_id"] for entry in entries) == list(range(1000, 1000 + ROWS))
    results = [(tmp_path / name / "results.json").read_bytes() for name in ("undisturbed", "killed")]
    assert results[0] == results[1]
    assert [path.name for path in sorted((tmp_path / "killed").iterdir())] == ["results.json", "sheet.json"]
    areas = [decode_segmentation(item["segmentation"], *item["segmentation"]["size"], "").sum() for item in entries]
    assert len(np.unique(areas)) > 20, "the masks are too much alike to prove anything"


def test_png_masks_of_a_killed_run_are_whole(context, tiny_model, tmp_path) -> None:
    save_model(tmp_path / "model.safetensors", tiny_model)
    sheet = write_sheet(tmp_path, 240, images=10)
    finish(context, (tmp_path / "model.safetensors", sheet, tmp_path / "undisturbed", "png"))
    arguments = (tmp_path / "model.safetensors", sheet, tmp_path / "killed", "png")
    killed_and_resumed(context, arguments, 240, 3)
    expected, found = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir() if path.name != "sheet.json"}
        for name in ("undisturbed", "killed")
    )
    assert len(found) == 241
    assert found == expected


def test_two_processes_share_a_sheet(tiny_model, tmp_path) -> None:
    save_model(tmp_path / "model.safetensors", tiny_model)
    sheet = write_sheet(tmp_path, 240, images=7)
    for processes in (1, 2):
        codes = in_processes(processes, run_untold, tmp_path / "model.safetensors", sheet, tmp_path / str(processes))
        assert codes == [0] * processes
    alone, together = ((tmp_path / name / "results.json").read_bytes() for name in ("1", "2"))
    assert alone.count(b"sentence_id") == 240
    assert alone == together
