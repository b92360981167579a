"""Input that nobody plans for: file names that are no UTF-8, results called like photographs, phrases of nothing."""

import io
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from asgn.cli import main as cli

LATIN = os.fsdecode(b"caf\xe9.png")


@pytest.fixture
def latin(photograph, tmp_path) -> Path:
    """A photograph whose name is no UTF-8."""
    try:
        shutil.copy(photograph, tmp_path / LATIN)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    return tmp_path / LATIN


@pytest.fixture
def printed(monkeypatch):
    """Call `asgn ARGUMENTS` with a standard output that refuses what its encoding lacks, and give the bytes."""

    def call(*arguments: object, encoding: str = "utf-8") -> bytes:
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "argv", ["asgn", *map(str, arguments)])
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
            with pytest.raises(SystemExit) as stop:
                cli.main()
            assert not stop.value.code
            sys.stdout.flush()
            return raw.getvalue()

    return call


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_json_of_a_file_whose_name_is_no_utf8(printed, latin, model_file, tmp_path, encoding):
    arguments = ("segment", latin, "left circle", "--model", model_file, "-o", tmp_path / "out", "--json")
    (record,) = json.loads(printed(*arguments, encoding=encoding))
    assert Path(record["image"]) == latin
    assert os.fsencode(record["image"]).endswith(b"caf\xe9.png")


def test_text_of_a_file_whose_name_is_no_utf8(printed, latin, model_file, tmp_path):
    arguments = ("segment", latin, "left circle 猫", "--model", model_file, "-o", tmp_path / "out")
    assert rb"caf\udce9.png: 'left circle " in printed(*arguments)
    assert rb"'left circle \u732b'" in printed(*arguments, encoding="latin-1")


@pytest.mark.parametrize("output_format", ["rle", "polygon", "coco"])
def test_results_of_a_file_whose_name_is_no_utf8(asgn, latin, model_file, tmp_path, output_format):
    arguments = ("--model", model_file, "-o", tmp_path / "out", "--format", output_format)
    assert asgn("segment", latin, "left circle", *arguments).code == 0
    (written,) = (tmp_path / "out").iterdir()
    found = json.loads(written.read_text(encoding="utf-8"))
    assert (found[0]["file_name"] if output_format == "coco" else found["image"]) == LATIN


def test_a_sheet_in_a_folder_whose_name_is_no_utf8(asgn, latin, model_file, tmp_path):
    folder = tmp_path / os.fsdecode(b"f\xe9")
    folder.mkdir()
    shutil.copy(latin, folder / "a.png")
    (folder / "s.csv").write_text("image,phrase\na.png,left circle\nnone.png,circle\n", encoding="utf-8")
    arguments = ("segment", "--sheet", folder / "s.csv", "--model", model_file, "-o", folder / "out", "--json")
    assert asgn(*arguments).code == 0
    again = asgn(*arguments)
    assert again.code == 0, again.err
    summary = json.loads(again.out)
    assert (summary["segmented"], summary["refused"]) == (1, 1)
    assert Path(summary["results"]).is_file()
    assert "none.png" in (folder / "out" / "rejected.csv").read_text(encoding="utf-8")


def test_a_photograph_is_never_written_over(asgn, photograph, model_file, tmp_path):
    for name in ("a.png", "a-circle.png"):
        shutil.copy(photograph, tmp_path / name)
    before = (tmp_path / "a-circle.png").read_bytes()
    images = (tmp_path / "a.png", tmp_path / "a-circle.png")
    outcome = asgn("segment", *images, "circle", "--model", model_file, "-o", tmp_path)
    assert outcome.code == 2
    assert "would be written over the image" in outcome.err
    assert outcome.err.count("\n") == 1
    assert (tmp_path / "a-circle.png").read_bytes() == before
    assert asgn("segment", *images, "circle", "--model", model_file, "-o", tmp_path / "out").code == 0


@pytest.mark.parametrize("output_format", ["png", "overlay"])
def test_a_sheet_never_writes_over_its_photographs(asgn, photograph, model_file, tmp_path, output_format):
    name = "b.png" if output_format == "png" else "a.overlay.png"
    for image in ("a.png", name):
        shutil.copy(photograph, tmp_path / image)
    before = (tmp_path / name).read_bytes()
    (tmp_path / "s.csv").write_text(f"image,phrase,id\na.png,circle,b\n{name},circle,c\n", encoding="utf-8")
    there = sorted(tmp_path.iterdir())
    arguments = ("segment", "--sheet", tmp_path / "s.csv", "--model", model_file, "--format", output_format)
    outcome = asgn(*arguments, "-o", tmp_path)
    assert outcome.code == 2
    assert f"would be written over the image {tmp_path / name}" in outcome.err
    assert (tmp_path / name).read_bytes() == before
    assert sorted(tmp_path.iterdir()) == there
    assert asgn(*arguments, "-o", tmp_path / "out").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["https://example.com/cat.jpg", "the cat"], "https://example.com/cat.jpg is an address"),
        (["cat.jpg", "dog.jpg"], "'cat.jpg', 'dog.jpg' are files, or called like images; say what to segment"),
        (["{photograph}", "the"], "the phrase 'the' names nothing"),
        (["{photograph}", "of the, on the"], "names nothing"),
    ],
)
def test_misleading_words(asgn, photograph, tmp_path, arguments, said):
    outcome = asgn("segment", *(text.format(photograph=photograph) for text in arguments), "-o", tmp_path / "out")
    assert outcome.code == 2
    assert said in outcome.err
    assert outcome.err.count("\n") == 1
