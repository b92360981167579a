"""`Segmenter`: any image, any phrase, at the photograph's own size, encoded once."""

import io
import weakref
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from asgn.data.transforms import crop_and_resize, resize_and_crop
from asgn.errors import DataError, PhraseError, UserError
from asgn.inference.results.segmentation import binarise, binarise_reference
from asgn.inference.segmenter import Segmenter


def test_masks_have_the_photographs_size(segmenter, photograph):
    result = segmenter(photograph, "left circle")
    assert result.mask.shape == (48, 90)
    assert result.mask.dtype == np.bool_
    assert result.prob.shape == (48, 90)
    assert result.phrase == "left circle"


def test_the_mask_is_where_the_probability_reaches_one_half(segmenter, photograph):
    result = segmenter(photograph, "left circle")
    np.testing.assert_array_equal(result.mask, result.prob >= 0.5)


def test_many_phrases_encode_the_image_once(segmenter, photograph, monkeypatch):
    calls = []
    encode = segmenter.backend.encode
    monkeypatch.setattr(segmenter.backend, "encode", lambda images: (calls.append(1), encode(images))[1])
    together = segmenter(photograph, ["left circle", "right circle", "the star", "circle"])
    assert len(calls) == 1
    for result in together:
        alone = segmenter(photograph, result.phrase)
        torch.testing.assert_close(alone.pixel_logits, result.pixel_logits, rtol=0, atol=1e-5)


def test_every_kind_of_source_gives_the_same_mask(segmenter, photograph, tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(photograph).save(path)
    tensor = torch.from_numpy(photograph)
    sources = [
        path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), Image.open(path), photograph, tensor,
        tensor.permute(2, 0, 1), tensor.permute(2, 0, 1) / 255, photograph.astype(np.uint16) * 257,
    ]  # fmt: skip
    masks = [segmenter(source, "left circle").mask for source in sources]
    with path.open("rb") as file:
        masks.append(segmenter(file, "left circle").mask)
    for mask in masks[1:]:
        np.testing.assert_array_equal(mask, masks[0])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "NoneType is no image: give a path"),
        (7, "int is no image"),
        (["a.jpg"], "list is no image"),
        ("https://a.org/cat.jpg", "is an address"),
        (Path("https://a.org/cat.jpg"), "is an address"),
        (io.StringIO("text"), "binary mode"),
        (io.BytesIO(), "is empty"),
        (torch.zeros(1, 3, 8, 8), r"the given tensor has shape \(1, 3, 8, 8\)"),
        (torch.full((3, 8, 8), -1.0), "values from -1 to -1"),
    ],
)
def test_what_is_no_image_is_one_line(segmenter, source, message):
    with pytest.raises(DataError, match=message) as caught:
        segmenter(source, "left circle")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("phrases", [None, b"left circle", ["left circle", None], [b"circle"], 7])
def test_what_is_no_phrase_is_one_line(segmenter, photograph, phrases):
    with pytest.raises(PhraseError, match=r"a phrase is text, not (NoneType|bytes|int)"):
        segmenter(photograph, phrases)


def test_one_phrase_has_one_result_and_a_list_a_list(segmenter, photograph):
    encoded = segmenter.encode(photograph)
    assert segmenter(encoded, "left circle").phrase == "left circle"
    assert [result.phrase for result in segmenter(encoded, ("circle", "left circle"))] == ["circle", "left circle"]
    assert segmenter(encoded, []) == []


def test_a_stream_answers_in_order_and_holds_two_images(segmenter, monkeypatch):
    alive, encode = weakref.WeakSet(), segmenter.encode
    most = 0

    def counted(image):
        alive.add(encoded := encode(image))
        return encoded

    monkeypatch.setattr(segmenter, "encode", counted)
    images = [np.full((40, 30 + place, 3), place, dtype=np.uint8) for place in range(12)]
    given = iter(images)
    for place, (image, results) in enumerate(segmenter.stream(given, ["circle", "left circle"])):
        most = max(most, len(alive))
        assert image is images[place]
        assert [result.mask.shape for result in results] == [(40, 30 + place)] * 2
        del results
    assert place == 11
    assert most <= 3  # the one in hand, the one ahead, and the one before, which goes with the next results
    assert [result.phrase for _, result in segmenter.stream(images[:2], "circle")] == ["circle"] * 2


