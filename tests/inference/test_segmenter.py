"""`Segmenter`: any image, any phrase, at the photograph's own size, encoded once."""

import numpy as np
import pytest
import torch
from PIL import Image

from asgn.data.transforms import crop_and_resize, resize_and_crop
from asgn.errors import PhraseError
from asgn.inference.results.segmentation import binarise, binarise_reference


def test_masks_have_the_photographs_size(segmenter, photograph):
    result = segmenter.encode(photograph).segment("left circle")
    assert result.mask.shape == (48, 90)
    assert result.mask.dtype == np.bool_
    assert result.prob.shape == (48, 90)
    assert result.phrase == "left circle"


def test_the_mask_is_where_the_probability_reaches_one_half(segmenter, photograph):
    result = segmenter.segment(photograph, "left circle")[0]
    np.testing.assert_array_equal(result.mask, result.prob >= 0.5)


def test_many_phrases_encode_the_image_once(segmenter, photograph, monkeypatch):
    calls = []
    encode = segmenter.generator.encode
    monkeypatch.setattr(segmenter.generator, "encode", lambda images: (calls.append(1), encode(images))[1])
    together = segmenter.segment(photograph, ["left circle", "right circle", "the star", "circle"])
    assert len(calls) == 1
    for result in together:
        alone = segmenter.segment(photograph, result.phrase)[0]
        torch.testing.assert_close(alone.pixel_logits, result.pixel_logits, rtol=0, atol=1e-5)


def test_every_kind_of_source_gives_the_same_mask(segmenter, photograph, tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(photograph).save(path)
    sources = [path, str(path), path.read_bytes(), Image.open(path), photograph]
    masks = [segmenter.segment(source, "left circle")[0].mask for source in sources]
    for mask in masks[1:]:
        np.testing.assert_array_equal(mask, masks[0])


def test_unknown_and_cut_words_are_reported(segmenter, photograph):
    result = segmenter.segment(photograph, "left flurble circle")[0]
    assert result.unknown == ("flurble",)
    long = segmenter.segment(photograph, " ".join(["circle"] * 22 + ["left"]))[0]
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
        segmenter.segment(photograph, phrase)
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
