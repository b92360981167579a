"""The benchmarks in miniature and a user's own data, each read whole."""

import json
import pickle

import numpy as np
import pytest

from asgn.data.checks.verify import verify
from asgn.data.datasets import ROBUST, open_dataset
from asgn.data.files.plain_pickle import read_plain_pickle
from asgn.data.readers.refer import splits_of
from asgn.errors import DataError
from tests.data import miniatures
from tests.data.miniatures import SCORED_SPLIT, SIZE, SPLITS, scene


def box_mask(box: tuple[int, int, int, int]) -> np.ndarray:
    x, y, w, h = box
    mask = np.zeros(SIZE, dtype=bool)
    mask[y : y + h, x : x + w] = True
    return mask


def meant(text: str, boxes: dict[str, tuple[int, int, int, int]]) -> np.ndarray:
    """The mask of what a phrase of the miniatures names."""
    if text.startswith("both"):
        return box_mask(boxes["red"]) | box_mask(boxes["blue"])
    if text.startswith("green"):
        return np.zeros(SIZE, dtype=bool)
    return box_mask(boxes["blue" if text.startswith("blue") else "red"])


@pytest.mark.parametrize("name", SPLITS)
def test_every_split_is_read_whole(name, tmp_path):
    miniatures.write_benchmark(tmp_path, name)
    for split in SPLITS[name]:
        data = open_dataset(name, tmp_path, split)
        assert (data.name, data.split) == (name, split)
        assert len(data.expressions) == (12 if split == "trainval" else 6)
        assert len({expression.sentence_id for expression in data.expressions}) == len(data.expressions)
        for expression in data.expressions:
            drawn, boxes = scene(expression.image_id)
            image = data.image(expression.image_id)
            assert image.shape == (*SIZE, 3)
            assert np.abs(image.astype(int) - drawn).mean() < 12
            np.testing.assert_array_equal(data.mask(expression), meant(expression.text, boxes))


def test_refs_are_python_2_pickles_with_latin_1_text(tmp_path):
    miniatures.write_refer(tmp_path)
    path = tmp_path / "refcoco" / "refs(unc).p"
    assert b"U\x03caf" not in path.read_bytes()
    assert b"caf\xe9" in path.read_bytes()
    assert read_plain_pickle(path) == pickle.loads(path.read_bytes(), encoding="latin1")
    texts = {expression.text for expression in open_dataset("unc", tmp_path, "val").expressions}
    assert texts == {"red box", "café box on the left", "blue box"}
    assert splits_of(path) == ("testA", "testB", "train", "val")


@pytest.mark.parametrize("pickled", [False, True])
def test_grefcoco_has_phrases_of_no_one_and_several_objects(pickled, tmp_path):
    miniatures.write_generalised(tmp_path, pickled=pickled)
    data = open_dataset("grefcoco", tmp_path, "testA")
    assert [expression.text for expression in data.expressions] == ["red box", "both boxes", "green box"] * 2
    assert [len(expression.annotation_ids) for expression in data.expressions] == [1, 3, 0] * 2  # a crowd is one more
    crowd = next(key for key, annotation in data.instances.annotations.items() if annotation.crowd)
    assert data.instances.mask(crowd).all()
    assert not data.mask(data.expressions[1]).all()


def change_refs(tmp_path, **changed):
    """The gRefCOCO miniature with its third ref, which means nothing, changed."""
    miniatures.write_generalised(tmp_path)
    path = tmp_path / "grefcoco" / "grefs(unc).json"
    refs = json.loads(path.read_text())
    refs[2] |= changed
    path.write_text(json.dumps(refs))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"no_target": False}, r"no_target is False, but ann_id \[-1\]"),
        ({"ann_id": [8000]}, r"no_target is True, but ann_id \[8000\]"),
        ({"source": "none"}, "source 'none' is none of zero, one, many"),
        ({"source": "many"}, "source is 'many', but ann_id"),
        ({"no_target": "perhaps"}, "no_target 'perhaps' is neither"),
    ],
)
def test_refs_that_contradict_themselves(changed, words, tmp_path):
    change_refs(tmp_path, **changed)
    with pytest.raises(DataError, match=words):
        open_dataset("grefcoco", tmp_path, "train")


