"""`data verify` never says "no faults" of a set in which an expression was lost on the way into the program."""

import csv
import io
import json
import pickle
import unicodedata
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from typer.testing import CliRunner

from asgn.cli.data import data_app
from asgn.data.checks.image_origin import image_keys
from asgn.data.checks.verify import verify
from asgn.data.datasets import open_dataset, splits_of_dataset
from asgn.errors import DataError
from tests.data import miniatures
from tests.data.miniatures import SIZE


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(data_app, [str(argument) for argument in arguments])


def line(**fields: Any) -> str:
    return json.dumps({"image": "photo0.png", "phrase": "red box", "annotations": 0} | fields)


GOOD = "\n".join([line(), line(phrase="blue box", annotations=1, split="val")])
REFS = [
    {"ref_id": 1, "image_id": 0, "ann_id": 0, "split": "train", "sentences": [{"sent_id": 1, "sent": "red box"}]},
    {"ref_id": 2, "image_id": 1, "ann_id": 11, "split": "val", "sentences": [{"sent_id": 2, "sent": "blue box"}]},
]


def as_refs(value: Any, protocol: int = 2) -> bytes:
    return pickle.dumps(value, protocol)


UNREADABLE: dict[str, tuple[str, str | bytes]] = {
    "wrong keys": ("expressions.jsonl", '{"file": "photo0.png", "text": "red box"}\n'),
    "an array": ("expressions.jsonl", f"[{line()}, {line()}]"),
    "an array over lines": ("expressions.jsonl", f"[\n{line()},\n{line()}\n]"),
    "blank lines": ("expressions.jsonl", "\n  \n\n"),
    "a byte-order mark alone": ("expressions.jsonl", b"\xef\xbb\xbf"),
    "a header alone": ("expressions.csv", "image,phrase,annotations\n"),
    "a header and blank lines": ("expressions.csv", "image,phrase,annotations\n\n\n"),
    "rows without text": ("expressions.csv", "image,phrase\n,\n,\n"),
    "a tuple of something else": ("refs(mine).p", as_refs((1, 2))),
    "a dictionary": ("refs(mine).p", as_refs({1: REFS[0]})),
    "no refs": ("refs(mine).p", as_refs([])),
    "refs without split": ("refs(mine).p", as_refs([{**ref, "split": None} for ref in REFS])),
    "refs of other keys": (
        "refs(mine).p",
        as_refs([{f"{key}\r": value for key, value in ref.items()} for ref in REFS]),
    ),
    "text with other line ends": ("refs(mine).p", as_refs(REFS, 0).replace(b"\n", b"\r\n")),
    "bytes with other line ends": ("refs(mine).p", as_refs(REFS).replace(b"\n", b"\r\n")),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_set_in_which_nothing_can_be_read_is_faulty(kind, tmp_path):
    miniatures.write_own(tmp_path)
    (tmp_path / "expressions.jsonl").unlink()
    name, content = UNREADABLE[kind]
    raw = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(raw)
    result = run("verify", "--data", "own", "--root", tmp_path, "--no-pixels")
    is_one_line = isinstance(result.exception, DataError)
    assert is_one_line or (result.exit_code == 1 and "fault: " in result.stdout)
    assert "no faults" not in result.stdout
    if kind != "bytes with other line ends" or raw != as_refs(REFS):
        assert isinstance(run("stats", "--data", "own", "--root", tmp_path).exception, DataError)


def test_an_empty_benchmark_is_faulty(tmp_path):
    miniatures.write_referit(tmp_path)
    (tmp_path / "referit_query_val.json").write_text("{}")
    assert "split val holds no expression that can be read" in verify("referit", tmp_path).faults


@pytest.mark.parametrize("other", ["Val", "VAL", "val ", "\u00a0val", "\uff56\uff41\uff4c", "  ", 5, ["val"]])
def test_splits_that_differ_by_case_or_blanks_are_faults(other, tmp_path):
    miniatures.write_own(tmp_path)
    path = tmp_path / "expressions.jsonl"
    path.write_text(f"{GOOD}\n{line(phrase='a', split=other)}\n")
    (fault,) = verify("own", tmp_path).faults
    assert "line 3: split" in fault
    with pytest.raises(DataError, match="line 3: split"):
        open_dataset("own", tmp_path, "val")
    path.unlink()
    (tmp_path / "refs(mine).p").write_bytes(as_refs([*REFS, {**REFS[0], "ref_id": 3, "split": other}]))
    faults = verify("own", tmp_path, pixels=False).faults
    assert any("ref entry 3 (ref_id 3): split" in fault for fault in faults)


def test_file_names_tell_the_origin_without_instances(tmp_path):
    (tmp_path / "images").mkdir()
    names = {
        "COCO_train2014_000000000102.jpg": "coco:102", "sub/000000000009.png": "coco:9", "202401011200.jpg": "",
        "COCO_val2014_000000581929_3.jpg": "coco:581929", "000000000012x.jpg": "", "photo.jpg": "",
        "1000000000102.jpg": "",
    }  # fmt: skip
    (tmp_path / "expressions.jsonl").write_text("\n".join(json.dumps({"image": name, "phrase": "a"}) for name in names))
    data = open_dataset("own", tmp_path, "train")
    assert list(image_keys(data).values()) == list(names.values())


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_letters_may_be_spelled_in_either_way(form, tmp_path):
    miniatures.write_own(tmp_path)
    (tmp_path / "images" / "caf\u00e9").mkdir()
    spelled = unicodedata.normalize(form, "caf\u00e9/pi\u00f1ata.png")
    other = unicodedata.normalize("NFD" if form == "NFC" else "NFC", spelled)
    (tmp_path / "images" / "photo0.png").rename(tmp_path / "images" / "caf\u00e9" / other.split("/")[1])
    path = tmp_path / "instances.json"
    document = json.loads(path.read_text())
    document["images"][0]["file_name"] = other
    path.write_text(json.dumps(document))
    (tmp_path / "expressions.jsonl").write_text(line(image=spelled))
    data = open_dataset("own", tmp_path, "train")
    assert data.mask(data.expressions[0]).any()
    assert data.image(0).shape == (*SIZE, 3)
    assert verify("own", tmp_path).ok


def test_turned_images_and_odd_masks_are_remarked_on(tmp_path):
    miniatures.write_own(tmp_path)
    exif = Pillow.Exif()
    exif[0x0112] = 3
    photograph = Pillow.open(tmp_path / "images" / "photo0.png")
    photograph.save(tmp_path / "images" / "photo0.png", exif=exif)
    drawn = np.zeros(SIZE, dtype=np.uint8)
    drawn[5:20, 20:40] = 255
    Pillow.fromarray(drawn).save(tmp_path / "masks" / "drawn.jpg")
    path = tmp_path / "expressions.jsonl"
    path.write_text(path.read_text().replace("drawn.png", "drawn.jpg"))
    result = verify("own", tmp_path)
    assert result.ok
    turned, blurred = result.notes
    assert turned.startswith("1 files (photo0.png): turned by EXIF")
    assert "upright image" in turned
    assert blurred.startswith("1 files (drawn.jpg): JPEG blurs edges")
    assert "note: 1 files (photo0.png)" in run("verify", "--data", "own", "--root", tmp_path).stdout


def test_a_size_that_exif_explains_is_said_to_be(tmp_path):
    miniatures.write_own(tmp_path)
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.open(tmp_path / "images" / "photo0.png").save(tmp_path / "images" / "photo0.png", exif=exif)
    faults = verify("own", tmp_path).faults
    assert any("photo0.png is 48x64, but" in fault and "EXIF turns photo0" in fault for fault in faults)


def test_a_drawn_mask_of_the_pixels_as_stored_is_explained_too(tmp_path):
    miniatures.write_own(tmp_path)
    (tmp_path / "instances.json").unlink()
    exif = Pillow.Exif()
    exif[0x0112] = 8
    Pillow.open(tmp_path / "images" / "photo1.png").save(tmp_path / "images" / "photo1.png", exif=exif)
    row = {"image": "photo1.png", "phrase": "patch", "mask": "masks/drawn.png"}
    (tmp_path / "expressions.jsonl").write_text(json.dumps(row))
    (fault,) = verify("own", tmp_path).faults
    assert "drawn.png is 64x48, but its image is 48x64: EXIF turns photo1.png" in fault


def test_a_name_of_two_images_is_a_fault(tmp_path):
    miniatures.write_own(tmp_path)
    path = tmp_path / "instances.json"
    document = json.loads(path.read_text())
    document["images"][1]["file_name"] = "photo0.png"
    path.write_text(json.dumps(document))
    assert any("images 0 and 1 have one file name" in fault for fault in verify("own", tmp_path).faults)


# What people's tools do to a file, none of which takes an expression out of it.

Row = dict[str, Any]
ROWS: list[Row] = [
    {"image": "photo0.png", "phrase": "red box", "annotations": [0], "split": "train"},
    {"image": "photo0.png", "phrase": "both, boxes", "annotations": [0, 1], "split": "train"},
    {"image": "photo1.png", "phrase": "the patch", "mask": "masks/drawn.png", "split": "val"},
    {"image": "photo1.png", "phrase": "green box", "split": "val"},
]


def said(root: Path) -> Counter[bool]:
    """How many expressions of objects can be read, and how many of absent ones."""
    found: Counter[bool] = Counter()
    for split in splits_of_dataset("own", root, lambda fault: None):
        data = open_dataset("own", root, split, report=lambda fault: None)
        found.update(bool(data.mask(item).any()) for item in data.expressions)
    return found


def loses_nothing(root: Path, objects: int, absent: int) -> bool:
    """Whether the set has so many expressions of objects and of absent ones, or is said to be faulty."""
    try:
        return not verify("own", root).ok or said(root) == Counter({True: objects, False: absent})
    except DataError:
        return True


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("lost")
    miniatures.write_own(root)
    (root / "expressions.jsonl").unlink()
    return root


names = st.sampled_from(["image", "phrase", "annotations", "mask", "split"])
other_names = st.sampled_from(["Phrase", "phrase ", "\ufeffimage", "text", "sent", "", "ids", "Mask"])
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def changed_rows(draw: st.DrawFn, rows: list[Row]) -> list[Row]:
    """Rows with a field renamed in one or all, a value written otherwise, or their order changed."""
    rows = [dict(row) for row in draw(st.permutations(rows))]
    if draw(st.booleans()):
        old, new = draw(names), draw(other_names)
        for row in rows if draw(st.booleans()) else rows[:1]:
            if old in row:
                row[new] = row.pop(old)
    if draw(st.booleans()):
        row = draw(st.sampled_from(rows))
        key = draw(st.sampled_from(sorted(row)))
        row[key] = draw(st.sampled_from([str(row[key]), [row[key]], row[key]]))
    return rows


@st.composite
def changed_text(draw: st.DrawFn, text: str) -> bytes:
    """Text with other line ends, blank lines, quotation marks, separators or encoding, or brackets around it."""
    for _ in range(draw(st.integers(0, 2))):
        old, new = draw(
            st.sampled_from(
                [
                    ("\n", "\r\n"), ("\n", "\r"), ("\n", "\n\n"), ("\n", ""), ("\n", " "), ("\n", ",\n"),
                    ("\n", "\u2028"), ('"', "'"), ('"', ""), ("red", '"red'), ("red", 'red"'), (" ", "\u00a0"),
                    ("phrase", "phrase\u200b"),
                    (",", ";"), (",", "\t"), (",", ", "), ("{", "[{"), ("}", "}]"),
                ]
            )
        )  # fmt: skip
        text = text.replace(old, new, draw(st.sampled_from([-1, 1])))
    if draw(st.booleans()):
        text = draw(st.sampled_from(["[{}]", "{}\n", "\n{}", "\ufeff{}", "# list\n{}", "{{}}"])).replace("{}", text)
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])), "replace")