def test_a_stream_gives_what_comes_before_a_bad_image(segmenter, photograph):
    stream = segmenter.stream([photograph, "none.jpg", photograph], "circle")
    assert next(stream)[0] is photograph
    with pytest.raises(DataError, match="no image at"):
        next(stream)
    with pytest.raises(PhraseError):
        next(segmenter.stream(iter([photograph]), "gnarf"))


def test_a_network_in_training_stays_in_training(tiny_model, photograph):
    generator = tiny_model.generator
    expected = Segmenter(tiny_model)(photograph, "left circle").pixel_logits
    generator.train()
    generator.backbone.eval()
    modes = [module.training for module in generator.modules()]
    segmenter = Segmenter(tiny_model)
    assert [module.training for module in generator.modules()] == modes
    seen = []
    generator.language.register_forward_hook(lambda module, *_: seen.append(module.training))
    torch.testing.assert_close(segmenter(photograph, "left circle").pixel_logits, expected)
    assert seen == [False]
    assert [module.training for module in generator.modules()] == modes


def test_an_unknown_protocol_is_refused(segmenter, photograph):
    with pytest.raises(UserError, match="unknown protocol 'cleen': choose clean or reference"):
        segmenter.predict_masks(photograph, ["circle"], "cleen")


def test_unknown_and_cut_words_are_reported(segmenter, photograph):
    result = segmenter(photograph, "left flurble circle")
    assert result.unknown == ("flurble",)
    long = segmenter(photograph, " ".join(["circle"] * 22 + ["left"]))
    assert long.cut == ("circle", "circle", "left")


@pytest.mark.parametrize(
    ("phrase", "message"),
    [
        ("", "holds no word"),
        (" . ", "holds no word"),
        ("flurble gnarf", "no word of the phrase"),
        ("circle " * 200, "200 words"),
    ],
)
def test_phrases_without_meaning_are_refused(segmenter, photograph, phrase, message):
    with pytest.raises(PhraseError, match=message) as caught:
        segmenter(photograph, phrase)
    assert "\n" not in str(caught.value)


def test_a_data_set_may_hold_phrases_that_a_user_may_not_give(segmenter, photograph):
    masks = segmenter.predict_masks(photograph, [".", "flurble"])
    assert [mask.shape for mask in masks] == [(48, 90)] * 2


def test_protocols_differ_in_the_order_of_threshold_and_resizing():
    logits = torch.randn(1, 64, 64, generator=torch.Generator().manual_seed(0))
    clean, reference = binarise(logits, 30, 50)[0], binarise_reference(logits, 30, 50)[0]
    np.testing.assert_array_equal(clean, (crop_and_resize(logits[0], 30, 50) >= 1e-9).numpy())
    np.testing.assert_array_equal(reference, (resize_and_crop((logits[0] >= 1e-9).float(), 30, 50) > 0).numpy())
    assert reference.sum() > clean.sum()


def test_the_threshold_is_on_the_logit_not_on_the_probability():
    """A probability of 1e-9 would call nearly everything foreground."""
    logits = torch.full((1, 64, 64), -10.0)
    assert not binarise(logits, 64, 64)[0].any()
    assert binarise(torch.full((1, 64, 64), 1e-6), 64, 64)[0].all()


def test_a_model_says_where_masks_begin_and_which_pieces_stay(segmenter, photograph, monkeypatch):
    """One faint large thing and a speck: by default an empty mask, else the large thing alone."""
    logits = torch.full((1, 64, 64), -5.0)
    logits[0, 24:40, 8:24] = -0.5
    logits[0, 30:34, 50:54] = -0.5
    monkeypatch.setattr(segmenter, "network_logits", lambda encoded, encodings: logits.expand(len(encodings), -1, -1))
    areas = {}
    for threshold, pieces in product(("half", "expected-iou"), ("all", "large")):
        config = replace(segmenter.model.config, mask_threshold=threshold, pieces=pieces)
        monkeypatch.setattr(segmenter, "model", replace(segmenter.model, config=config))
        (mask,) = segmenter.predict_masks(photograph, ["circle"])
        areas[threshold, pieces] = mask[:, :50].any(), mask[:, 60:].any()
    assert areas == {
        ("half", "all"): (False, False),
        ("half", "large"): (False, False),
        ("expected-iou", "all"): (True, True),
        ("expected-iou", "large"): (True, False),
    }
