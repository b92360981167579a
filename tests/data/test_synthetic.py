import itertools
import pickle

import numpy as np
import pytest
from scipy import ndimage

from asgn.data.expressions.colours import colour_name
from asgn.data.synthetic.dataset import SPLITS, SyntheticDataset, measure
from asgn.data.synthetic.drawing import draw_image, draw_labels
from asgn.data.synthetic.scenes import MATERIALS, PALETTE, SHAPES, Region, Scene, Shape
from asgn.errors import DataError

SKY = Region("sky", MATERIALS["sky"][0], 0.0)
KINDS = {"category", "colour", "size", "position", "ordinal", "relation", "plural", "stuff", "absent"}


@pytest.fixture(scope="module")
def dataset() -> SyntheticDataset:
    return SyntheticDataset("val", scenes=120)


def test_every_kind_occurs_and_absent_ones_have_empty_masks(dataset):
    seen = set()
    for image_id in dataset.image_ids():
        for expression, kind in zip(dataset.expressions_of(image_id), dataset.kinds_of(image_id), strict=True):
            seen.add(kind)
            assert (kind == "absent") == (not expression.annotation_ids)
            assert dataset.mask(expression).any() == (kind != "absent")
            assert kind != "plural" or len(expression.annotation_ids) >= 2
    assert seen == KINDS


def test_absent_phrases_can_be_left_out():
    dataset = SyntheticDataset("val", scenes=40, absent=False)
    assert all(expression.annotation_ids for expression in dataset.expressions)


def test_the_same_arguments_give_the_same_scenes(dataset):
    again = SyntheticDataset("val", scenes=5)
    assert list(again.expressions) == list(dataset.expressions[: len(again.expressions)])
    for image_id in again.image_ids():
        assert np.array_equal(again.image(image_id), dataset.image(image_id))


def test_splits_and_seeds_differ_in_ids_and_content():
    datasets = [SyntheticDataset(split, scenes=30) for split in SPLITS] + [SyntheticDataset("train", seed=1, scenes=30)]
    scenes = [{dataset.scene(image_id) for image_id in dataset.image_ids()} for dataset in datasets]
    assert all(first.isdisjoint(second) for first, second in itertools.combinations(scenes, 2))
    ids = [{item.sentence_id for item in dataset.expressions} for dataset in datasets[:3]]
    assert all(first.isdisjoint(second) for first, second in itertools.combinations(ids, 2))
    assert len({dataset.fingerprint() for dataset in datasets}) == len(datasets)


def test_fingerprint_depends_on_every_argument():
    changes = [{}, {"seed": 1}, {"scenes": 3}, {"size": 96}, {"expressions_per_scene": 4}, {"absent": False}]
    prints = {SyntheticDataset("train", **change).fingerprint() for change in changes}
    assert len(prints) == len(changes)
    assert SyntheticDataset("train").fingerprint() == SyntheticDataset("train").fingerprint()


def test_ids_group_expressions_by_scene_and_referent(dataset):
    sentences = [item.sentence_id for item in dataset.expressions]
    assert len(set(sentences)) == len(sentences) == 120 * 8
    referents = {}
    for item in dataset.expressions:
        known = referents.setdefault(item.ref_id, (item.image_id, item.annotation_ids))
        assert known == (item.image_id, item.annotation_ids)
    for image_id in dataset.image_ids():
        assert len({item.ref_id for item in dataset.expressions_of(image_id)}) >= 2


