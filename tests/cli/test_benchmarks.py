"""Each benchmark in miniature, by the command line alone: fetch, verify, audit, pack, train, evaluate, score."""

import json
from functools import partial

import pytest

from asgn.data.datasets import GENERALISED
from asgn.data.download.fetch import fetch
from tests.cli.test_data_commands import serve
from tests.data import miniatures
from tests.data.miniatures import SCORED_SPLIT, SPLITS

SIZE = 64


@pytest.mark.parametrize("name", SPLITS)
def test_from_mirror_to_scores(name, asgn, mirror, tmp_path, monkeypatch):
    miniatures.write_benchmark(tmp_path / "made", name)
    table = {name: serve(mirror, name, tmp_path / "made")}
    monkeypatch.setattr("asgn.cli.data.fetch_files", partial(fetch, downloads=table, timeout=0.5))
    root, packs, run = tmp_path / "root", tmp_path / "packs", tmp_path / "run"
    there, split = ("--data", name, "--root", root), SCORED_SPLIT[name]

    def call(*arguments):
        outcome = asgn(*arguments)
        assert outcome.code == 0, outcome.err
        return outcome.out

    assert "fetched" in call("data", "fetch", name, "--root", root)
    assert "no faults" in call("data", "verify", *there)
    stamp = json.loads(call("data", "audit", *there, "--backbone", "R", "--json"))
    assert stamp["splits"][f"{name}/{split}"]["status"] == "clean"
    call("data", "pack", *there, "--side", SIZE, "-o", packs)
    packed = packs / f"{name}-train-{SIZE}.pack"
    written = packed.stat().st_mtime_ns

    call("train", "M+LSTM", *there, "--out", run, "--packed", packs, "--weights", "random", "--image-size", SIZE,
         "--steps", 2, "--batch-size", 2, "--phrases-per-image", 2, "--flip", "--workers", 0, "--cpu",
         "--val-split", split, "--quiet")  # fmt: skip
    assert packed.stat().st_mtime_ns == written
    described = json.loads((run / "run.json").read_text())
    assert described["data"]["name"] == name

    scores, masks, judged = (tmp_path / file for file in ("scores.json", "masks.json", "judged.json"))
    shown = call("evaluate", run, *there, "--split", split, "--json", scores, "--masks", masks)
    assert f"{name}/{split}" in shown
    result = json.loads(scores.read_text())
    assert result["scores"]["expressions"] == 6
    assert result["leak_stamp"] == "clean"

    shown = call("score", masks, *there, "--split", split, "--compare-protocols", "--json", judged, "--leaks", run)
    again = json.loads(judged.read_text())
    for key in ("scores", "fingerprint", "leak_stamp"):
        assert again[key] == result[key], key
    generalised = name in GENERALISED
    assert ("generalised (GRES)" in shown) == generalised
    targets = {"zero": 2, "one": 2, "many": 2} if generalised else {"one": 6}
    for record in (result, again):
        assert {kind: part["expressions"] for kind, part in record["gres"]["targets"].items()} == targets
    measures = {key: value for key, value in again["gres"].items() if key != "no_target_flag"}
    assert measures == {key: value for key, value in result["gres"].items() if key != "no_target_flag"}
    protocols = {(row["protocol"], row["size"]): row["scores"] for row in again["generalised_protocols"]}
    assert protocols["GRES", "native"]["gIoU"] == again["gres"]["gIoU"]
    assert any("REFER" in protocol for protocol, _ in protocols) == (name != "referit")
