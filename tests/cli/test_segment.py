"""`asgn segment`: what counts as an image, lists and folders, and answers that a bad neighbour does not lose."""

import io
import json
import shutil
import sys
from types import SimpleNamespace

import pytest


@pytest.fixture
def place(photograph, tmp_path, monkeypatch):
    """A working folder with two photographs, a folder of two more, and files called like phrases."""
    work = tmp_path / "work"
    (work / "photos").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "circle", "photos/one.jpg", "photos/two.png", "photos/.hidden.jpg"):
        shutil.copy(photograph, work / name)
    (work / "photos" / "notes.txt").write_text("no image")
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def asked(asgn, model_file, place):
    """The (image, phrase) pairs that a command line answers, and what it says beside."""

    def call(*arguments, code=0):
        outcome = asgn("segment", *arguments, "--model", model_file, "-o", "out", "--json")
        assert outcome.code == code, outcome.err
        pairs = [(image["image"], found["phrase"]) for image in json.loads(outcome.out) for found in image["phrases"]]
        return pairs, outcome.err

    return call


def test_a_word_is_a_phrase_whatever_file_is_called_so(asked):
    pairs, said = asked("a.jpg", "circle")
    assert pairs == [("a.jpg", "circle")]
    assert "'circle' is taken as a phrase, not as the file of that name: give ./circle" in said
    assert asked("./circle", "star")[0] == [("circle", "star")]
    assert asked("circle", "star")[0] == [("circle", "star")]


def test_folders_patterns_and_lists(asked, place, monkeypatch):
    (place / "names.txt").write_text("\ufeffcircle\n\n left star \n", encoding="utf-8")
    expected = [(f"photos/{name}", phrase) for name in ("one.jpg", "two.png") for phrase in ("circle", "left star")]
    assert asked("photos/", "--phrases", "names.txt")[0] == expected
    assert asked("photos", "--phrases", "names.txt")[0] == expected
    assert asked("photos/*.jpg", "star")[0] == [("photos/one.jpg", "star")]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"star\n")))
    assert asked("a.jpg", "circle", "--phrases", "-")[0] == [("a.jpg", "circle"), ("a.jpg", "star")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing/*.jpg", "star"), "no image matches nothing/*.jpg"),
        (("empty/", "star"), "no image in the folder empty/"),
        (("a.jpg", "--phrases", "none.txt"), "cannot read phrases none.txt"),
        (("a.jpg", "--phrases", "blank.txt"), "phrases blank.txt hold none"),
        (("a.jpg", "--phrases", "latin.txt"), "phrases latin.txt are not UTF-8 text"),
    ],
)
def test_what_is_not_there_is_one_line(asgn, place, arguments, said):
    (place / "empty").mkdir()
    (place / "blank.txt").write_text(" \n")
    (place / "latin.txt").write_bytes(b"caf\xe9\n")
    outcome = asgn("segment", *arguments)
    assert outcome.code == 2
    assert said in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("output_format", ["png", "rle", "coco", "polygon", "overlay"])
def test_a_bad_image_or_phrase_does_not_lose_the_other_answers(asgn, model_file, place, output_format):
    (place / "broken.png").write_bytes(b"no image")
    arguments = ("a.jpg", "missing.jpg", "broken.png", "b.jpg", "circle", "xyzzy", "--format", output_format)
    outcome = asgn("segment", *arguments, "--model", model_file, "-o", "out")
    assert outcome.code == 2
    for said in ("no image at missing.jpg", "broken.png is not an image", "known to the model"):
        assert outcome.err.count(said) == 1
    if output_format in ("png", "overlay"):
        assert len(list((place / "out").glob("*.png"))) == 2
        return
    (path,) = (place / "out").iterdir()
    text = path.read_text()
    records = json.loads(text) if output_format == "coco" else [json.loads(line) for line in text.splitlines()]
    assert [record.get("file_name", record.get("image")) for record in records] == ["a.jpg", "b.jpg"]


def test_images_of_one_name_keep_their_folders(asgn, model_file, place):
    for name in ("x", "y"):
        (place / name).mkdir()
        shutil.copy("a.jpg", place / name / "a.jpg")
    outcome = asgn("segment", "x/a.jpg", "y/a.jpg", "circle", "--model", model_file, "-o", "out", "--format", "rle")
    assert outcome.code == 0, outcome.err
    records = [json.loads(line) for line in (place / "out" / "results.jsonl").read_text().splitlines()]
    assert [record["image"] for record in records] == ["x/a.jpg", "y/a.jpg"]


def test_a_finished_sheet_says_what_would_answer_an_image_that_has_arrived(asgn, model_file, place):
    (place / "s.csv").write_text("image,phrase\na.jpg,circle\nlate.jpg,circle\n")
    arguments = ("segment", "--sheet", "s.csv", "--model", model_file, "-o", "out")
    assert "are there now" not in asgn(*arguments).err
    shutil.copy("a.jpg", "late.jpg")
    said = asgn(*arguments).err
    assert "1 missing images, such as late.jpg, are there now: `asgn segment --sheet out/rejected.csv -o" in said
    outcome = asgn("segment", "--sheet", "out/rejected.csv", "--model", model_file, "-o", "more")
    assert "1 of 1 rows segmented" in outcome.out


@pytest.mark.parametrize("command", ["segment", "evaluate", "export", "probe", "doctor"])
def test_the_box_is_named_everywhere(asgn, place, command):
    """Each goes as far as its first question after the model."""
    arguments = {
        "segment": ("a.jpg", "the cat", "--model", "asgn-mobile"),
        "evaluate": ("asgn-mobile", "--data", "synthetic", "--split", "none"),
        "export": ("asgn-mobile", "-o", "a.jpg/onnx"),
        "probe": ("asgn-mobile", "--data", "synthetic", "--split", "none"),
        "doctor": ("--model", "asgn-mobile"),
    }[command]
    said = {
        "segment": "'the cat'",
        "evaluate": "no split 'none'",
        "export": "cannot write",
        "probe": "no split 'none'",
        "doctor": "ok    model: asgn-mobile",
    }[command]
    outcome = asgn(command, *arguments)
    assert said in outcome.out + outcome.err, outcome
