"""Exported graphs answer as the network does, for any number of phrases and words, through the same interface."""

import json

import numpy as np
import pytest
import torch

pytest.importorskip("onnxruntime", reason="extra onnx is not installed")
pytest.importorskip("onnxscript", reason="extra onnx is not installed")

from asgn.checkpoint import Model, save_model
from asgn.cli.export import export
from asgn.config import ModelConfig
from asgn.data.vocabulary import SPECIAL, Vocabulary
from asgn.errors import CheckpointError, ExportError, UserError
from asgn.inference.load import load
from asgn.inference.onnx import export as onnx_export
from asgn.inference.onnx.runner import OnnxBackend, load_export
from asgn.inference.segmenter import Segmenter
from asgn.models.build import build_generator
from asgn.variants import Variant

ROWS = ("M+LSTM+DE+SE", "M+RMI+DE+SE", "N+LSTM+DE+SE", "V+LSTM+DE+SE")
"""N's knows some words by their vectors alone."""
SIZES = {
    "image_size": 64, "embedding_size": 8, "language_size": 8, "visual_size": 8, "fusion_size": 8, "detail_size": 4
}  # fmt: skip
PHRASES = ("circle", "left circle", "the red star on the left", "left " * 20, "the flurble circle")


def model_of(row, seed=0):
    """Random weights, the mask's bias put where about half of a photograph is foreground."""
    torch.manual_seed(seed)
    vocabulary = Vocabulary([*SPECIAL, *["left", "right", "circle", "star", "red", "the", "on"]])
    by_vector = {"word_vector_size": 5, "trained_words": 8} if row.startswith("N") else {}
    network = {"vit_name": "test_vit"} if row.startswith("V") else {}
    vocabulary = Vocabulary(vocabulary.words, trained=by_vector.get("trained_words"))
    config = ModelConfig.for_variant(Variant.parse(row), len(vocabulary), **SIZES, **by_vector, **network)
    generator = build_generator(config).to(memory_format=torch.channels_last).eval()
    if by_vector:
        generator.language.embedding.set_vectors(torch.randn(len(vocabulary), 5))
    model = Model(generator, config, vocabulary, {"data": {"name": "none"}})
    with torch.no_grad():
        generator.head.score.weight.mul_(5)
        generator.head.semantic.weight.normal_(std=0.1)
    logits = Segmenter(model)(photograph(), list(PHRASES))
    with torch.no_grad():
        generator.head.semantic.bias -= torch.stack([item.pixel_logits for item in logits]).median()
    return model


def photograph():
    return np.random.default_rng(0).integers(0, 256, (48, 90, 3), dtype=np.uint8)


@pytest.fixture(scope="module", params=ROWS)
def exported(request, tmp_path_factory):
    """A model and the folder that the command exported it to."""
    model, folder = model_of(request.param), tmp_path_factory.mktemp("export")
    save_model(folder / "model.safetensors", model)
    export(folder / "onnx", folder / "model.safetensors")
    return model, folder / "onnx"


def test_masks_and_scores_are_those_of_the_network(exported):
    model, folder = exported
    for phrases in ([PHRASES[0]], list(PHRASES), list(PHRASES) * 4):
        expected = Segmenter(model)(photograph(), phrases)
        found = load(folder)(photograph(), phrases)
        for one, other in zip(expected, found, strict=True):
            torch.testing.assert_close(other.pixel_logits, one.pixel_logits, rtol=0, atol=1e-4)
            assert other.score == pytest.approx(one.score, abs=1e-3)  # pixels on the very edge may change sides
            assert other.reading == one.reading
        assert np.mean([item.prob >= 0.5 for item in found]) == pytest.approx(0.5, abs=0.3)


def test_a_mask_differs_between_phrases_of_one_batch(exported):
    """Else graphs that ignored the words would pass."""
    _, folder = exported
    first, second = load(folder)(photograph(), ["left circle", "the red star"])
    assert not torch.allclose(first.pixel_logits, second.pixel_logits, atol=1e-3)


def test_the_folder_describes_its_model(exported):
    model, folder = exported
    loaded = load(folder)
    assert isinstance(loaded.backend, OnnxBackend)
    assert loaded.model.config == model.config
    assert loaded.vocabulary.words == model.vocabulary.words
    assert loaded.vocabulary.trained == model.vocabulary.trained
    assert loaded.model.provenance == model.provenance
    parity = json.loads((folder / "config.json").read_text())["parity"]
    assert parity["mask_iou"] >= 0.999


def test_the_interface_is_that_of_segmenter(exported):
    model, folder = exported
    segmenter = load(folder)
    expected = Segmenter(model).predict_masks(photograph(), ["left circle", "."], "reference")
    found = segmenter.predict_masks(photograph(), ["left circle", "."], "reference")
    for mask, other in zip(found, expected, strict=True):
        assert np.mean(mask != other) < 1e-3
    with pytest.raises(UserError, match="cannot be made a checkpoint"):
        segmenter.save_pretrained(folder)
    with pytest.raises(UserError, match="processor only"):
        load(folder, "cuda")


def test_damage_is_found(exported, tmp_path):
    _, folder = exported
    for name in ("config.json", "encode.onnx", "decode.onnx"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    content = bytearray((tmp_path / "decode.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "decode.onnx").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"decode\.onnx is damaged"):
        load_export(tmp_path)
    (tmp_path / "decode.onnx").unlink()
    with pytest.raises(CheckpointError, match=r"lacks decode\.onnx"):
        load_export(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json is missing or damaged"):
        load_export(tmp_path)


def test_graphs_with_other_answers_are_not_written(exported, tmp_path, monkeypatch):
    model, folder = exported
    other = model_of(model.config.variant, seed=1)
    monkeypatch.setattr(onnx_export, "_encode_graph", lambda *_: (folder / "encode.onnx").read_bytes())
    monkeypatch.setattr(onnx_export, "_decode_graph", lambda *_: (folder / "decode.onnx").read_bytes())
    with pytest.raises(ExportError, match="nothing was written"):
        onnx_export.export_model(other, tmp_path)
    assert list(tmp_path.iterdir()) == []
