"""`asgn export`, and `asgn segment` without a model's name."""

import shutil

import pytest

from asgn.checkpoint import load_model
from asgn.inference.onnx.export import Parity

pytest.importorskip("onnxscript", reason="extra onnx is not installed")


def test_it_says_what_it_wrote_and_how_far_it_agrees(asgn, model_file, tmp_path, monkeypatch):
    def write(model, folder):
        folder.mkdir()
        (folder / "encode.onnx").write_bytes(bytes(1_500_000))
        return Parity(2e-6, 1.0)

    monkeypatch.setattr("asgn.inference.onnx.export.export_model", write)
    outcome = asgn("export", model_file, "-o", tmp_path / "onnx")
    assert outcome.code == 0, outcome.err
    assert "encode.onnx: 1.5 MB" in outcome.out
    assert "masks agree to 1.00000, logits to 2e-06" in outcome.out
    assert f"--model {tmp_path / 'onnx'}" in outcome.out


def test_without_a_checkpoint_there_is_one_line(asgn, tmp_path):
    outcome = asgn("export", tmp_path / "none", "-o", tmp_path / "onnx")
    assert outcome.code == 2
    assert "does not exist" in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "onnx").exists()


def test_the_missing_extra_is_named(asgn, model_file, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    outcome = asgn("export", model_file, "-o", tmp_path / "onnx")
    assert outcome.code == 2
    assert "pip install 'asgn[onnx]'" in outcome.err


def test_the_model_in_the_box_is_used_unless_another_is_named(asgn, model_file, photograph, tmp_path, monkeypatch):
    monkeypatch.setattr("asgn.inference.load.BOX", tmp_path)
    outcome = asgn("segment", photograph, "left circle", "-o", tmp_path / "masks")
    assert outcome.code == 2
    assert "asgn-mobile.safetensors is missing" in outcome.err
    assert outcome.err.count("\n") == 1
    shutil.copy(model_file, tmp_path / "asgn-mobile.safetensors")
    assert asgn("segment", photograph, "left circle", "-o", tmp_path / "masks").code == 0
    exported = []
    monkeypatch.setattr(
        "asgn.inference.onnx.export.export_model", lambda model, out: exported.append(model) or Parity(0, 1)
    )
    assert asgn("export", "-o", tmp_path / "onnx").code == 0
    assert exported[0].config == load_model(model_file).config
