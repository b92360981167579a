"""`asgn segment --sheet`, from the CSV to a folder that `asgn score` takes."""

import json

import pytest
from PIL import Image

from asgn.data.synthetic.dataset import SyntheticDataset


@pytest.fixture
def scenes(monkeypatch, tmp_path):
    """Two drawn scenes as files, and a sheet of their expressions with a row that cannot be answered."""
    monkeypatch.setattr("asgn.data.synthetic.dataset.SPLITS", {"val": 2})
    dataset = SyntheticDataset("val")
    rows = ["\ufeffimage,phrase,id"]
    for item in dataset.expressions:
        Image.fromarray(dataset.image(item.image_id)).save(tmp_path / f"{item.image_id}.png")
        rows.append(f'{item.image_id}.png,"{item.text}",{item.sentence_id}')
    rows.append("nowhere.png,left circle,7")
    (tmp_path / "phrases.csv").write_bytes("\r\n".join(rows).encode())
    return dataset


@pytest.mark.parametrize("output_format", ["png", "coco"])
def test_a_sheet_of_a_split_can_be_scored(asgn, scenes, model_file, tmp_path, output_format):
    out = tmp_path / "out"
    arguments = ("--sheet", tmp_path / "phrases.csv", "--model", model_file, "-o", out, "--format", output_format)
    outcome = asgn("segment", *arguments, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    refused = json.loads((out / "sheet.json").read_text())["summary"]["refused"]
    segmented = len(scenes.expressions) + 1 - refused
    assert refused >= 1
    assert f"{segmented} of {len(scenes.expressions) + 1} rows segmented" in outcome.out
    assert f"{refused} rows refused" in outcome.err
    assert "nowhere.png" in (out / "rejected.csv").read_text()

    masks = out if output_format == "png" else out / "results.json"
    scores = tmp_path / "scores.json"
    assert asgn("score", masks, "--data", "synthetic", "--split", "val", "--json", scores).code == 0
    record = json.loads(scores.read_text())
    assert (len(record["missing"]), record["extra"]) == (refused - 1, [])

    again = asgn("segment", *arguments, "--device", "cpu", "--json")
    assert json.loads(again.out)["segmented"] == segmented


def test_a_sheet_without_a_good_row(asgn, model_file, tmp_path):
    (tmp_path / "phrases.csv").write_text("image,phrase\nnowhere.png,left circle\n")
    outcome = asgn("segment", "--sheet", tmp_path / "phrases.csv", "--model", model_file, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert outcome.err.strip().count("\n") == 0, outcome.err
    assert "rejected.csv; line 2: no image at nowhere.png" in outcome.err


def test_a_sheet_and_images_at_once(asgn, model_file, tmp_path):
    outcome = asgn("segment", "a.jpg", "dog", "--sheet", tmp_path / "phrases.csv", "--model", model_file)
    assert outcome.code == 2
    assert "not both" in outcome.err
