"""What README and docs show: Python is run, and so is every command that needs no data set; all others are parsed."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from asgn.cli import main as cli
from asgn.data.synthetic.dataset import SyntheticDataset

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = {"segment", "info", "doctor"}
"""Commands that are run; the others train, serve, fetch, or need a benchmark's data."""
NEEDS = {"onnx": "onnxscript", "supervision": "supervision"}


def blocks(page: Path, kind: str) -> list[str]:
    return [text for language, text in BLOCK.findall(page.read_text(encoding="utf-8")) if language == kind]


def commands() -> Iterator[tuple[str, str]]:
    """Each `asgn ...` line of the pages: without a comment, a prompt, or what continues on the next line."""
    for page in PAGES:
        for text in blocks(page, ""):
            for line in text.replace("\\\n", " ").splitlines():
                found = re.match(r"(?:\$ )?(asgn .*?)(?:\s{2,}#.*|\s+#\s.*)?$", line)
                if found and "..." not in found[1] and not re.search(r"[|<>]|\b[A-Z]{3,}\b(?!\+)", found[1]):
                    yield page.name, found[1]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with the files that the pages speak of."""
    scenes = SyntheticDataset("val", scenes=2, size=128)
    for name, scene in zip(("street.jpg", "park.jpg"), scenes.image_ids(), strict=True):
        Image.fromarray(scenes.image(scene)).save(tmp_path / name)
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.zeros((40, 60, 3), dtype=np.uint8)).save(tmp_path / "photos" / "1.jpg")
    (tmp_path / "names.txt").write_text("the dog\nleft person\n")
    (tmp_path / "phrases.csv").write_text("image,phrase,id\nstreet.jpg,left person,1\npark.jpg,the dog,2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if page.name in ("README.md", "segmenting.md")], ids=str)
def test_python_runs(place, page):
    names: dict[str, object] = {}
    for text in blocks(page, "python"):
        exec(compile(text, str(page), "exec"), names)
    assert "segmenter" in names


@pytest.mark.parametrize(("page", "command"), sorted(set(commands())))
def test_commands_are_such_as_the_program_knows(place, page, command, monkeypatch, capsys):
    words = shlex.split(command)[1:]
    group = typer.main.get_command(cli.app)
    context = group.make_context("asgn", list(words), resilient_parsing=True)
    name, found, rest = group.resolve_command(context, list(words))
    while hasattr(found, "resolve_command"):
        name, found, rest = found.resolve_command(context, rest)
    is_elsewhere = any(word.startswith(("runs/", "CIDAS/", "onnx")) for word in rest)
    if name not in RUN or "--help" in rest or is_elsewhere:
        found.make_context(name, rest, parent=context)  # raises where an option or a value is unknown
        return
    monkeypatch.setattr(sys, "argv", ["asgn", *words])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code, capsys.readouterr().err
