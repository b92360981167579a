"""The readers on real text and photographs, where a developer has them."""

import json

import numpy as np
import pytest

from asgn.data.datasets import open_dataset
from asgn.data.files.coco_instances import read_instances
from asgn.data.vocabulary import Vocabulary


def rates(texts: list[str], vocabulary: Vocabulary) -> tuple[float, int]:
    encoded = [vocabulary.encode(text) for text in texts]
    unknown = sum(len(phrase.unknown) for phrase in encoded)
    return unknown / sum(len(phrase.words) for phrase in encoded), sum(bool(phrase.cut) for phrase in encoded)


def test_referit_text_is_whole(shared_data):
    root = shared_data("referit")
    counts = {}
    for split in ("train", "val", "trainval", "test"):
        data = open_dataset("referit", root, split)
        counts[split] = len(data.expressions), len({expression.image_id for expression in data.expressions})
    assert counts == {"train": (54134, 8995), "val": (5842, 1000), "trainval": (59976, 9995), "test": (60105, 9994)}


def test_referit_unknown_rate_is_that_of_the_base_code(shared_data):
    root = shared_data("referit")
    texts = [expression.text for expression in open_dataset("referit", root, "trainval").expressions]
    parity, cut = rates(texts, Vocabulary.read(root / "vocabulary_referit.txt", strip=False))
    stripped, _ = rates(texts, Vocabulary.read(root / "vocabulary_referit.txt", strip=True))
    assert round(100 * parity, 1) == 5.0
    assert cut == 39
    assert 0.6 < stripped / parity < 0.72  # a third of the unknown words is only blanks around punctuation


@pytest.mark.parametrize(("split", "count"), [("val", 10834), ("testA", 5657), ("testB", 5095)])
def test_unc_text_is_whole_and_almost_all_known(shared_data, split, count):
    items = json.loads((shared_data("refcoco_text") / f"{split}.json").read_bytes())["items"]
    texts = [item["text"] for item in items]
    assert len(texts) == count
    parity, cut = rates(texts, Vocabulary.read(shared_data("vocab") / "vocabulary_Gref.txt", strip=False))
    stripped, _ = rates(texts, Vocabulary.read(shared_data("vocab") / "vocabulary_Gref.txt", strip=True))
    assert 0 < stripped <= parity < 0.05
    assert cut < 10


def test_photorefer_is_read_whole(shared_data):
    root = shared_data("photorefer")
    for split, expressions, images in (("train", 1972, 313), ("val", 622, 88)):
        data = open_dataset("own", root, split)
        assert len(data.expressions) == expressions
        assert len({expression.image_id for expression in data.expressions}) == images
        for expression in data.expressions[::25]:
            mask = data.mask(expression)
            assert mask.any()
            assert mask.shape == data.image(expression.image_id).shape[:2]


def test_polygons_and_run_lengths_of_real_masks_agree(shared_data):
    path = shared_data("photorefer") / "instances.json"
    instances = read_instances(path)
    from asgn.data.files.masks import decode_segmentation

    for annotation in json.loads(path.read_bytes())["annotations"][::20]:
        by_polygons = instances.mask(annotation["id"])
        by_runs = decode_segmentation(annotation["rle"], *by_polygons.shape, "x")
        np.testing.assert_array_equal(by_polygons, by_runs)
        assert by_runs.sum() == annotation["area"]


def test_pseudo_instances_are_read(shared_data):
    instances = read_instances(shared_data("pseudo") / "instances.json")
    assert (len(instances.images), len(instances.annotations)) == (3233, 4670)
    document = json.loads(instances.path.read_bytes())
    for annotation in document["annotations"][::200]:
        assert instances.mask(annotation["id"]).sum() == annotation["area"]
