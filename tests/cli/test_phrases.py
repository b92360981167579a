"""What a phrase could not be read for is told alike in text, JSON and sheets."""

import json
from dataclasses import replace

import pytest

from asgn.checkpoint import PresenceCalibration, save_model

REASONS = {
    "the hat on the circle": "the thing asked for is not known: hat",
    "not a circle": "the phrase only says what is not meant: say what to segment",
    "anything but the circle": "the phrase only says what is not meant: say what to segment",
}
REMARKS = {
    "left circle without a star": "'without a star' was not read: the model does not know negation",
    "left cirlce": "'cirlce' read as 'circle'",
    "circle gnarf": "unknown to the model: gnarf",
}


@pytest.fixture
def sure_model(tiny_model, tmp_path):
    """A model for which everything is present."""
    save_model(tmp_path / "sure.safetensors", replace(tiny_model, presence=PresenceCalibration(0.0, 50.0, 1, 1, {})))
    return tmp_path / "sure.safetensors"


def test_text_and_json(asgn, sure_model, photograph, tmp_path):
    arguments = ("segment", photograph, *REASONS, *REMARKS, "--model", sure_model, "-o", tmp_path / "out")
    outcome = asgn(*arguments)
    assert outcome.code == 0, outcome.err
    for phrase, reason in REASONS.items():
        assert f"{phrase!r}: {reason}\n" in outcome.out
    for remark in REMARKS.values():
        assert f"  {remark}" in outcome.err

    records = {item["phrase"]: item for item in json.loads(asgn(*arguments, "--json").out)[0]["phrases"]}
    for phrase, reason in REASONS.items():
        record = records[phrase]
        assert (record["found"], record["reason"], record["presence"], record["area"]) == (False, reason, 0.0, 0)
    for phrase, remark in REMARKS.items():
        assert any(said.startswith(remark) for said in records[phrase]["remarks"])
        assert records[phrase]["presence"] > 0


@pytest.mark.parametrize("output_format", ["png", "coco", "rle"])
def test_sheets(asgn, sure_model, photograph, tmp_path, output_format):
    rows = "".join(f"{photograph.name},{phrase}\n" for phrase in (*REASONS, *REMARKS))
    sheet = photograph.parent / "phrases.csv"
    sheet.write_text("image,phrase\n" + rows)
    out = tmp_path / "out"
    outcome = asgn("segment", "--sheet", sheet, "--model", sure_model, "-o", out, "--format", output_format)
    assert outcome.code == 0, outcome.err
    if output_format == "coco":
        records = json.loads((out / "results.json").read_text())
    else:
        records = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    said = {record["phrase"]: record for record in records}
    for phrase, reason in REASONS.items():
        assert (said[phrase]["reason"], said[phrase]["area"]) == (reason, 0)
    for phrase, remark in REMARKS.items():
        assert any(line.startswith(remark) for line in said[phrase]["remarks"])
