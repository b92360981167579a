"""Run the command as a user does, in this process or in one of its own."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgn.checkpoint import save_model
from asgn.cli import main as cli


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def asgn(monkeypatch, capfd):
    """Call `asgn ARGUMENTS` here; gives the exit code and what was printed."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["asgn", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def asgn_process():
    """Call `asgn ARGUMENTS` in a process of its own."""

    def call(*arguments: object) -> Outcome:
        command = [sys.executable, "-c", "from asgn.cli.main import main; main()", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def model_file(tiny_model, tmp_path) -> Path:
    save_model(tmp_path / "model.safetensors", tiny_model)
    return tmp_path / "model.safetensors"


@pytest.fixture
def photograph(tmp_path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"