def test_an_object_of_crowds_alone_is_a_target_without_a_pixel(tmp_path):
    change_refs(tmp_path, ann_id=[8002], no_target=False)
    data = open_dataset("grefcoco", tmp_path, "train")
    assert data.expressions[2].annotation_ids == (8002,)
    assert not data.mask(data.expressions[2]).any()


@pytest.mark.parametrize("layout", ["two folders", "one folder", "other names"])
def test_ref_zom_finds_its_images_and_files_as_copies_have_them(layout, tmp_path):
    miniatures.write_generalised(tmp_path, "ref-zom")
    if layout == "one folder":
        (tmp_path / "images" / "train2014").rename(tmp_path / "images" / "trainval2014")
        for path in (tmp_path / "images" / "val2014").iterdir():
            path.rename(tmp_path / "images" / "trainval2014" / path.name)
    elif layout == "other names":
        (tmp_path / "ref-zom" / "refs(final).p").rename(tmp_path / "ref-zom" / "Ref_ZOM.p")
        (tmp_path / "ref-zom").rename(tmp_path / "refzom")
    data = open_dataset("ref-zom", tmp_path, "test")
    assert {data.image_path(item.image_id).parent.name for item in data.expressions} == (
        {"trainval2014"} if layout == "one folder" else {"train2014", "val2014"}
    )
    assert {data.image(item.image_id).shape for item in data.expressions} == {(*SIZE, 3)}


@pytest.mark.parametrize("name", ROBUST)
@pytest.mark.parametrize("layout", ["ours", "theirs"])
def test_sentences_that_mean_nothing_in_r_refcoco(name, layout, tmp_path):
    miniatures.write_robust(tmp_path, name)
    if layout == "theirs":
        (tmp_path / "images" / "mscoco").mkdir()
        (tmp_path / "images" / "train2014").rename(tmp_path / "images" / "mscoco" / "train2014")
    data = open_dataset(name, tmp_path, "val")
    assert {item.text for item in data.expressions if not item.annotation_ids} == {"green box"}
    assert sum(data.mask(item).any() for item in data.expressions) == 6
    assert len({item.ref_id for item in data.expressions}) == 4
    assert data.image(data.expressions[0].image_id).shape == (*SIZE, 3)
    first = open_dataset(name, tmp_path, "train").expressions
    assert "Green box" in {item.text for item in first if not item.annotation_ids}
    assert verify(name, tmp_path).ok


def test_both_splits_of_gref_share_one_folder(tmp_path):
    miniatures.write_refer(tmp_path, "gref")
    miniatures.write_refer(tmp_path, "gref-umd")
    assert len(open_dataset("gref", tmp_path, "val").expressions) == 6
    assert len(open_dataset("gref-umd", tmp_path, "test").expressions) == 6


def test_layout_of_the_public_refer_code(tmp_path):
    miniatures.write_refer(tmp_path)
    (tmp_path / "data" / "images" / "mscoco" / "images").mkdir(parents=True)
    (tmp_path / "images" / "train2014").rename(tmp_path / "data" / "images" / "mscoco" / "images" / "train2014")
    (tmp_path / "refcoco").rename(tmp_path / "data" / "refcoco")
    data = open_dataset("unc", tmp_path, "testA")
    assert data.image(data.expressions[0].image_id).shape == (*SIZE, 3)


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("windows", [False, True])
def test_own_data(kind, windows, tmp_path):
    miniatures.write_own(tmp_path, kind)
    path = tmp_path / f"expressions.{kind}"
    if windows:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    data = open_dataset("own", tmp_path, "train")
    red, both, drawn, absent = data.expressions
    assert [red.text, drawn.text] == ["red box", "the patch, between"]
    boxes = scene(0)[1]
    np.testing.assert_array_equal(data.mask(red), box_mask(boxes["red"]))
    np.testing.assert_array_equal(data.mask(both), box_mask(boxes["red"]) | box_mask(boxes["blue"]))
    assert data.mask(drawn).sum() == 50
    assert absent.annotation_ids == ()
    assert data.mask(absent).shape == SIZE
    assert not data.mask(absent).any()
    np.testing.assert_array_equal(data.image(drawn.image_id), scene(1)[0])
    (blue,) = open_dataset("own", tmp_path, "val").expressions
    assert blue.text == "blue café box"


