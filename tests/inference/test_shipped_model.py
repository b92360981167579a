"""The model in the box: its size, its card, and the cat of scikit-image's photograph."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from asgn.experiments.doctor import run_checks
from asgn.inference.load import find_model, load

DRAWN = Path(__file__).parents[1] / "photographs" / "chelsea_cat.json"


@pytest.fixture(scope="module")
def mobile():
    return load()


@pytest.fixture(scope="module")
def chelsea():
    return pytest.importorskip("skimage.data", reason="scikit-image is not installed").chelsea()


def test_it_is_small_calibrated_and_says_what_it_was_made_from(mobile):
    assert find_model().stat().st_size <= 16e6
    assert mobile.model.config.variant == "N+LSTM+DE(conv2,conv3,conv4,conv5)+SE"
    assert mobile.model.presence is not None
    assert {"backbone", "data", "leaks", "scores"} <= mobile.model.provenance.keys()
    assert (find_model().parent / "README.md").read_text(encoding="utf-8").startswith("---")


@pytest.mark.parametrize("phrase", ["the cat", "cat", "a caat"])
def test_the_cat(mobile, chelsea, phrase):
    height, width = chelsea.shape[:2]
    drawn = Image.new("1", (width, height))
    corners = [tuple(corner) for corner in json.loads(DRAWN.read_text())["polygon"]]
    ImageDraw.Draw(drawn).polygon(corners, fill=1)
    truth = np.array(drawn)
    result = mobile(chelsea, phrase)
    assert result.found
    assert (result.mask & truth).sum() / (result.mask | truth).sum() >= 0.7


def test_nothing_matches(mobile, chelsea):
    result = mobile(chelsea, "the airplane")
    assert not result.found
    assert result.mask.shape == chelsea.shape[:2]
    assert not result.mask.any()


def test_the_doctor_knows_it():
    failed = [check for check in run_checks(None, None, None, "val") if not check.passed]
    assert not failed
