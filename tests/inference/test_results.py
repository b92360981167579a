"""What a `Segmentation` turns into: pictures, files, and other libraries' objects."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from asgn.errors import OutputError
from asgn.inference.explain.explain import explain


@pytest.fixture
def result(segmenter, photograph):
    """A result with a mask of known place."""
    found = segmenter(photograph, "left circle")
    mask = np.zeros((48, 90), dtype=bool)
    mask[10:30, 20:60] = True
    return replace(found, mask=mask, score=0.75)


@pytest.fixture
def nothing(result):
    return replace(result, mask=np.zeros((48, 90), dtype=bool), score=0.0)


def test_the_mask_is_saved_as_it_is(result, tmp_path):
    result.save(tmp_path / "mask.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "mask.png")), np.where(result.mask, 255, 0))
    with pytest.raises(OutputError, match=r"call it mask\.png"):
        result.save(tmp_path / "mask.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["mask.png"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools itself
def test_array_picture_and_run_lengths_hold_the_mask(result):
    assert np.asarray(result) is result.mask
    np.testing.assert_array_equal(np.asarray(result.to_pil()), np.where(result.mask, 255, 0))
    np.testing.assert_array_equal(coco_mask.decode(result.rle), result.mask)
    assert result.bbox == (20, 10, 40, 20)


def test_a_notebook_shows_the_overlay(result, segmenter, photograph):
    with Image.open(io.BytesIO(result._repr_png_())) as shown:
        np.testing.assert_array_equal(np.asarray(shown), np.asarray(result.overlay()))
        assert shown.width >= 640
    bare = segmenter(segmenter.encode(photograph, keep_pixels=False), "left circle")
    with pytest.raises(OutputError, match="keep_pixels"):
        bare.overlay()
    with Image.open(io.BytesIO(bare._repr_png_())) as shown:
        assert shown.size == (90, 48)


def test_a_result_explains_itself(result, segmenter):
    assert result.explain() == explain(segmenter, result.image, "left circle")
    assert [item.word for item in result.explain().left_out] == ["left", "circle"]


def test_supervision_takes_it(result, nothing):
    supervision = pytest.importorskip("supervision", reason="the extra supervision is not installed")
    found = result.to_supervision()
    assert isinstance(found, supervision.Detections)
    np.testing.assert_array_equal(found.xyxy, [[20, 10, 60, 30]])
    np.testing.assert_array_equal(found.mask[0], result.mask)
    assert found.confidence.tolist() == [0.75]
    assert found["class_name"].tolist() == ["left circle"]
    assert nothing.to_supervision().is_empty()
