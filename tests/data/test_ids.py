"""Ids, sizes and flags as files give them: what is a whole number is read, the rest is refused by name."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from asgn.data.checks.verify import verify
from asgn.data.datasets import open_dataset
from asgn.data.files.coco_instances import NO_CATEGORY, read_instances
from asgn.data.files.json_file import flag, whole_number
from asgn.errors import DataError
from tests.data import miniatures


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (62, 62), (62.0, 62), ("62", 62), (" 62 ", 62), ("62.0", 62), ("-3", -3), (0, 0), (2**53 * 1.0, 2**53),
        (True, None), (None, None), (62.5, None), ("62.5", None), ("", None), ("x", None), ("6e1", None),
        (float("nan"), None), (float("inf"), None), (1e300, None), (2**63, None), ("9" * 19, None), ([62], None),
    ],
)  # fmt: skip
def test_whole_numbers(value, number):
    assert whole_number(value) == number


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (1, True), (0, False), (1.0, True), ("1", True), ("0", False), (True, True), (False, False), ("true", True),
        ("False", False), (2, None), ("yes", None), ("", None), (None, None), ([], None),
    ],
)  # fmt: skip
def test_flags(value, answer):
    assert flag(value) is answer


def spelled(value: Any, how: str) -> Any:
    """Every whole number in a document as text or as a float, but in outlines."""
    if isinstance(value, dict):
        return {key: child if key in ("segmentation", "bbox") else spelled(child, how) for key, child in value.items()}
    if isinstance(value, list):
        return [spelled(child, how) for child in value]
    if type(value) is not int:
        return value
    return str(value) if how == "text" else float(value)


@pytest.mark.parametrize("how", ["text", "float"])
def test_a_set_means_the_same_however_its_numbers_are_written(how, tmp_path):
    miniatures.write_refer(tmp_path)
    before = open_dataset("unc", tmp_path, "val")
    masks = [before.mask(expression) for expression in before.expressions]
    instances, refs = tmp_path / "refcoco" / "instances.json", tmp_path / "refcoco" / "refs(unc).p"
    document = spelled(json.loads(instances.read_text()), how)
    instances.write_text(json.dumps(document))
    refs.write_bytes(pickle.dumps(spelled(pickle.loads(refs.read_bytes(), encoding="latin1"), how), 2))
    after = open_dataset("unc", tmp_path, "val")
    assert after.expressions == before.expressions
    assert after.instances.images == before.instances.images
    assert after.instances.categories == before.instances.categories
    assert [a.category_id for a in after.instances.annotations.values()] == [1] * 16
    for expression, mask in zip(after.expressions, masks, strict=True):
        assert (after.mask(expression) == mask).all()
    assert verify("unc", tmp_path).ok


def edited(tmp_path: Path, where: str, **fields: Any) -> Path:
    miniatures.write_own(tmp_path)
    path = tmp_path / "instances.json"
    document = json.loads(path.read_text())
    document[where][1].update(fields)
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("value", ["1", 1.0, "true", True])
@pytest.mark.parametrize("field", ["iscrowd", "panoptic_iscrowd"])
def test_crowds_are_known_however_they_are_marked(field, value, tmp_path):
    instances = read_instances(edited(tmp_path, "annotations", **{field: value}))
    assert [annotation.crowd for annotation in instances.annotations.values()][:3] == [False, True, False]


@pytest.mark.parametrize(
    ("where", "fields", "words"),
    [
        ("annotations", {"category_id": None}, "annotation 1: category_id None is no whole number"),
        ("annotations", {"category_id": 1.5}, r"annotation 1: category_id 1\.5 is no"),
        ("annotations", {"category_id": "box"}, "annotation 1: category_id 'box' is no"),
        ("annotations", {"category_id": True}, "annotation 1: category_id True is no"),
        ("annotations", {"image_id": None}, "annotation 1: image_id None is no"),
        ("annotations", {"iscrowd": "maybe"}, "annotation 1: iscrowd 'maybe' is neither 0 nor 1"),
        ("annotations", {"iscrowd": 2}, "annotation 1: iscrowd 2 is neither"),
        ("annotations", {"score": "high"}, "annotation 1: score 'high' is no number"),
        ("annotations", {"score": float("nan")}, "annotation 1: score nan is no number"),
        ("annotations", {"id": None}, "annotation entry 2: id None is no whole number"),
        ("images", {"id": 1.5}, r"image entry 2: id 1\.5 is no"),
        ("images", {"width": "wide"}, "image entry 2: width 'wide' is no"),
        ("images", {"height": 47.5}, r"image entry 2: height 47\.5 is no"),
        ("images", {"coco_id": "x"}, "image entry 2: coco_id 'x' is no"),
    ],
)
def test_what_is_no_number_is_refused_by_its_entry(where, fields, words, tmp_path):
    path = edited(tmp_path, where, **fields)
    with pytest.raises(DataError, match=words):
        read_instances(path)
    faults = verify("own", tmp_path).faults
    assert sum(words.split(":")[0] in fault for fault in faults) == 1


def test_categories_are_checked_too(tmp_path):
    miniatures.write_own(tmp_path)
    path = tmp_path / "instances.json"
    document = json.loads(path.read_text())
    for entry, words in [
        ({"id": "x", "name": "cat"}, "category entry 2: id 'x'"),
        ({"id": 1.0, "name": "cat"}, "category entry 2: the id 1 is there twice"),
        ({"id": 2, "name": 5}, "category entry 2: its name 5 is not text"),
        ({"id": 2, "name": "cat", "isthing": "both"}, "category entry 2: isthing 'both'"),
    ]:
        path.write_text(json.dumps({**document, "categories": [*document["categories"], entry]}))
        with pytest.raises(DataError, match=words):
            read_instances(path)


def test_a_score_written_as_text_still_says_that_a_network_drew(tmp_path):
    instances = read_instances(edited(tmp_path, "annotations", score="0.75"))
    assert instances.annotations[1].score == 0.75
    assert instances.annotations[0].score is None


def test_an_annotation_may_lack_a_category(tmp_path):
    miniatures.write_own(tmp_path)
    path = tmp_path / "instances.json"
    document = json.loads(path.read_text())
    del document["annotations"][0]["category_id"]
    path.write_text(json.dumps(document))
    assert [annotation.category_id for annotation in read_instances(path).annotations.values()][:2] == [NO_CATEGORY, 1]


def test_ids_of_csv_lines(tmp_path):
    miniatures.write_own(tmp_path, "csv")
    path = tmp_path / "expressions.csv"
    path.write_text("image,phrase,annotations\nphoto0.png,a,0.0\nphoto0.png,both,0 1.0\n")
    assert [item.annotation_ids for item in open_dataset("own", tmp_path, "train").expressions] == [(0,), (0, 1)]


def test_sizes_of_referit(tmp_path):
    miniatures.write_referit(tmp_path)
    path = tmp_path / "referit_imsize.json"
    sizes = {name: [str(width), float(height)] for name, (width, height) in json.loads(path.read_text()).items()}
    path.write_text(json.dumps(sizes))
    data = open_dataset("referit", tmp_path, "train")
    assert data.mask(data.expressions[0]).shape == miniatures.SIZE
