"""CLIPSeg computes what transformers computes, an image once; its words are never unknown."""

import dataclasses
import json
import pickle
import sys

import numpy as np
import pytest
import torch

from asgn.checkpoint import load_model, save_model
from asgn.config import ModelConfig
from asgn.data.vocabulary import Subwords, Vocabulary
from asgn.errors import CheckpointError, DataError, ExportError, MissingExtraError, UserError
from asgn.inference.segmenter import Segmenter
from asgn.inference.sharing.model_card import model_card
from asgn.models import clipseg
from asgn.models.build import build_generator
from asgn.variants import Variant
from tests.models.tiny_clipseg import write_tiny_clipseg

pytest.importorskip("transformers")
PHRASES = ["the dog", "zyx on the left"]
SIDE = 64


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "refined"])
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clipseg")
    write_tiny_clipseg(folder, refined=request.param)
    return folder


@pytest.fixture(scope="module")
def images():
    return torch.randint(0, 256, (2, 3, SIDE, SIDE), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def encoded(vocabulary):
    ids = [torch.tensor(vocabulary.encode(phrase).ids) for phrase in PHRASES]
    return torch.nn.utils.rnn.pad_sequence(ids, batch_first=True), torch.tensor([len(one) for one in ids])


def row_of(folder, row):
    """A new row that begins with the folder's weights, by the state of the base where it has no more."""
    base = load_model(folder)
    torch.manual_seed(0)
    config = dataclasses.replace(base.config, variant=clipseg.ROW + row, detail_size=4)
    generator = build_generator(config).eval()
    generator.load_state_dict({**generator.state_dict(), **base.generator.state_dict()})
    return base, generator


def test_its_logits_are_those_of_transformers(folder, images):
    from transformers import CLIPSegForImageSegmentation, CLIPTokenizer

    theirs = CLIPSegForImageSegmentation.from_pretrained(folder).eval()
    asked = CLIPTokenizer.from_pretrained(folder)(PHRASES, padding=True, return_tensors="pt")
    model = load_model(folder)
    pixels = model.generator.backbone.normalise(images)
    tokens, lengths = encoded(model.vocabulary)
    with torch.no_grad():
        expected = theirs(**asked, pixel_values=pixels).logits
        found = model.generator(images, torch.arange(2), tokens, lengths)
    assert expected.std() > 1e-3
    torch.testing.assert_close(found.pixels[:, 0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("row", ["+DE", "+SE", "+DE(conv1,conv5)+SE"])
def test_new_parts_leave_every_mask_as_it_was(folder, images, row):
    base, generator = row_of(folder, row)
    tokens, lengths = encoded(base.vocabulary)
    with torch.no_grad():
        before = base.generator(images, torch.arange(2), tokens, lengths).pixels
        after = generator(images, torch.arange(2), tokens, lengths).pixels
    assert torch.equal(after > 0, before > 0)
    assert 0 < (before > 0).float().mean() < 1


def test_cached_maps_are_as_good_as_the_image(folder, images):
    base, generator = row_of(folder, "+DE+SE")
    tokens, lengths = encoded(base.vocabulary)
    with torch.no_grad():
        maps = generator.backbone(images)
        given = {name: maps[name] for name in generator.maps_read}
        one, other = (generator(what, torch.arange(2), tokens, lengths).grid for what in (images, given))
    assert torch.equal(one, other)


def test_only_the_decoder_trains_and_all_of_it(folder, images):
    base, generator = row_of(folder, "+DE+SE")
    torch.nn.init.normal_(generator.join.weight)
    torch.nn.init.normal_(generator.head.semantic.weight)
    tokens, lengths = encoded(base.vocabulary)
    generator(images, torch.arange(2), tokens, lengths).pixels.square().sum().backward()
    still = {name for name, weight in generator.named_parameters() if weight.grad is None or not weight.grad.any()}
    assert {name.split(".")[0] for name in still} == {"backbone", "text", "projection"}
    assert not any(name.split(".")[0] in ("backbone", "text", "projection") for name in _trained(generator))


def _trained(generator):
    return [name for name, weight in generator.named_parameters() if weight.requires_grad]


def test_an_image_is_encoded_once_and_no_word_is_unknown(folder, monkeypatch):
    calls = []
    forward = clipseg.ClipVision.forward
    monkeypatch.setattr(clipseg.ClipVision, "forward", lambda self, given: (calls.append(1), forward(self, given))[1])
    segmenter = Segmenter(load_model(folder), "cpu")
    image = segmenter.encode(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    for result in segmenter(image, ["the dog", "left zyxwv's hat", "person"]):
        assert result.unknown == ()
        assert result.remarks == []
    segmenter(image, "another thing")
    assert len(calls) == 1


def test_a_checkpoint_rebuilds_it_without_the_folder(folder, tmp_path):
    model = load_model(folder)
    save_model(tmp_path / "model.safetensors", model)
    again = load_model(tmp_path / "model.safetensors")
    assert again.config == model.config
    assert again.vocabulary.encode("the dog") == model.vocabulary.encode("the dog")
    image = np.zeros((40, 60, 3), dtype=np.uint8)
    for phrase in PHRASES:
        one, other = (Segmenter(each)(image, phrase) for each in (model, again))
        np.testing.assert_array_equal(one.prob, other.prob)


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "weights .* do not exist"),
        (lambda folder: (folder / "tokenizer.json").unlink(), r"has 2 entries, its network 190: give"),
        (lambda folder: change(folder / "config.json", reduce_dim=12), "does not fit this network"),
        (lambda folder: change(folder / "config.json", reduce_dim="many"), "settings of this CLIPSeg cannot be used"),
        (lambda folder: change(folder / "preprocessor_config.json", size="big"), "image_size big cannot be used"),
    ],
)
def test_a_folder_that_is_not_whole_is_one_line(tmp_path, spoil, line):
    write_tiny_clipseg(tmp_path)
    spoil(tmp_path)
    with pytest.raises(UserError, match=line) as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("package", ["transformers", "tokenizers"])
def test_the_extra_is_named_where_it_is_missing(tmp_path, folder, monkeypatch, package):
    save_model(tmp_path / "model.safetensors", load_model(folder))
    monkeypatch.setitem(sys.modules, package, None)
    for path in (folder, tmp_path) if package == "transformers" else (tmp_path,):
        with pytest.raises(MissingExtraError, match=rf"^{package} is not installed: run .*asgn\[clipseg\]"):
            load_model(path)


def test_what_no_graph_answers_like_is_one_line(folder, tmp_path, monkeypatch):
    pytest.importorskip("onnxscript")
    from asgn.inference.onnx import export

    def fail(model):
        raise RuntimeError("dynamic shapes\nand more")

    monkeypatch.setattr(export, "_checked_graphs", fail)
    with pytest.raises(ExportError, match=r"^asgn.models.clipseg:build cannot be exported: .*\(dynamic shapes\)$"):
        export.export_model(load_model(folder), tmp_path / "onnx")
    with pytest.raises(RuntimeError):
        export.export_model(dataclasses.replace(load_model(folder), config=ModelConfig()), tmp_path / "onnx")
    assert list((tmp_path / "onnx").iterdir()) == []


def test_its_card_says_how_it_reads_words(folder):
    assert "It reads any word, by 190 parts of words." in model_card(load_model(folder), "mine")


def test_a_tokeniser_goes_to_other_processes(folder):
    words = load_model(folder).vocabulary
    assert pickle.loads(pickle.dumps(words)).encode("the dog") == words.encode("the dog")


def test_a_row_without_a_start_says_what_to_add():
    with pytest.raises(UserError, match="--start-from CIDAS/clipseg-rd64-refined"):
        build_generator(ModelConfig(clipseg.ROW))
    with pytest.raises(CheckpointError, match="settings of this CLIPSeg cannot be used"):
        build_generator(ModelConfig(clipseg.ROW, settings={"reduce_dim": "many"}))


def test_images_that_do_not_divide_into_patches_are_refused(folder):
    config = dataclasses.replace(load_model(folder).config, image_size=80)
    changed = {**config.settings, "vision_config": {**config.settings["vision_config"], "patch_size": 32}}
    with pytest.raises(UserError, match=r"image_size 80 .* give a multiple of 32"):
        build_generator(dataclasses.replace(config, settings=changed))


def test_a_tokeniser_is_a_vocabulary(folder, tmp_path):
    words = Vocabulary.read(folder / "tokenizer.json")
    assert isinstance(words, Subwords)
    assert words.encode("The Dog").ids == words.encode_tokens(["the", "dog"]).ids
    assert words.encode("left dog").ids != words.encode("right dog").ids
    many = words.encode(" ".join(["dog"] * 30))
    assert (len(many.words), len(many.cut), many.unknown) == (20, 10, ())
    cut = load_model(folder).vocabulary
    long = cut.encode(" ".join(["abcdefghij"] * 8))
    assert (len(long.ids) <= 77, len(long.words), len(long.cut)) == (True, 7, 1)
    assert cut.encode("a" * 100).cut == ("a" * 100,)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(DataError, match="no tokeniser"):
        Vocabulary.read(tmp_path / "bad.json")


def test_a_row_of_the_paper_reads_by_a_tokeniser(folder, plan_of, accelerator):
    from asgn.experiments.runs.train import train_run

    plan = plan_of(steps=1, variant="M+LSTM")
    plan = dataclasses.replace(plan, vocabulary=Vocabulary.read(folder / "tokenizer.json"))
    assert train_run(plan, accelerator)
    again = load_model(plan.folder)
    assert again.vocabulary.encode("xylophone").unknown == ()
    assert Variant.parse(again.config.variant).backbone == "M"
    further = dataclasses.replace(plan_of("further", steps=1, variant="M+LSTM"), start_from=plan.folder)
    assert train_run(further, accelerator)
