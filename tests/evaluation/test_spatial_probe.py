"""Sides of pairs, on a made-up annotated folder whose right answers are known."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from asgn.data.files.masks import encode_rle
from asgn.data.readers.own import OwnFolder
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.errors import DataError
from asgn.evaluation.probes.binomial import Share
from asgn.evaluation.probes.spatial_probe import score_sides, side_questions

HEIGHT, WIDTH = 90, 120
CATEGORIES = {1: "cat", 2: "dog", 3: "car"}
SCENES = {
    1: [(1, (10, 10)), (1, (10, 90)), (2, (60, 50))],  # a cat at either side, one dog
    2: [(2, (5, 50)), (2, (65, 50)), (3, (40, 5))],  # a dog above another
    3: [(1, (10, 10)), (1, (10, 50)), (1, (10, 90)), (3, (60, 50))],  # three cats: no pair
    4: [(1, (5, 5)), (1, (65, 95)), (3, (40, 60))],  # apart both ways
}
"""By image, its objects: category, and row and column of a 20 x 20 square."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("pairs")
    (root / "images").mkdir()
    images, annotations, lines = [], [], []
    for image_id, objects in SCENES.items():
        name = f"{image_id}.png"
        Image.fromarray(np.full((HEIGHT, WIDTH, 3), 40 * image_id, dtype=np.uint8)).save(root / "images" / name)
        images.append({"id": image_id, "file_name": name, "height": HEIGHT, "width": WIDTH})
        for category, (row, column) in objects:
            mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
            mask[row : row + 20, column : column + 20] = True
            entry = {"id": len(annotations) + 1, "image_id": image_id, "category_id": category}
            annotations.append(entry | {"segmentation": encode_rle(mask)})
        lines.append({"image": name, "phrase": "something", "annotations": len(annotations), "split": "val"})
    categories = [{"id": key, "name": name} for key, name in CATEGORIES.items()]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (root / "instances.json").write_text(json.dumps(document))
    (root / "expressions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


@pytest.fixture
def pairs(folder):
    return OwnFolder(folder, "val")


def test_every_pair_apart_is_asked_both_ways(pairs):
    asked = {(item.image_id, item.side, item.meant, item.other) for item in side_questions(pairs)}
    assert asked == {
        *((1, "left", 1, 2), (1, "right", 2, 1)),
        *((2, "top", 4, 5), (2, "bottom", 5, 4)),
        *((4, "left", 11, 12), (4, "right", 12, 11), (4, "top", 11, 12), (4, "bottom", 12, 11)),
    }
    for question in side_questions(pairs):
        noun = CATEGORIES[pairs.instances.annotations[question.meant].category_id]
        assert re.search(rf"\b{noun}\b", question.text), question
    assert side_questions(pairs) == side_questions(pairs)


def oracle(pairs, mistaken=False):
    """Finds what a phrase means, or its opposite, by the words alone."""
    questions = {(item.image_id, item.text): item for item in side_questions(pairs)}

    def predict(image, phrases):
        image_id = int(image[0, 0, 0]) // 40
        found = [questions[image_id, phrase] for phrase in phrases]
        return [pairs.instances.mask(item.other if mistaken else item.meant) for item in found]

    return predict


def test_scores_of_known_answers(pairs):
    questions = side_questions(pairs)
    everything = {"left": Share(2, 2), "right": Share(2, 2), "top": Share(2, 2), "bottom": Share(2, 2)}
    assert score_sides(oracle(pairs), pairs, questions) == everything
    nothing = {side: Share(0, 2) for side in everything}
    assert score_sides(oracle(pairs, mistaken=True), pairs, questions) == nothing
    empty = score_sides(lambda image, phrases: np.zeros((len(phrases), HEIGHT, WIDTH), dtype=bool), pairs, questions)
    assert empty == nothing


def test_the_object_overlapped_more_is_the_one_chosen(pairs):
    """Half of the left cat and a quarter of the right one."""
    both = np.zeros((HEIGHT, WIDTH), dtype=bool)
    both[10:30, 10:20], both[10:20, 90:100] = True, True
    questions = [item for item in side_questions(pairs) if item.image_id == 1]
    shares = score_sides(lambda image, phrases: [both] * len(phrases), pairs, questions)
    assert (shares["left"], shares["right"], shares["top"]) == (Share(1, 1), Share(0, 1), Share(0, 0))


def test_a_data_set_without_objects_is_refused():
    with pytest.raises(DataError, match="no instances"):
        side_questions(SyntheticDataset("val", scenes=1, size=64))


def test_wilsons_interval():
    """Known values: 8 of 10 gives 49.0 to 94.3, none of 10 gives 0 to 27.8 (statsmodels, method "wilson")."""
    assert Share(8, 10).interval == pytest.approx((49.016, 94.331), abs=1e-2)
    assert Share(0, 10).interval == pytest.approx((0, 27.753), abs=1e-2)
    assert Share(3, 4).percent == 75
    assert Share(0, 0).percent is None
    assert Share(0, 0).interval is None
    assert Share(1, 2) + Share(2, 5) == Share(3, 7)
