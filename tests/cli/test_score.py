"""`asgn score` against `asgn evaluate` on the same run, in every form that masks come in."""

import json

import numpy as np
import pytest
from PIL import Image

from asgn.data.files.masks import decode_segmentation
from asgn.data.synthetic.dataset import SyntheticDataset


@pytest.fixture
def few_scenes(monkeypatch):
    """Split `val` of the synthetic set, made small."""
    monkeypatch.setattr("asgn.data.synthetic.dataset.SPLITS", {"val": 4})
    return SyntheticDataset("val")


@pytest.fixture
def evaluated(asgn, few_scenes, model_file, tmp_path):
    """The masks of a run as COCO results, and what `asgn evaluate` wrote of it."""
    masks, scores = tmp_path / "masks.json", tmp_path / "evaluate.json"
    outcome = asgn(
        "evaluate",
        model_file,
        "--data",
        "synthetic",
        "--split",
        "val",
        "--device",
        "cpu",
        "--masks",
        masks,
        "--json",
        scores,
    )
    assert outcome.code == 0, outcome.err
    return masks, json.loads(scores.read_text())


def scored(asgn, masks, folder, *arguments):
    outcome = asgn("score", masks, "--data", "synthetic", "--split", "val", "--json", folder / "score.json", *arguments)
    assert outcome.code == 0, outcome.err
    return outcome, json.loads((folder / "score.json").read_text())


def decoded(masks):
    return {
        str(entry["sentence_id"]): decode_segmentation(entry["segmentation"], *entry["segmentation"]["size"], "entry")
        for entry in json.loads(masks.read_text())
    }


def test_the_masks_of_evaluate_score_as_evaluate_says(asgn, evaluated, model_file, tmp_path, few_scenes):
    masks, expected = evaluated
    assert len(json.loads(masks.read_text())) == len(few_scenes.expressions)
    outcome, found = scored(asgn, masks, tmp_path, "--leaks", model_file)
    for name in (
        "scores",
        "dataset",
        "split",
        "fingerprint",
        "versions",
        "images",
        "refs",
        "expressions",
        "leak_stamp",
    ):
        assert found[name] == expected[name], name
    assert (found["missing"], found["extra"], found["doubled"]) == ([], [], [])
    flags = found["gres"].pop("no_target_flag"), expected["gres"].pop("no_target_flag")
    assert flags == (f"no_target of {len(few_scenes.expressions)} masks", "the presence is under 0.500")
    assert found["gres"] == expected["gres"]
    assert found["protocol"] == "masks as given at the image's own size, every sentence, threshold 0.5"
    low, high = found["intervals_95"]["mIoU"]
    assert low <= found["scores"]["mIoU"] <= high
    assert set(found["breakdown"]) == {"kind", "length", "object size"}
    assert f"{expected['scores']['oIoU']:.2f}" in outcome.out
    assert "leaks: clean: drawn anew" in outcome.out


@pytest.mark.parametrize("form", ["png", "npz"])
def test_pngs_and_npz_score_alike(asgn, evaluated, tmp_path, form):
    masks, expected = evaluated
    if form == "npz":
        path = tmp_path / "masks.npz"
        np.savez_compressed(path, **decoded(masks))
    else:
        path = tmp_path / "pngs"
        path.mkdir()
        for name, mask in decoded(masks).items():
            Image.fromarray(mask).save(path / f"{name}.png")
    _, found = scored(asgn, path, tmp_path)
    assert found["scores"] == expected["scores"]
    assert found["leak_stamp"].startswith("unknown")


def test_other_protocols_and_unmatched_masks_are_shown(asgn, evaluated, tmp_path):
    masks, _ = evaluated
    entries = json.loads(masks.read_text())
    entries = [*entries[2:], entries[5], {**entries[0], "sentence_id": 7}]
    masks.write_text(json.dumps(entries))
    outcome, found = scored(asgn, masks, tmp_path, "--compare-protocols")
    assert len(found["missing"]) == 2
    assert (found["extra"], len(found["doubled"])) == (["expression 7"], 1)
    for line in ("2 missing masks: ", "1 extra mask: expression 7", "1 doubled mask: expression "):
        assert line in outcome.out
    native = next(row for row in found["protocols"] if (row["size"], row["sentences"]) == ("native", "every"))
    assert native["scores"]["oIoU"] == found["scores"]["oIoU"]
    assert {row["sentences"] for row in found["protocols"]} == {"every", "first", "random"}
    assert "squashed to 480x480" in outcome.out
    generalised = {(row["protocol"], row["size"]): row["scores"] for row in found["generalised_protocols"]}
    assert generalised["GRES", "native"]["gIoU"] == found["gres"]["gIoU"]
    assert {"GRES", "Ref-ZOM", "R-RefCOCO"} <= {protocol for protocol, _ in generalised}
    assert "R-RefCOCO" in outcome.out


def test_an_audit_of_the_training_images_is_recorded(asgn, evaluated, tmp_path):
    audit = tmp_path / "audit.json"
    splits = {"synthetic/val": {"status": "leaky", "image_ids": [1], "reason": "one image was seen"}}
    audit.write_text(json.dumps({"dataset": "own", "split": "train", "status": "leaky", "splits": splits}))
    _, found = scored(asgn, evaluated[0], tmp_path, "--leaks", audit)
    assert found["leak_stamp"] == "leaky: one image was seen"
    audit.write_text("[]")
    outcome = asgn("score", evaluated[0], "--data", "synthetic", "--split", "val", "--leaks", audit)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "asgn data audit" in outcome.err


def test_bad_masks_are_one_line(asgn, few_scenes, tmp_path):
    (tmp_path / "masks.json").write_text('[{"sent_id": "five", "segmentation": []}]')
    for path, said in ((tmp_path / "masks.json", "whole number"), (tmp_path / "none", "neither a folder")):
        outcome = asgn("score", path, "--data", "synthetic", "--split", "val")
        assert (outcome.code, outcome.err.count("\n")) == (2, 1), outcome.err
        assert said in outcome.err


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_that_cannot_be(asgn, evaluated, seed):
    outcome = asgn("score", evaluated[0], "--data", "synthetic", "--split", "val", "--seed", seed)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert f"--seed {seed} cannot be used" in outcome.err


def test_score_has_help_with_an_example(asgn):
    assert "Example" in asgn("score", "--help").out
