"""Each benchmark in miniature, by the command line alone: fetch, verify, audit, pack, train, evaluate."""

import json
from functools import partial

import pytest

from asgn.data.download.fetch import fetch
from tests.cli.test_data_commands import serve
from tests.data import miniatures
from tests.data.miniatures import SPLITS

SIZE = 64


@pytest.mark.parametrize("name", SPLITS)
def test_from_mirror_to_scores(name, asgn, mirror, tmp_path, monkeypatch):
    miniatures.write_benchmark(tmp_path / "made", name)
    table = {name: serve(mirror, name, tmp_path / "made")}
    monkeypatch.setattr("asgn.cli.data.fetch_files", partial(fetch, downloads=table, timeout=0.5))
    root, packs, run = tmp_path / "root", tmp_path / "packs", tmp_path / "run"
    there = ("--data", name, "--root", root)

    def call(*arguments):
        outcome = asgn(*arguments)
        assert outcome.code == 0, outcome.err
        return outcome.out

    assert "fetched" in call("data", "fetch", name, "--root", root)
    assert "no faults" in call("data", "verify", *there)
    stamp = json.loads(call("data", "audit", *there, "--backbone", "R", "--json"))
    assert stamp["splits"][f"{name}/val"]["status"] == "clean"
    call("data", "pack", *there, "--side", SIZE, "-o", packs)
    packed = packs / f"{name}-train-{SIZE}.pack"
    written = packed.stat().st_mtime_ns

    call("train", "M+LSTM", *there, "--out", run, "--packed", packs, "--weights", "random", "--image-size", SIZE,
         "--steps", 2, "--batch-size", 2, "--phrases-per-image", 2, "--flip", "--workers", 0, "--cpu",
         "--quiet")  # fmt: skip
    assert packed.stat().st_mtime_ns == written
    described = json.loads((run / "run.json").read_text())
    assert described["data"]["name"] == name

    scores = tmp_path / "scores.json"
    shown = call("evaluate", run, *there, "--split", "val", "--json", scores)
    assert f"{name}/val" in shown
    result = json.loads(scores.read_text())
    assert result["scores"]["expressions"] == 6
    assert result["leak_stamp"] == "clean"