@FUZZ
@given(st.data())
def test_no_variation_of_json_lines_loses_an_expression(own, data):
    text = "\n".join(map(json.dumps, data.draw(changed_rows(ROWS))))
    path = own / "expressions.jsonl"
    path.write_bytes(data.draw(changed_text(text)))
    try:
        assert loses_nothing(own, 3, 1)
    finally:
        path.unlink()


@FUZZ
@given(st.data())
def test_no_variation_of_csv_loses_an_expression(own, data):
    stream = io.StringIO()
    columns = ["image", "phrase", "annotations", "mask", "split"]
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(stream, delimiter=data.draw(st.sampled_from(",;\t")), quoting=quoting, lineterminator="\n")
    writer.writerow(columns)
    for row in data.draw(st.permutations(ROWS)):
        ids = data.draw(st.sampled_from(["{}", "{}.0", " {} "]))
        cells = {**row, "annotations": " ".join(ids.format(key) for key in row.get("annotations", []))}
        writer.writerow([cells.get(column, "") for column in columns])
    path = own / "expressions.csv"
    path.write_bytes(data.draw(changed_text(stream.getvalue())))
    try:
        assert loses_nothing(own, 3, 1)
    finally:
        path.unlink()


def recast(value: Any, draw: st.DrawFn) -> Any:
    """A value as other tools hold it: numbers of NumPy, tuples, ordered dictionaries."""
    if isinstance(value, dict):
        kind = draw(st.sampled_from([dict, OrderedDict]))
        return kind((key, recast(child, draw)) for key, child in value.items())
    if isinstance(value, list):
        return draw(st.sampled_from([list, tuple]))(recast(child, draw) for child in value)
    if type(value) is int:
        return draw(st.sampled_from([int, float, str, np.int64, np.int32, np.float64, bool, np.array]))(value)
    return draw(st.sampled_from([value, value, value, f"{value} ", value.upper(), None]))


