import json

import pytest

from asgn.data.checks.image_origin import ImageLists, image_keys
from asgn.data.checks.leaks import LeakStamp, SplitAudit, audit
from asgn.data.datasets import open_dataset
from asgn.data.loading.pack import open_packed
from asgn.errors import DataError
from tests.data import miniatures


def benchmarks(root, *, plus_from=500, gref_from=900):
    miniatures.write_refer(root, "unc", first_image=100)  # train 100, 101; val 102, 103; testA 104, 105; testB 106, 107
    miniatures.write_refer(root, "unc+", first_image=plus_from)
    miniatures.write_refer(root, "gref", first_image=gref_from)
    miniatures.write_refer(root, "gref-umd", first_image=gref_from)
    miniatures.write_referit(root)


def lists(root, *given):
    return ImageLists.parse(given, root)


def test_clean_and_complete(tmp_path):
    benchmarks(tmp_path)
    stamp = audit(open_dataset("unc", tmp_path, "train"), lists(tmp_path))
    assert stamp.status == "clean"
    assert not stamp.needs_permission
    assert len(stamp.splits) == 11
    splits = "unc val testA testB, unc+ val testA testB, gref val, gref-umd val test, referit val test"
    assert stamp.line() == f"unc/train: clean against {splits}"


def test_leaks_are_named_by_id(tmp_path):
    benchmarks(tmp_path, plus_from=99)  # UNC+ train 99, 100; val 101, 102; testA 103, 104; testB 105, 106
    stamp = audit(open_dataset("unc+", tmp_path, "val"), lists(tmp_path))
    assert stamp.of_split("unc", "val") == SplitAudit("leaky", (102,), "1 of its 2 images are trained on")
    assert stamp.of_split("unc", "testA").status == "clean"
    assert stamp.of_split("unc+", "val").image_ids == (101, 102)
    assert stamp.needs_permission  # UNC+ val is trained on to be scored on
    trained = audit(open_dataset("unc", tmp_path, "train"), lists(tmp_path))
    assert trained.of_split("unc+", "val").image_ids == (101,)
    assert trained.status == "leaky"
    assert not trained.needs_permission  # only a score on UNC+ has to say so
    assert "unc+/val (1 images)" in trained.line()


def test_what_was_not_looked_at_is_unknown(tmp_path):
    miniatures.write_refer(tmp_path, "unc")
    stamp = audit(open_dataset("unc", tmp_path, "train"), lists(tmp_path))
    assert stamp.of_split("unc", "testB").status == "clean"
    assert stamp.of_split("gref", "val").status == "unknown"
    assert "refs(google).p" in stamp.of_split("gref", "val").reason
    assert stamp.of_split("referit", "test").status == "clean"  # other photographs altogether
    assert stamp.status == "unknown"
    assert stamp.of_split("unc", "nowhere").status == "unknown"
    assert stamp.line() == (
        "unc/train: unknown: clean against unc val testA testB, referit val test; "
        "unknown against unc+ val testA testB (images not known: no folder given has refcoco+/refs(unc).p); "
        "unknown against gref val (images not known: no folder given has refcocog/refs(google).p); "
        "unknown against gref-umd val test (images not known: no folder given has refcocog/refs(umd).p)"
    )


def test_leaks_by_design_need_no_permission(tmp_path):
    miniatures.write_referit(tmp_path)
    stamp = audit(open_dataset("referit", tmp_path, "trainval"), lists(tmp_path))
    val = stamp.of_split("referit", "val")
    assert (val.status, val.by_design, len(val.image_ids)) == ("leaky", True, 2)
    assert stamp.of_split("referit", "test").status == "clean"
    assert stamp.of_split("unc", "val").status == "clean"
    assert stamp.status == "clean"
    assert not stamp.needs_permission


def test_own_photographs_by_their_names(tmp_path):
    benchmarks(tmp_path / "b")
    miniatures.write_own(tmp_path / "own")
    path = tmp_path / "own" / "instances.json"
    document = json.loads(path.read_text())
    stamp = audit(open_dataset("own", tmp_path / "own", "train"), lists(tmp_path / "b"))
    assert stamp.status == "unknown"
    assert "nothing tells whether 2 training images are from coco" in stamp.of_split("unc", "val").reason
    for entry, origin in zip(document["images"], ({"coco_id": 102}, {"source": "flickr"}, {}), strict=True):
        entry.update(origin)
    path.write_text(json.dumps(document))
    data = open_dataset("own", tmp_path / "own", "train")
    assert image_keys(data) == {0: "coco:102", 1: "flickr:1"}
    stamp = audit(data, lists(tmp_path / "b"))
    assert stamp.of_split("unc", "val").image_ids == (0,)
    assert stamp.of_split("unc", "testA").status == "clean"
    assert stamp.needs_permission


def test_lists_of_file_names(tmp_path):
    benchmarks(tmp_path)
    (tmp_path / "mine.txt").write_text("x/COCO_train2014_000000000101.jpg\n000000000777.jpg\n")
    stamp = audit(open_dataset("unc", tmp_path, "train"), lists(tmp_path, str(tmp_path / "mine.txt")))
    assert stamp.of_split("list", "mine").image_ids == (101,)
    (tmp_path / "none.txt").write_text("photo.jpg")
    with pytest.raises(DataError, match="names no COCO image"):
        audit(open_dataset("unc", tmp_path, "train"), lists(None, str(tmp_path / "none.txt")))


