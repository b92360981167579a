"""Bad data: every fault of the list gives its one clear line, and no garbage a traceback."""

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from scipy.io import savemat

from asgn.data.datasets import open_dataset
from asgn.data.files.coco_instances import read_instances
from asgn.errors import DataError
from tests.data import miniatures
from tests.data.miniatures import SIZE
from tests.data.outcome import outcome


def read_all(name: str, root: Path, split: str = "train") -> None:
    data = open_dataset(name, root, split)
    for expression in data.expressions:
        data.image(expression.image_id)
        data.mask(expression)


def edit_instances(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        path = next(root.rglob("instances.json"))
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return edit


def edit_refs(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        path = root / "refcoco" / "refs(unc).p"
        refs = pickle.loads(path.read_bytes(), encoding="latin1")
        change(refs)
        path.write_bytes(pickle.dumps(refs, 2))

    return edit


def write(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda root: next(root.rglob(name)).write_bytes(content) and None


def outline(value: Any) -> Callable[[Path], None]:
    return edit_instances(lambda d: d["annotations"][0].update(segmentation=value))


def first_photo(root: Path) -> Path:
    return min((root / "images" / "train2014").iterdir())


class Shell:
    def __reduce__(self):
        import os

        return os.system, ("touch owned",)


REFER_FAULTS = {
    "missing image": (lambda root: first_photo(root).unlink(), "no image at .*000000000100.jpg"),
    "cut image": (lambda root: first_photo(root).write_bytes(first_photo(root).read_bytes()[:300]), "cut off|damaged"),
    "empty image": (lambda root: first_photo(root).write_bytes(b""), "empty"),
    "image of another size": (lambda root: Pillow.new("RGB", (9, 7)).save(first_photo(root)), "is 9x7, but .* 64x48"),
    "unknown annotation": (edit_refs(lambda r: r[0].update(ann_id=5)), "ref_id 0.*: no annotation with id 5"),
    "unknown image": (edit_refs(lambda r: r[0].update(image_id=5)), "ref_id 0.*: no image with id 5"),
    "annotation of another image": (edit_refs(lambda r: r[0].update(ann_id=9002)), "9002 is of image 101, not 100"),
    "no annotation id": (edit_refs(lambda r: r[0].update(ann_id="nine")), "ann_id 'nine' is neither"),
    "polygon with 4 numbers": (outline([[1, 2, 3, 4]]), "annotation 9000: a polygon with 4 numbers"),
    "RLE of another size": (outline({"size": [5, 5], "counts": [25]}), r"annotation 9000: .* size \[5, 5\]"),
    "damaged RLE": (outline({"size": list(SIZE), "counts": "oo"}), "annotation 9000: .* damaged"),
    "NaN coordinates": (outline([[1, 2, 3, float("nan"), 5, 6]]), "annotation 9000: .*nan is no finite number"),
    "outline of text": (outline([["a", "b"]]), "segmentation"),
    "outline half text": (outline([[1, 2], "a"]), "segmentation"),
    "no outline": (edit_instances(lambda d: d["annotations"][0].pop("segmentation")), "9000 has no segmentation"),
    "duplicate annotation": (edit_instances(lambda d: d["annotations"].append(d["annotations"][0])), "9000 .*twice"),
    "duplicate image": (edit_instances(lambda d: d["images"].append(d["images"][0])), "id 100 is there twice"),
    "duplicate ref": (edit_refs(lambda r: r.append(r[0])), "ref_id 0.* twice"),
    "duplicate sentence": (edit_refs(lambda r: r[0]["sentences"].append(r[0]["sentences"][0])), "sent_id 0 .* twice"),
    "empty sentence": (edit_refs(lambda r: r[0]["sentences"][0].update(sent="  ")), "sentence 0: .*empty"),
    "sentence of no text": (edit_refs(lambda r: r[0]["sentences"][0].update(sent="a\ud800")), "no text"),
    "path out of the folder": (edit_instances(lambda d: d["images"][0].update(file_name="../../x.jpg")), "below"),
    "absolute path": (edit_instances(lambda d: d["images"][0].update(file_name="/etc/passwd")), "below"),
    "absurd size": (edit_instances(lambda d: d["images"][0].update(height=10**9)), "too large"),
    "annotation of no image": (edit_instances(lambda d: d["annotations"][0].update(image_id=5)), "no image with id 5"),
    "no images": (edit_instances(lambda d: d.pop("images")), "no list 'images'"),
    "cut JSON": (write("instances.json", b'{"images": ['), "not valid JSON"),
    "JSON not UTF-8": (write("instances.json", b'{"images": "\xff"}'), "not UTF-8"),
    "deep JSON": (write("instances.json", b"[" * 100_000), "too deeply"),
    "pickle that calls os.system": (write("refs(unc).p", pickle.dumps(Shell(), 2)), r"(posix|nt)\.system"),
    "pickle of something else": (write("refs(unc).p", pickle.dumps({"a": 1}, 2)), "not a refs file"),
    "web page for a pickle": (write("refs(unc).p", b"<html>404</html>"), "not a readable pickle"),
}


@pytest.mark.parametrize("fault", REFER_FAULTS)
def test_refer_faults(fault, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    miniatures.write_refer(tmp_path)
    read_all("unc", tmp_path)
    damage, words = REFER_FAULTS[fault]
    damage(tmp_path)
    with pytest.raises(DataError, match=words) as caught:
        read_all("unc", tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "owned").exists()


REFERIT_FAULTS = {
    "missing image": (lambda root: (root / "images" / "7000.jpg").unlink(), "no image at .*7000.jpg"),
    "missing mask": (lambda root: (root / "mask" / "7000_1.mat").unlink(), "no mask at .*7000_1.mat"),
    "damaged mask": (
        write("7000_1.mat", b"MATLAB 5.0 MAT-file" + b"\0" * 200),
        "7000_1.mat (is damaged|holds no mask)",
    ),
    "empty mask": (write("7000_1.mat", b""), "7000_1.mat is damaged"),
    "mask of another size": (lambda root: savemat(root / "mask" / "7000_1.mat", {"segimg_t": np.ones((4, 5))}), "5x4"),
    "mask of another name": (lambda root: savemat(root / "mask" / "7000_1.mat", {"x": np.ones(SIZE)}), "segimg_t"),
    "key without region": (write("referit_query_train.json", b'{"7000": ["a"]}'), "'7000' should be"),
    "unknown image": (write("referit_query_train.json", b'{"9_1": ["a"]}'), "no image 9.jpg"),
    "texts not a list": (write("referit_query_train.json", b'{"7000_1": "a"}'), "list of texts"),
    "empty text": (write("referit_query_train.json", b'{"7000_1": [" "]}'), "empty"),
    "queries not an object": (write("referit_query_train.json", b"[1]"), "JSON object"),
    "size not a pair": (write("referit_imsize.json", b'{"7000.jpg": [1]}'), "width, height"),
    "no size": (write("referit_imsize.json", b'{"7000.jpg": [0, 5]}'), "cannot have the size 0x5"),
}


@pytest.mark.parametrize("fault", REFERIT_FAULTS)
def test_referit_faults(fault, tmp_path):
    miniatures.write_referit(tmp_path)
    read_all("referit", tmp_path)
    damage, words = REFERIT_FAULTS[fault]
    damage(tmp_path)
    with pytest.raises(DataError, match=words):
        read_all("referit", tmp_path)


def line(text: str) -> Callable[[Path], None]:
    def append(root: Path) -> None:
        with (root / "expressions.jsonl").open("a", encoding="utf-8") as file:
            file.write(text + "\n")

    return append


def table(text: bytes) -> Callable[[Path], None]:
    def replace(root: Path) -> None:
        (root / "expressions.jsonl").unlink()
        (root / "expressions.csv").write_bytes(text)

    return replace


OWN_FAULTS = {
    "mixed delimiters": (table(b"image,phrase\nphoto0.png;a dog\n"), "line 2: its cells are apart by ';', those of"),
    "unknown annotation": (line('{"image":"photo0.png","phrase":"a","annotations":99}'), "line 6: no annotation .* 99"),
    "of another image": (line('{"image":"photo0.png","phrase":"a","annotations":[10]}'), "line 6: .* 'photo1.png'"),
    "missing image": (line('{"image":"none.png","phrase":"a"}'), "no image at .*none.png"),
    "missing mask": (line('{"image":"photo0.png","phrase":"a","mask":"masks/no.png"}'), "no image at .*no.png"),
    "mask out of the folder": (line('{"image":"photo0.png","phrase":"a","mask":"../no.png"}'), "line 6: mask .* below"),
    "image out of the folder": (line('{"image":"../no.png","phrase":"a"}'), "line 6: image .* below"),
    "annotations and mask": (line('{"image":"photo0.png","phrase":"a","annotations":0,"mask":"m"}'), "line 6: .* both"),
    "no phrase": (line('{"image":"photo0.png"}'), "line 6: the phrase None"),
    "empty phrase": (line('{"image":"photo0.png","phrase":" "}'), "line 6: the phrase is empty"),
    "unknown field": (line('{"image":"photo0.png","phrase":"a","ids":3}'), "line 6: unknown field 'ids'"),
    "id as text": (line('{"image":"photo0.png","phrase":"a","annotations":"a"}'), "line 6: annotation 'a'"),
    "not JSON": (line('{"image":'), "line 6: not valid JSON"),
    "not an object": (line("[1]"), "line 6: not a JSON object"),
    "absurd number": (line('{"image":"photo0.png","phrase":"a","annotations":' + "9" * 5000 + "}"), "line 6"),
    "not UTF-8": (table(b"image,phrase\nphoto0.png,caf\xe9\n"), "line 2: not UTF-8"),
    "no header": (table(b"photo0.png,red box\n"), "line 1: the header"),
    "too few columns": (table(b"image,phrase,mask\nphoto0.png,red box\n"), "line 2: .* 3 columns"),
    "too many columns": (table(b"image,phrase\nphoto0.png,red box, left\n"), "line 2: .* 2 columns"),
    "open quote": (table(b'image,phrase\nphoto0.png,"red\n'), "line 2: not a valid CSV"),
    "ids of no number": (table(b"image,phrase,annotations\nphoto0.png,red,one\n"), "line 2: annotation 'one'"),
    "empty file": (table(b""), "empty"),
    "a list and refs": (lambda root: (root / "refs(mine).p").write_bytes(pickle.dumps([])), "both .* keep one"),
    "both kinds": (lambda root: shutil.copy(root / "expressions.jsonl", root / "expressions.csv"), "both"),
    "empty mask": (lambda root: Pillow.new("L", SIZE[::-1]).save(root / "masks" / "drawn.png"), "empty"),
    "mask of another size": (lambda root: Pillow.new("L", (5, 4), 1).save(root / "masks" / "drawn.png"), "5x4"),
}


@pytest.mark.parametrize("fault", OWN_FAULTS)
def test_own_faults(fault, tmp_path):
    miniatures.write_own(tmp_path)
    read_all("own", tmp_path)
    damage, words = OWN_FAULTS[fault]
    damage(tmp_path)
    with pytest.raises(DataError, match=words):
        read_all("own", tmp_path)


def test_every_fault_of_a_list_can_be_collected(tmp_path):
    from asgn.data.readers.own import OwnFolder

    miniatures.write_own(tmp_path)
    line('{"image":')(tmp_path)
    line('{"image":"photo0.png","phrase":"a","annotations":99}')(tmp_path)
    line('{"image":"photo0.png","phrase":" "}')(tmp_path)
    line('{"image":"photo0.png","phrase":"fine","annotations":1}')(tmp_path)
    faults: list[str] = []
    data = OwnFolder(tmp_path, "train", faults.append)
    assert sorted(int(fault.split("line ")[1].split(":")[0]) for fault in faults) == [6, 7, 8]
    assert [expression.text for expression in data.expressions][-1] == "fine"


def test_file_changed_while_open(tmp_path):
    miniatures.write_refer(tmp_path)
    data = open_dataset("unc", tmp_path, "train")
    edit_instances(lambda document: document["images"].pop())(tmp_path)
    with pytest.raises(DataError, match="changed since"):
        data.mask(data.expressions[0])


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 10**9)
    | st.floats()
    | st.text(max_size=3)
    | st.just(9000)
    | st.just(100)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
)
DOCUMENTS = (
    "refcoco/instances.json",
    "refcoco/refs(unc).p",
    "own/instances.json",
    "referit_query_train.json",
    "referit_imsize.json",
)
FUZZ = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    miniatures.write_refer(root)
    miniatures.write_referit(root)
    miniatures.write_own(root / "own")
    return root


def set_of(root: Path, file: str) -> tuple[str, Path]:
    if file.startswith("own"):
        return "own", root / "own"
    return ("unc" if file.startswith("refcoco") else "referit"), root


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [inner for key, child in children for inner in paths_of(child, (*path, key))]


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    target = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return document


@contextmanager
def content_of(path: Path, content: bytes) -> Iterator[None]:
    original = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(original)


@FUZZ
@given(st.data())
def test_values_of_any_kind_anywhere_never_trace_back(whole, data):
    name = data.draw(st.sampled_from(DOCUMENTS))
    path = whole / name
    load = partial(pickle.loads, encoding="latin1") if path.suffix == ".p" else json.loads
    dump = partial(pickle.dumps, protocol=2) if path.suffix == ".p" else lambda value: json.dumps(value).encode()
    document = load(path.read_bytes())
    place = data.draw(st.sampled_from(paths_of(document)))
    with content_of(path, dump(replaced(document, place, data.draw(values)))):
        _, message = outcome(read_all, *set_of(whole, name))
    assert message is None or "\n" not in message


@FUZZ
@given(st.data())
def test_broken_bytes_never_trace_back(whole, data):
    name = data.draw(st.sampled_from([*DOCUMENTS, "mask/7000_1.mat", "own/expressions.jsonl"]))
    content = bytearray((whole / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    with content_of(whole / name, content):
        outcome(read_all, *set_of(whole, name))


@pytest.mark.parametrize("entry", [None, 7, "a.jpg", []])
def test_an_image_entry_that_is_no_object_is_named(tmp_path, entry):
    path = tmp_path / "instances.json"
    path.write_text(json.dumps({"images": [entry], "annotations": [], "categories": []}))
    with pytest.raises(DataError, match="image entry 1: it is no object"):
        read_instances(path)
