"""Cached features: what was computed, once, whole after a kill, and room asked for before anything is written."""

import pickle
import shutil

import pytest
import torch

from asgn.data.loading.feature_cache import FeatureCache
from asgn.errors import DataError, OutputError

SHAPES = {"deep": (3, 4, 4), "shallow": (2, 8, 8)}
IDS = [7, 3, 11, 5, 2]


def image(image_id):
    return torch.arange(3 * 8 * 8, dtype=torch.uint8).reshape(3, 8, 8) + image_id


class Compute:
    """Maps that tell the image and its side; breaks after so many images."""

    def __init__(self, breaks_after=None):
        self.images = 0
        self.breaks_after = breaks_after

    def __call__(self, images):
        self.images += len(images)
        if self.breaks_after is not None and self.images > self.breaks_after:
            raise KeyboardInterrupt
        return {"deep": images[..., ::2, ::2] / 3, "shallow": images[:, :2] / 7}


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / "cache", IDS, SHAPES, mirrored=True)


def assert_holds_all(cache):
    for id_ in IDS:
        for mirrored in (False, True):
            pixels = image(id_).flip(-1) if mirrored else image(id_)
            read = cache.read([(id_, mirrored)])
            for name, value in Compute()(pixels[None]).items():
                assert torch.equal(read[name], value.half()), (id_, mirrored, name)


def test_it_gives_what_was_computed_of_image_and_mirror_image(cache):
    cache.fill(Compute(), image)
    assert_holds_all(cache)
    several = cache.read([(3, True), (7, False), (3, True)])
    assert several["deep"].shape == (3, 3, 4, 4)
    assert torch.equal(several["deep"][0], several["deep"][2])
    assert several["deep"].is_contiguous(memory_format=torch.channels_last)


def test_a_killed_one_is_completed_without_computing_anything_twice(cache, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        cache.fill(Compute(breaks_after=5), image)
    again, rest = FeatureCache(tmp_path / "cache", IDS, SHAPES, mirrored=True), Compute()
    again.fill(rest, image)
    assert rest.images == 6, "of ten rows four were done"
    assert_holds_all(again)


def test_a_row_that_is_not_done_is_no_answer(cache):
    with pytest.raises(DataError, match="no features of image 7"):
        cache.read([(7, False)])


def test_worker_processes_read_the_files_themselves(cache):
    cache.fill(Compute(), image)
    sent = pickle.dumps(cache)
    assert len(sent) < 2000
    assert_holds_all(pickle.loads(sent))


def test_room_is_asked_for_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 2000))
    with pytest.raises(OutputError, match="not enough room"):
        FeatureCache(tmp_path / "cache", IDS, SHAPES, mirrored=True)
    assert not (tmp_path / "cache").exists()


def test_what_half_precision_cannot_hold_is_refused(cache):
    with pytest.raises(DataError, match="do not fit half precision"):
        cache.fill(lambda images: {"deep": images[..., ::2, ::2] * 1e4, "shallow": images[:, :2] / 7}, image)


def test_other_images_or_a_cut_file_are_refused(cache, tmp_path):
    with pytest.raises(DataError, match="of other images"):
        FeatureCache(tmp_path / "cache", IDS[:3], SHAPES, mirrored=True)
    (tmp_path / "cache" / "deep.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match="are damaged"):
        FeatureCache(tmp_path / "cache", IDS, SHAPES, mirrored=True)