STATUS_OF_BACKBONES = {
    "R": "clean", "SNLE": "clean", "D": "leaky", "M": "unknown", "N": "leaky", "MN": "leaky", "V": "unknown"
}  # fmt: skip


@pytest.mark.parametrize(("backbone", "status"), STATUS_OF_BACKBONES.items())
def test_backbones_bring_their_own_leaks(backbone, status, tmp_path):
    benchmarks(tmp_path)
    stamp = audit(open_dataset("unc", tmp_path, "train"), lists(tmp_path), backbone=backbone)
    assert stamp.status == status
    assert stamp.of_split("unc", "testA").status == status
    assert stamp.of_split("referit", "test").status == "clean"
    assert not stamp.needs_permission
    if backbone == "V":
        assert "not known to exclude COCO" in stamp.of_split("unc+", "val").reason
    if status == "leaky":
        assert "COCO train2017" in stamp.of_split("unc+", "val").reason


def test_synthetic_scenes_are_nobodys_photographs():
    stamp = audit(open_dataset("synthetic", None, "val"))
    assert stamp.status == "clean"


def test_stamp_survives_json(tmp_path):
    benchmarks(tmp_path, plus_from=99)
    stamp = audit(open_dataset("unc", tmp_path, "train"), lists(tmp_path), backbone="D")
    assert LeakStamp.from_json(json.loads(json.dumps(stamp.to_json()))) == stamp


def test_a_list_may_stand_for_a_split(tmp_path):
    miniatures.write_refer(tmp_path, "unc")
    named = tmp_path / "val.json"
    named.write_text('{"image": "COCO_train2014_000000000777.jpg", "x": "COCO_train2014_000000000778.jpg"}')
    data = open_dataset("unc", tmp_path, "train")
    stamp = audit(data, lists(tmp_path, f"gref/val={named}", str(named)))
    by_list = SplitAudit("clean", (), "by the 2 images that val.json names")
    assert stamp.of_split("gref", "val") == stamp.of_split("list", "val") == by_list
    assert stamp.of_split("gref-umd", "val").status == "unknown"
    named.write_text("COCO_train2014_000000000101.jpg")
    stamp = audit(data, lists(tmp_path, f"unc/val={named}"))
    assert stamp.of_split("unc", "val").image_ids == (101,)  # goes before the folder's own refs
    assert stamp.needs_permission
    assert stamp.leaks() == "unc/train leaks into unc/val (1 images)"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nowhere", "nothing at nowhere"),
        ("unc/val=nowhere", "nothing at nowhere"),
        ("unc/train={file}", "no evaluation split 'unc/train' over COCO"),
        ("referit/val={file}", "no evaluation split 'referit/val' over COCO"),
    ],
)
def test_lists_that_cannot_be_used(given, words, tmp_path):
    (tmp_path / "a.txt").write_text("000000000777.jpg")
    with pytest.raises(DataError, match=words):
        lists(None, given.format(file=tmp_path / "a.txt"))


def test_packed_images_are_those_of_their_source(tmp_path):
    benchmarks(tmp_path, plus_from=99)
    source = open_dataset("unc+", tmp_path, "val")
    packed = open_packed(source, tmp_path / "packs", 32)
    assert image_keys(packed) == image_keys(source) == {101: "coco:101", 102: "coco:102"}
    assert audit(packed, lists(tmp_path)) == audit(source, lists(tmp_path))


def test_photorefer_is_clean_of_real_evaluation_images(shared_data):
    data = open_dataset("own", shared_data("photorefer"), "train")
    texts = shared_data("refcoco_text")
    stamp = audit(data, lists(None, *(f"unc/{split}={texts / split}.json" for split in ("val", "testA", "testB"))))
    for split, images in (("val", "1,500"), ("testA", "750"), ("testB", "750")):
        clean = SplitAudit("clean", (), f"by the {images} images that {split}.json names")
        assert stamp.of_split("unc", split) == clean
    assert stamp.line().startswith(
        "own/train: unknown: clean against unc val testA testB, referit val test; unknown against unc+"
    )
    keys = image_keys(data).values()
    assert all(keys)
    assert sum(key.startswith("coco:") for key in keys) == 99


def test_generalised_benchmarks_are_audited_where_they_are(tmp_path):
    """Their images are COCO's too; a stamp that never saw their files does not name them."""
    miniatures.write_refer(tmp_path, first_image=300)
    data = open_dataset("unc", tmp_path, "train")
    assert not [name for name in audit(data, ImageLists((tmp_path,))).splits if name.startswith("grefcoco")]
    miniatures.write_generalised(tmp_path)
    stamp = audit(data, ImageLists((tmp_path,)))
    assert stamp.splits["grefcoco/val"].status == "clean"
    testing = audit(open_dataset("unc", tmp_path, "val"), ImageLists((tmp_path,)))
    assert testing.splits["grefcoco/val"].image_ids == (302, 303)
    own = audit(open_dataset("grefcoco", tmp_path, "val"), ImageLists((tmp_path,)))
    assert own.splits["grefcoco/val"].status == "leaky"
    assert own.needs_permission
