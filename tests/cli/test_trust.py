"""What the command line says of an answer, and how a model is asked whether its answers can be trusted."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from asgn.checkpoint import PresenceCalibration, load_model, save_model
from asgn.inference.load import find_model


@pytest.fixture
def strict_model_file(tiny_model, tmp_path):
    """A model for which nothing ever matches."""
    calibration = PresenceCalibration(1.1, 50.0, 1, 1, {})
    save_model(tmp_path / "strict.safetensors", replace(tiny_model, presence=calibration))
    return tmp_path / "strict.safetensors"


def test_nothing_matches(asgn, strict_model_file, photograph, tmp_path):
    outcome = asgn("segment", photograph, "left circle", "--model", strict_model_file, "-o", tmp_path / "out")
    assert outcome.code == 0
    assert "'left circle': nothing matches (presence 0." in outcome.out
    assert outcome.err == ""
    with Image.open(tmp_path / "out" / "photo-left-circle.png") as mask:
        assert mask.size == (60, 40)
        assert not np.asarray(mask).any()
    record = json.loads(
        asgn("segment", photograph, "circle", "--model", strict_model_file, "-o", tmp_path / "out", "--json").out
    )[0]["phrases"][0]
    assert record["found"] is False
    assert record["area"] == 0
    assert 0 < record["presence"] < 1


def test_slips_are_bridged_and_said(asgn, model_file, photograph, tmp_path):
    outcome = asgn("segment", photograph, "left cirlce", "--model", model_file, "-o", tmp_path / "out")
    assert outcome.code == 0
    assert "'cirlce' read as 'circle'" in outcome.err
    assert "presence is not calibrated for this model: below 0.50 nothing matches" in outcome.err


def test_why(asgn, model_file, photograph, tmp_path):
    arguments = ("segment", photograph, "left circle", "circle", "--model", model_file, "-o", tmp_path / "out", "--why")
    outcome = asgn(*arguments)
    assert outcome.code == 0, outcome.err
    assert "without 'left' the mask" in outcome.out
    records = json.loads(asgn(*arguments, "--json").out)[0]["phrases"]
    assert [item["word"] for item in records[0]["why"]["left_out"]] == ["left", "circle"]
    assert records[1]["why"]["left_out"] == []


def test_text_that_is_no_unicode(asgn, model_file, photograph, tmp_path):
    """Bytes of the command line that are no UTF-8 reach a program as lone surrogates."""
    outcome = asgn(
        "segment", photograph, "left circle \udcff", "--model", model_file, "-o", tmp_path / "out", "--format", "coco"
    )
    assert outcome.code == 0, outcome.err
    assert json.loads((tmp_path / "out" / "results.json").read_text())[0]["phrase"] == "left circle ?"


def test_probe_calibrates(asgn, model_file, shared):
    arguments = ("--data", "own", "--root", shared / "data" / "photorefer", "--split", "val", "--limit", 6)
    asked = asgn("probe", model_file, *arguments, "--device", "cpu", "--json")
    assert asked.code == 0, asked.err
    result = json.loads(asked.out)
    assert result["calibrated"] is None
    assert load_model(model_file).presence is None
    assert sum(result["sides"][side]["total"] for side in ("left", "right", "top", "bottom")) > 20
    assert result["sides"]["all"]["total"] > 20
    assert result["leak_stamp"]

    written = asgn("probe", model_file, *arguments, "--device", "cpu", "--calibrate")
    assert written.code == 0, written.err
    assert "balanced accuracy" in written.out
    assert f"{model_file}: presence threshold" in written.out
    presence = load_model(model_file).presence
    assert presence is not None
    assert presence.threshold == pytest.approx(result["presence_fitted"]["threshold"])
    assert presence.data["split"] == "val"


def test_probe_leaves_the_model_in_the_box_alone(asgn):
    name = "asgn-mobile"
    file = find_model(name)
    before = file.stat().st_mtime_ns
    for given in (name, file):
        outcome = asgn("probe", given, "--data", "synthetic", "--split", "val", "--calibrate")
        assert outcome.code == 2
        assert outcome.err == (
            f"asgn: --calibrate writes into the model, and {file} is shared: copy it, and give the copy's path\n"
        )
    assert file.stat().st_mtime_ns == before


def test_probe_needs_annotated_objects(asgn, model_file):
    outcome = asgn("probe", model_file, "--data", "synthetic", "--split", "val")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "instances.json" in outcome.err