def test_semicolons_and_no_instances_file(tmp_path):
    miniatures.write_own(tmp_path, "csv")
    (tmp_path / "instances.json").unlink()
    (tmp_path / "expressions.csv").write_text(
        "image;phrase;mask\nphoto0.png;patch, left;masks/drawn.png\nphoto1.png;cat;\n"
    )
    data = open_dataset("own", tmp_path, "train")
    assert [data.mask(expression).sum() for expression in data.expressions] == [50, 0]


def test_refer_layout_is_own_data_too(tmp_path):
    miniatures.write_refer(tmp_path)
    folder = tmp_path / "refcoco"
    (tmp_path / "images" / "train2014").rename(folder / "images")
    data = open_dataset("own", folder, "val")
    assert (data.name, len(data.expressions)) == ("own", 6)
    assert data.image(data.expressions[0].image_id).shape == (*SIZE, 3)


@pytest.mark.parametrize("name", [*SPLITS, "own"])
def test_fingerprint_follows_content_and_split(name, tmp_path):
    write = miniatures.write_own if name == "own" else lambda root: miniatures.write_benchmark(root, name)
    write(tmp_path)
    first = open_dataset(name, tmp_path, "train").fingerprint()
    assert first == open_dataset(name, tmp_path, "train").fingerprint()
    assert first != open_dataset(name, tmp_path, SCORED_SPLIT.get(name, "val")).fingerprint()
    for path in tmp_path.rglob("*"):
        if path.name in ("instances.json", "referit_query_train.json"):
            path.write_text(path.read_text() + " ")
    assert first != open_dataset(name, tmp_path, "train").fingerprint()


def test_pictures_are_cached_and_cannot_be_spoiled(tmp_path):
    miniatures.write_refer(tmp_path)
    data = open_dataset("unc", tmp_path, "val")
    image_id = data.expressions[0].image_id
    data.image(image_id)[:] = 0
    (tmp_path / "images" / "train2014" / f"COCO_train2014_{image_id:012d}.jpg").unlink()
    assert data.image(image_id).max() > 200


def test_data_sets_travel_to_worker_processes(tmp_path):
    miniatures.write_refer(tmp_path)
    miniatures.write_referit(tmp_path)
    miniatures.write_own(tmp_path / "own")
    for name, root in [("unc", tmp_path), ("referit", tmp_path), ("own", tmp_path / "own")]:
        data = open_dataset(name, root, "train")
        again = pickle.loads(pickle.dumps(data))
        np.testing.assert_array_equal(again.mask(data.expressions[0]), data.mask(data.expressions[0]))


def test_unknown_names_splits_and_folders(tmp_path):
    miniatures.write_benchmark(tmp_path, "unc")
    for name, root, split, words in [
        ("uncc", tmp_path, "train", "unknown data set 'uncc': did you mean 'unc'"),
        ("UNC+ ", tmp_path, "train", "did you mean 'unc\\+'"),
        ("unc", tmp_path, "tset", "no split 'tset': it has testA, testB, train, val"),
        ("unc", None, "train", "--root"),
        ("unc", tmp_path / "none", "train", "no folder"),
        ("unc+", tmp_path, "train", "instances.json"),
        ("referit", tmp_path, "dev", "no split 'dev': it has train, val, trainval, test"),
        ("referit", tmp_path, "train", "referit_query_train.json"),
        ("own", tmp_path, "train", "expressions.jsonl"),
    ]:
        with pytest.raises(DataError, match=words):
            open_dataset(name, root, split)