def test_expressions_are_a_sequence_made_when_read(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(SyntheticDataset, "_described", None)  # which draws a scene
        dataset = SyntheticDataset("train")
        assert len(dataset.expressions) == 4000 * 8
    assert dataset.expressions[-1] == dataset.expressions[31_999]
    assert dataset.expressions[8:10] == [dataset.expressions[8], dataset.expressions[9]]
    with pytest.raises(IndexError):
        dataset.expressions[32_000]


def test_a_dataset_travels_to_worker_processes(dataset):
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.expressions[3] == dataset.expressions[3]


def test_phrases_are_short_lower_case_words(dataset):
    for expression in dataset.expressions:
        assert 1 <= len(expression.text.split()) <= 20
        assert expression.text.replace(" ", "").isalnum()
        assert expression.text == " ".join(expression.text.lower().split())


def test_mistakes_are_named():
    with pytest.raises(DataError, match=r"no split 'testA': choose one of train, val, test"):
        SyntheticDataset("testA")
    with pytest.raises(DataError, match="at least 1 scene"):
        SyntheticDataset("train", scenes=0)
    with pytest.raises(DataError, match="no image 7"):
        SyntheticDataset("train", scenes=7).image(7)


@pytest.mark.parametrize("name", SHAPES)
def test_only_rings_and_frames_have_holes(name):
    labels, full = draw_labels(Scene((SKY,), (Shape(name, "red", 0.5, 0.5, 0.2, 0.1, "plain"),), 0), 160)
    mask = labels == 1
    assert full == [mask.sum()]
    parts, holes = ndimage.label(mask)[1], ndimage.label(~mask)[1] - 1
    assert (parts, holes) == (1, 1 if name in ("ring", "frame") else 0)


def test_areas_of_drawn_shapes_follow_geometry():
    expected = {"circle": np.pi * 0.95**2, "ring": np.pi * 0.95**2 * (1 - 0.58**2), "square": 2 * 1.2**2}
    for name, area in expected.items():
        _, full = draw_labels(Scene((SKY,), (Shape(name, "red", 0.5, 0.5, 0.25, 0.0, "plain"),), 0), 400)
        assert full[0] == pytest.approx(area * 100**2, rel=0.01)


def test_masks_are_the_visible_pixels():
    behind = Shape("square", "red", 0.5, 0.5, 0.25, 0.0, "plain")
    front = Shape("circle", "blue", 0.62, 0.5, 0.15, 0.0, "plain")
    alone, _ = draw_labels(Scene((SKY,), (behind,), 0), 160)
    labels, full = draw_labels(Scene((SKY,), (behind, front), 0), 160)
    assert full[0] == (alone == 1).sum()
    assert np.array_equal(labels == 1, (alone == 1) & (labels != 2))
    assert (labels == 2).sum() == full[1]


def test_pictures_agree_with_masks(dataset):
    """Pixels well inside a mask have the shape's colour word."""
    checked = right = 0
    for image_id in dataset.image_ids()[:40]:
        image, labels, scene = dataset.image(image_id), dataset.labels(image_id), dataset.scene(image_id)
        assert image.shape == (160, 160, 3)
        assert image.dtype == np.uint8
        for label, shape in enumerate(scene.shapes, start=len(scene.regions)):
            inside = ndimage.binary_erosion(labels == label, iterations=2)
            if inside.sum() > 60:
                checked += 1
                right += colour_name(image[inside]) == shape.colour
    assert checked > 100
    assert right >= 0.9 * checked


def test_shapes_hidden_by_half_are_not_referable():
    """A square of half-width w = 0.25 * 1.2 / sqrt(2), covered from its right edge on by another."""
    half = 0.25 * 1.2 / 2**0.5
    for shift, referable in ((1.2, True), (0.8, False), (2.5, True)):
        behind = Shape("square", "red", 0.4, 0.5, 0.25, 0.0, "plain")
        front = Shape("square", "blue", 0.4 + shift * half, 0.5, 0.25, 0.0, "plain")
        scene = Scene((SKY,), (behind, front), 0)
        labels, full = draw_labels(scene, 160)
        sky, hidden, covering = measure(scene, labels, full)
        assert (sky.is_stuff, hidden.is_stuff) == (True, False)
        assert (hidden.referable, covering.referable) == (referable, True)
        assert hidden.area == pytest.approx(min(shift, 2) * half * 2 * half, rel=0.03)


def test_hidden_shapes_are_not_referred_to_alone(dataset):
    for image_id in dataset.image_ids():
        scene, labels = dataset.scene(image_id), dataset.labels(image_id)
        for expression in dataset.expressions_of(image_id):
            for label in expression.annotation_ids:
                if label >= len(scene.regions):
                    _, full = draw_labels(Scene(scene.regions, (scene.shapes[label - len(scene.regions)],), 0), 160)
                    assert (labels == label).sum() >= 0.5 * full[0]


def test_drawing_follows_the_size():
    scene = SyntheticDataset("test", scenes=1).scene(200_000_000)
    small, large = draw_labels(scene, 80)[0], draw_labels(scene, 160)[0]
    assert draw_image(scene, 80).shape == (80, 80, 3)
    assert (small == large[::2, ::2]).mean() > 0.95


def test_palette_has_a_word_for_each_colour():
    for name, rgb in PALETTE.items():
        assert colour_name(np.tile(np.array(rgb, dtype=np.uint8), (10, 1))) == name
