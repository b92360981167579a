"""Presence: how it is measured, when nothing matches, and how a checkpoint keeps its threshold."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from asgn.checkpoint import PresenceCalibration, load_model, read_tensors, save_model, write_presence, write_tensors
from asgn.data.vocabulary import SPECIAL, Vocabulary
from asgn.experiments.runs.scoring import evaluate
from asgn.inference.phrases.look_alikes import of_other_kinds
from asgn.inference.presence import presence_among, presence_scores
from asgn.inference.segmenter import Segmenter

CALIBRATION = PresenceCalibration(0.25, 81.5, 40, 42, {"name": "own", "split": "val", "fingerprint": "ab"})
SURE, UNSURE, NEVER = 2.1972246, 0.0, -50.0  # probabilities 0.9, 0.5 and 0


def with_threshold(model, threshold):
    return Segmenter(replace(model, presence=replace(CALIBRATION, threshold=threshold)))


def test_presence_is_the_mean_of_the_most_probable_hundredth():
    logits = torch.full((3, 100, 100), NEVER)
    logits[0].flatten()[:100] = SURE
    logits[1].flatten()[:50] = SURE
    logits[2].flatten()[:2000] = UNSURE
    assert presence_scores(logits, 100, 100) == pytest.approx([0.9, 0.45, 0.5], abs=1e-5)


def test_what_lies_beside_the_photograph_does_not_count():
    """A photograph of 100 x 50 fills the middle half of the square's height."""
    logits = torch.full((1, 100, 100), SURE)
    logits[0, 25:75] = NEVER
    assert presence_scores(logits, 50, 100) == pytest.approx([0.0], abs=1e-6)
    logits[0, 30, :50] = SURE
    assert presence_scores(logits, 50, 100) == pytest.approx([0.9], abs=1e-5)


def test_below_the_threshold_nothing_matches(tiny_model, photograph):
    plain = Segmenter(tiny_model)(photograph, "left circle")
    below = with_threshold(tiny_model, plain.presence + 0.01)(photograph, "left circle")
    above = with_threshold(tiny_model, plain.presence - 0.01)(photograph, "left circle")
    assert not below.found
    assert below.mask.shape == (48, 90)
    assert below.score == 0.0
    assert below.presence == pytest.approx(plain.presence)
    np.testing.assert_array_equal(above.mask, above.prob >= 0.5)
    np.testing.assert_array_equal(below.prob, above.prob)


def test_the_protocols_masks_know_no_threshold(tiny_model, photograph):
    """Scores of the benchmarks stay those of the paper's rule."""
    always, never = with_threshold(tiny_model, 0.0), with_threshold(tiny_model, 1.1)
    for protocol in ("clean", "reference"):
        np.testing.assert_array_equal(
            always.predict_masks(photograph, ["left circle"], protocol),
            never.predict_masks(photograph, ["left circle"], protocol),
        )


def test_the_threshold_is_the_flag_of_generalised_scores(tiny_model, scenes):
    """Every phrase flagged, or none: N-acc and T-acc are all or nothing, and other scores stay as they are."""
    always, never = (evaluate(with_threshold(tiny_model, bound), scenes) for bound in (0.0, 1.1))
    assert always.scores.summary() == never.scores.summary()
    assert [not item.annotation_ids for item in scenes.expressions].count(True) > 0
    assert (always.gres["N-acc"], always.gres["T-acc"]) == (0, 100)
    assert (never.gres["N-acc"], never.gres["T-acc"]) == (100, 0)
    assert never.no_target_flag == "the presence is under 1.100"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools itself
def test_results_convert(tiny_model, photograph):
    result = with_threshold(tiny_model, 0.0)(photograph, "left circle")
    assert np.asarray(result) is result.mask
    np.testing.assert_array_equal(np.asarray(result, dtype=np.uint8), result.mask.astype(np.uint8))
    assert result.to_pil().mode == "L"
    np.testing.assert_array_equal(np.asarray(result.to_pil()), np.where(result.mask, 255, 0))
    np.testing.assert_array_equal(coco_mask.decode(result.rle), result.mask)


def test_a_checkpoint_keeps_its_calibration(tiny_model, tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path, tiny_model)
    assert load_model(path).presence is None
    before, header = read_tensors(path)
    assert write_presence(tmp_path, CALIBRATION) == path
    loaded = load_model(path)
    assert loaded.presence == CALIBRATION
    assert Segmenter(loaded).presence_threshold == 0.25
    after, _ = read_tensors(path)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    save_model(path, loaded)
    assert load_model(path).presence == CALIBRATION
    assert header.keys() <= read_tensors(path)[1].keys()


def test_calibrating_leaves_everything_else_in_a_file(tmp_path):
    path = tmp_path / "last.safetensors"
    write_tensors(path, {"generator.x": torch.arange(3.0).half()}, {"step": 7, "settings": {"a": 1}})
    write_presence(path, CALIBRATION)
    tensors, header = read_tensors(path)
    assert tensors["generator.x"].dtype == torch.float16
    assert header["step"] == 7
    assert header["settings"] == {"a": 1}
    assert header["presence"]["threshold"] == 0.25


def test_what_is_more_of_another_kind_is_less_likely_there():
    logits = torch.full((100, 100), NEVER)
    logits[0] = SURE
    rival = logits[None].clone()
    rival[0, 0] += SURE
    rival[0, 50:] = 9.0  # elsewhere the rival may be what it likes
    weak = torch.full_like(rival, UNSURE)
    assert presence_among(logits, torch.cat([weak, rival]), 100, 100) == pytest.approx(0.5, abs=1e-5)
    assert presence_among(logits, weak, 100, 100) == pytest.approx(0.9, abs=1e-5)


def test_the_phrase_is_asked_of_the_kinds_that_look_like_its_own():
    vocabulary = Vocabulary([*SPECIAL, "horse", "cow", "left", "on", "couch", "sheep"], trained=9)
    others = of_other_kinds(("left", "horse", "on", "couch"), vocabulary)
    assert others == [("left", "cow", "on", "couch")]
    assert of_other_kinds(("left",), vocabulary) == []
