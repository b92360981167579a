"""The Python face: its names, its one loader, its results; a name taken away fails here."""

import subprocess
import sys

import numpy as np
import pytest

import asgn
from asgn.checkpoint import save_model
from asgn.errors import UserError
from asgn.inference.results.segmentation import Segmentation

PUBLIC = {
    asgn: {"Segmentation", "Segmenter", "Variant", "__version__", "evaluate", "load", "open_dataset"},
    asgn.Segmenter: {
        "encode", "model", "predict_masks", "presence_threshold", "push_to_hub", "read_phrase", "save_pretrained",
        "stream", "vocabulary",
    },
    asgn.Segmentation: {
        "bbox", "cut", "explain", "found", "image", "mask", "overlay", "phrase", "presence", "prob", "read_as",
        "reason", "remarks", "rle", "save", "score", "to_json", "to_pil", "to_supervision", "unknown",
    },
}  # fmt: skip
JSON_KEYS = {
    "area", "bbox", "cut_words", "found", "nearest_known", "phrase", "presence", "read_as", "reason", "remarks",
    "score", "segmentation", "unknown_words", "unseen_words",
}  # fmt: skip


@pytest.fixture
def result(tiny_model, scenes) -> Segmentation:
    return asgn.Segmenter(tiny_model)(scenes.image(scenes.expressions[0].image_id), "left circle")


@pytest.mark.parametrize("owner", PUBLIC, ids=lambda owner: owner.__name__)
def test_public_names_stay(owner, result):
    held = {asgn: asgn, asgn.Segmenter: result.image.segmenter, asgn.Segmentation: result}[owner]
    assert {name for name in PUBLIC[owner] if not hasattr(held, name)} == set()


def test_the_face_lists_what_it_offers():
    assert set(asgn.__all__) == PUBLIC[asgn] == set(dir(asgn))
    with pytest.raises(AttributeError, match="no attribute 'sement'"):
        asgn.sement  # noqa: B018


def test_import_asgn_loads_nothing_heavy():
    code = "import sys, asgn; print([name for name in ('torch', 'numpy', 'PIL') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_loader_for_every_form_of_a_model(tiny_model, tmp_path, scenes):
    image = scenes.image(scenes.expressions[0].image_id)
    save_model(tmp_path / "best.safetensors", tiny_model)
    expected = asgn.Segmenter(tiny_model)(image, "left circle").mask
    for name in (tmp_path, str(tmp_path), tmp_path / "best.safetensors"):
        np.testing.assert_array_equal(asgn.load(name, device="cpu")(image, "left circle").mask, expected)
    assert asgn.load().model.config == asgn.load("asgn-mobile").model.config
    with pytest.raises(UserError, match="does not exist"):
        asgn.load(tmp_path / "none")
    with pytest.raises(UserError, match="device 'tpu' cannot be used here"):
        asgn.load(device="tpu")


def test_scores_from_python_are_those_of_the_command(tiny_model):
    data = asgn.open_dataset("synthetic", None, "val")
    scores = asgn.evaluate(asgn.Segmenter(tiny_model), data, limit=2)
    assert scores.images == 2
    assert scores.leak_stamp == "clean: drawn anew"


def test_the_record_of_a_result(result):
    record = result.to_json()
    assert record.keys() >= JSON_KEYS
    assert record["area"] == np.count_nonzero(result.mask)
    assert record["segmentation"] == result.rle


def test_a_result_describes_itself_as_its_row_name_does():
    assert str(asgn.Variant.parse("R+LSTM+DE")) == "R+LSTM+DE"