@FUZZ
@given(st.data())
def test_no_variation_of_a_pickle_loses_an_expression(own, data):
    path = own / "refs(mine).p"
    refs = recast(REFS, data.draw) if data.draw(st.booleans()) else data.draw(changed_refs())
    content = pickle.dumps(refs, data.draw(st.integers(0, 5)))
    changes = [(b"", b""), (b"\n", b"\r\n"), (b"split", b"spilt"), (b"sent\n", b"sent\r\n")]
    old, new = data.draw(st.sampled_from(changes))
    path.write_bytes(content.replace(old, new) if old else content)
    try:
        assert loses_nothing(own, 2, 0)
    finally:
        path.unlink()


@st.composite
def changed_refs(draw: st.DrawFn) -> Any:
    """Refs in another container, with a key renamed or a value replaced."""
    refs: list[Any] = pickle.loads(as_refs(REFS))
    target = draw(st.sampled_from([*refs, *(ref["sentences"][0] for ref in refs)]))
    key = draw(st.sampled_from(sorted(target)))
    if draw(st.booleans()):
        target[f"{key}{draw(st.sampled_from([' ', 's', chr(13)]))}"] = target.pop(key)
    else:
        target[key] = draw(st.sampled_from([None, "", {}, "x", 99, -5, b"train", True]))
    return draw(st.sampled_from([refs, tuple(refs), {"refs": refs}, dict(enumerate(refs)), [*refs, None], [refs]]))
