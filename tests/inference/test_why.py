"""Why: words left out, the runner-up, and the word that settles it, on a network whose answers are drawn by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from asgn.data.files.masks import iou
from asgn.data.vocabulary import Vocabulary
from asgn.inference.explain.explain import explain
from asgn.inference.explain.regions import two_regions
from asgn.inference.segmenter import Segmenter

LEFT, RIGHT = (slice(20, 40), slice(4, 20)), (slice(24, 40), slice(44, 60))
"""Rows and columns of two objects in a square of 64: 20 x 16 and 16 x 16 cells."""


def drawn(words):
    """The made-up network: dogs on both sides, of which "left" and "right" choose; "red" and "small" the right one."""
    prob = np.full((64, 64), 0.01, dtype=np.float32)
    if "dog" in words:
        prob[LEFT] = 0.9 if not {"right", "red"} & set(words) else 0.05
        prob[RIGHT] = 0.6 if not {"left", "bottom"} & set(words) else 0.05
        if "small" in words:
            prob[LEFT] = 0.2
    return torch.logit(torch.from_numpy(prob))


@pytest.fixture
def segmenter(tiny_model, monkeypatch):
    phrases = ["the dog", "left right", "top bottom", "big small", "red blue"]
    made = Segmenter(replace(tiny_model, vocabulary=Vocabulary.build(phrases)))
    made.calls = []

    def network_logits(image, encodings):
        made.calls.append([encoding.words for encoding in encodings])
        return torch.stack([drawn(encoding.words) for encoding in encodings])

    monkeypatch.setattr(made, "network_logits", network_logits)
    return made


@pytest.fixture
def encoded(segmenter):
    """A photograph of 128 x 128 pixels that is blue but for a red thing at the right."""
    pixels = np.zeros((128, 128, 3), dtype=np.uint8)
    pixels[..., 2] = 220
    pixels[48:80, 88:120] = (220, 10, 10)
    return segmenter.encode(pixels)


def test_every_word_is_left_out_once_in_one_batch(segmenter, encoded):
    why = explain(segmenter, encoded, "the left dog")
    assert len(segmenter.calls) == 1
    assert segmenter.calls[0][:4] == [("the", "left", "dog"), ("left", "dog"), ("the", "dog"), ("the", "left")]
    assert [item.word for item in why.left_out] == ["the", "left", "dog"]
    left, right = 20 * 16, 16 * 16
    assert [item.iou for item in why.left_out] == pytest.approx([1.0, left / (left + right), 0.0])
    assert why.left_out[0].presence_change == pytest.approx(0.0)
    assert why.left_out[2].presence == pytest.approx(0.01, abs=1e-4)
    assert why.left_out[2].presence_change == pytest.approx(0.01 - 0.9, abs=1e-4)


def test_a_single_word_is_not_left_out(segmenter, encoded):
    assert explain(segmenter, encoded, "dog").left_out == ()


def test_chosen_and_runner_up_with_their_boxes(segmenter, encoded):
    why = explain(segmenter, encoded, "the dog")
    assert why.chosen is not None
    assert why.chosen.box == (8, 40, 32, 40)
    assert why.chosen.prob == pytest.approx(0.9, abs=1e-4)
    assert why.chosen.area == pytest.approx(320 / 4096)
    assert why.runner_up is not None
    assert why.runner_up.box == (88, 48, 32, 32)
    assert why.runner_up.prob == pytest.approx(0.6, abs=1e-4)


def test_the_word_that_settles_it(segmenter, encoded):
    """ "bottom" moves the network to the left object too, but the left one does not lie lower."""
    settling = {item.region: item for item in explain(segmenter, encoded, "the dog").settling}
    assert settling["chosen"].phrase == "the left dog"
    assert settling["chosen"].share == pytest.approx(0.9 / 0.95, abs=1e-4)
    assert settling["runner-up"].phrase in ("the right dog", "the red dog")
    assert settling["runner-up"].share == pytest.approx(0.6 / 0.65, abs=1e-4)


def test_no_word_of_a_kind_that_the_phrase_has_already(segmenter, encoded):
    explain(segmenter, encoded, "the small dog")
    asked = {words for words in segmenter.calls[0] if len(words) == 4}
    assert ("the", "left", "small", "dog") in asked
    assert not any("big" in words for words in asked)


def test_what_is_said(segmenter, encoded):
    lines = explain(segmenter, encoded, "the dog").lines()
    assert lines[1].startswith("without 'dog' the mask moves elsewhere (IoU 0.00), presence 0.90 -> 0.01")
    assert "chosen: 32x40 pixels at (8, 40), probability 0.90" in lines
    assert "runner-up: 32x32 pixels at (88, 48), probability 0.60" in lines
    assert "to mean the chosen region, say 'the left dog'" in lines
    assert "no region stands out" in explain(segmenter, encoded, "the left").lines()
    assert "no other region comes near" in explain(segmenter, encoded, "left dog").lines()[-1]


def test_it_is_json(segmenter, encoded):
    record = json.loads(json.dumps(explain(segmenter, encoded, "the dog").to_json()))
    assert record["runner_up"]["box"] == [88, 48, 32, 32]
    assert record["left_out"][0].keys() == {"word", "iou", "presence", "presence_change"}


def test_objects_that_touch_at_a_low_level_are_told_apart():
    prob = np.full((40, 40), 0.3, dtype=np.float32)
    prob[5:15, 5:15], prob[25:35, 25:33] = 0.9, 0.8
    chosen, runner_up = two_regions(prob, 40, 40)
    assert chosen is not None
    assert runner_up is not None
    assert chosen.box == (5, 5, 10, 10)
    assert runner_up.box == (25, 25, 8, 10)


def test_specks_are_no_runner_up():
    prob = np.zeros((64, 64), dtype=np.float32)
    prob[10:30, 10:30], prob[50, 50], prob[50:54, 4:8] = 0.9, 1.0, 0.9
    assert two_regions(prob, 64, 64)[1] is None
    assert two_regions(np.zeros((8, 8), dtype=np.float32), 8, 8) == (None, None)


def test_iou_of_nothing_with_nothing():
    nothing, everything = np.zeros((2, 2), dtype=bool), np.ones((2, 2), dtype=bool)
    assert iou(nothing, nothing) == 1.0
    assert iou(nothing, everything) == 0.0
