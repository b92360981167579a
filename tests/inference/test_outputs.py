"""Every format read back, names that stay in their folder, and pictures with the colours they promise."""

import base64
import io
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pycocotools.coco import COCO

from asgn.data.files.masks import decode_segmentation
from asgn.errors import OutputError
from asgn.inference.phrases.reader import Reading
from asgn.inference.results import fonts
from asgn.inference.results.labelstudio import brush_rle
from asgn.inference.results.names import FileNames, slug
from asgn.inference.results.overlay import draw_overlay, phrase_colour
from asgn.inference.results.polygons import single_ring
from asgn.inference.results.records import FORMATS
from asgn.inference.sheets.direct import segment_rows
from asgn.inference.sheets.reader import Sheet, SheetRow

HEIGHT, WIDTH = 30, 50
PYCOCOTOOLS_ON_NUMPY_2 = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@dataclass
class Found:
    phrase: str
    mask: np.ndarray
    score: float


def ring() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[5:25, 10:30] = True
    mask[10:20, 15:25] = False
    return mask


def parts() -> np.ndarray:
    """Two parts that touch at a corner, and one by itself, at the image's rim."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[0:8, 0:8] = mask[8:15, 8:20] = mask[20:30, 40:50] = True
    return mask


MASKS = {"red ring": ring(), "a zebra": np.zeros((HEIGHT, WIDTH), dtype=bool), "the parts": parts()}
"""What each phrase finds in every image."""


class Drawn:
    """A segmenter whose masks are those above."""

    def __init__(self, segmenter) -> None:
        self.inner, self.model, self.encode = segmenter, segmenter.model, segmenter.encode

    def read_phrase(self, phrase):
        return Reading(self.inner.vocabulary.encode("left circle"), {}, {})

    def __call__(self, image, phrases):
        known = self.inner(image, ["left circle"] * len(phrases))
        found = [MASKS.get(phrase, MASKS["red ring"]) for phrase in phrases]
        return [
            replace(result, phrase=phrase, mask=mask, score=0.75 if mask.any() else 0.0)
            for result, phrase, mask in zip(known, phrases, found, strict=True)
        ]


@pytest.fixture
def written(segmenter, tmp_path):
    """Answer rows of (image, phrase, id) in a format; gives the folder of results."""

    def write(output_format, rows=None, category=None) -> Path:
        rows = rows or [(image, phrase, "") for image in ("dog.png", "cat.png") for phrase in MASKS]
        images = {image for image, *_ in rows}
        for image in images:
            (tmp_path / image).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (WIDTH, HEIGHT), (100, 100, 100)).save(tmp_path / image, "PNG")
        listed = [SheetRow(line, *row) for line, row in enumerate(rows, start=2)]
        sheet = Sheet(tmp_path / "sheet.csv", listed, [], "")
        segment_rows(Drawn(segmenter), sheet, tmp_path / "out", output_format, category)
        return tmp_path / "out"

    return write


def records_in(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_png_masks_are_grey_0_and_255(written) -> None:
    out = written("png", [("My Dog.JPG", phrase, "") for phrase in ("red ring", "a zebra")])
    assert sorted(path.name for path in out.iterdir()) == ["my-dog-a-zebra.png", "my-dog-red-ring.png"]
    for name in ("red ring", "a zebra"):
        with Image.open(out / f"my-dog-{slug(name)}.png") as picture:
            assert picture.mode == "L"
            np.testing.assert_array_equal(np.asarray(picture), 255 * MASKS[name].astype(np.uint8))


def test_rle_decodes_to_the_mask(written) -> None:
    records = records_in(written("rle"))
    assert [record["image"] for record in records] == ["dog.png"] * 3 + ["cat.png"] * 3
    for record in records:
        mask = decode_segmentation(record["segmentation"], HEIGHT, WIDTH, "")
        np.testing.assert_array_equal(mask, MASKS[record["phrase"]])
    first, second = records[:2]
    assert (first["score"], first["area"], first["bbox"]) == (0.75, 300, [10, 5, 20, 20])
    assert (second["area"], second["bbox"]) == (0, [0, 0, 0, 0])


def test_polygons_keep_the_hole(written) -> None:
    ringed, nothing = records_in(written("polygon"))[:2]
    (polygon,) = ringed["polygons"]
    assert polygon["outer"] == [[10, 5], [30, 5], [30, 25], [10, 25]]
    assert sorted(polygon["holes"][0]) == [[15, 10], [15, 20], [25, 10], [25, 20]]
    assert nothing["polygons"] == []


@PYCOCOTOOLS_ON_NUMPY_2
def test_a_coco_data_set_and_its_results_are_of_one_kind(written, tmp_path, capsys) -> None:
    """Both load in pycocotools, and every mask is drawn back pixel by pixel."""
    dataset = COCO(written("coco-dataset") / "annotations.json")
    assert {image["file_name"] for image in dataset.loadImgs(dataset.getImgIds())} == {"dog.png", "cat.png"}
    names = {kind["id"]: kind["name"] for kind in dataset.loadCats(dataset.getCatIds())}
    assert list(names.values()) == list(MASKS)
    annotations = dataset.loadAnns(dataset.getAnnIds())
    assert [(names[item["category_id"]], item["iscrowd"]) for item in annotations] == [
        ("red ring", 1), ("the parts", 0), ("red ring", 1), ("the parts", 0),
    ]  # fmt: skip
    for item in annotations:
        np.testing.assert_array_equal(dataset.annToMask(item).astype(bool), MASKS[names[item["category_id"]]])
    results = dataset.loadRes(str(written("coco") / "results.json"))
    assert len(results.getAnnIds()) == 6
    assert all(image["file_name"] for image in results.loadImgs(results.getImgIds()))


def test_one_name_may_stand_for_all_phrases(written) -> None:
    dataset = json.loads((written("coco-dataset", category="thing") / "annotations.json").read_text())
    assert dataset["categories"] == [{"id": 1, "name": "thing"}]
    assert {item["category_id"] for item in dataset["annotations"]} == {1}


def test_label_studio_tasks(written) -> None:
    """The code is read by a reader of thi-ng's form, written here from its description alone."""
    tasks = json.loads((written("labelstudio") / "labelstudio.json").read_text())
    assert [task["data"]["image"] for task in tasks] == ["dog.png", "cat.png"]
    regions = tasks[0]["predictions"][0]["result"]
    assert [region["value"]["brushlabels"] for region in regions] == [["red ring"], ["the parts"]]
    for region in regions:
        values = np.array(thing_values(region["value"]["rle"])).reshape(HEIGHT, WIDTH, 4)
        np.testing.assert_array_equal(values[..., 3] > 0, MASKS[region["value"]["brushlabels"][0]])
        assert (region["original_width"], region["original_height"]) == (WIDTH, HEIGHT)


def thing_values(code: list[int]) -> list[int]:
    bits = iter("".join(f"{byte:08b}" for byte in code))

    def take(count: int) -> int:
        return int("".join(next(bits) for _ in range(count)), 2)

    total, word = take(32), take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < total:
        is_run, length = take(1), take(sizes[take(2)]) + 1
        values += [take(word)] * length if is_run else [take(word) for _ in range(length)]
    return values


def test_label_studios_own_reader_agrees(written) -> None:
    brush = pytest.importorskip("label_studio_sdk.converter.brush", reason="label-studio-sdk is not installed")
    tasks = json.loads((written("labelstudio") / "labelstudio.json").read_text())
    for region in tasks[0]["predictions"][0]["result"]:
        pixels = brush.decode_rle(region["value"]["rle"]).reshape(HEIGHT, WIDTH, 4)
        np.testing.assert_array_equal(pixels[..., 3] > 0, MASKS[region["value"]["brushlabels"][0]])


def test_labelme_shapes_hold_the_mask(written) -> None:
    out = written("labelme")
    assert sorted(path.name for path in out.iterdir()) == ["cat.json", "dog.json"]
    page = json.loads((out / "dog.json").read_text())
    assert (out / page["imagePath"]).resolve() == (out.parent / "dog.png").resolve()
    assert [shape["label"] for shape in page["shapes"]] == ["red ring", "the parts"]
    for shape in page["shapes"]:
        (left, top), (right, bottom) = shape["points"]
        mask = np.zeros((page["imageHeight"], page["imageWidth"]), dtype=bool)
        with Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as cut:
            mask[top : bottom + 1, left : right + 1] = np.asarray(cut)
        np.testing.assert_array_equal(mask, MASKS[shape["label"]])


def test_yolo_segments_fill_to_the_mask(written) -> None:
    out = written("yolo", [(image, phrase, "") for image in ("x/dog.png", "y/dog.png") for phrase in MASKS])
    names = dict(re.findall(r'  (\d+): "(.*)"', (out / "data.yaml").read_text()))
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.txt")) == [
        "labels/x/dog.txt", "labels/y/dog.txt",
    ]  # fmt: skip
    lines = (out / "labels" / "x" / "dog.txt").read_text().splitlines()
    assert [names[line.split()[0]] for line in lines] == ["red ring", "the parts"]
    for line in lines:
        number, *numbers = line.split()
        ring = np.array(numbers, dtype=float).reshape(-1, 2) * (WIDTH, HEIGHT)
        np.testing.assert_array_equal(even_odd(ring), MASKS[names[number]])


def even_odd(ring: np.ndarray) -> np.ndarray:
    """The pixels whose centres a ring goes round an odd number of times."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    inside = np.zeros((HEIGHT, WIDTH), dtype=bool)
    for (x, y), (next_x, next_y) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if y != next_y:
            crosses = ((y <= rows) != (next_y <= rows)) & (columns < x + (rows - y) / (next_y - y) * (next_x - x))
            inside ^= crosses
    return inside


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_one_ring_tells_any_mask(mask: np.ndarray) -> None:
    whole = np.zeros((HEIGHT, WIDTH), dtype=bool)
    whole[: mask.shape[0], : mask.shape[1]] = mask
    ring = np.array(single_ring(whole), dtype=float).reshape(-1, 2)
    np.testing.assert_array_equal(even_odd(ring), whole)
    code = brush_rle(whole)
    np.testing.assert_array_equal(np.array(thing_values(code))[::4].reshape(HEIGHT, WIDTH) > 0, whole)


def test_namesakes_are_refused_where_files_go_by_name(written) -> None:
    for output_format in ("labelme", "yolo"):
        with pytest.raises(OutputError, match=r"dog\.png and dog\.bmp are called alike"):
            written(output_format, [("dog.png", "red ring", ""), ("dog.bmp", "red ring", "")])


def test_ids_that_look_like_numbers_do_not_meet(written) -> None:
    """A mask is scored by its name, so 007 must not be called as 7 is."""
    ids = ("7", "007", "-8", "8", "+7", "７", "a", "A", "-0")
    rows = [("dog.png", "red ring", name) for name in ids]
    out = written("png", rows)
    numbers = sorted(path.stem for path in out.glob("*.png") if re.fullmatch(r"-?\d+", path.stem))
    assert numbers == ["-8", "7", "8"]
    assert len(list(out.glob("*.png"))) == len(ids)
    entries = json.loads((written("coco", rows) / "results.json").read_text())
    assert [entry.get("sentence_id", entry.get("id")) for entry in entries] == [7, "007", -8, 8, *ids[4:]]
    assert all(("sentence_id" in entry) != ("id" in entry) for entry in entries)


def test_images_of_one_name_are_told_apart(written, tmp_path) -> None:
    entries = json.loads(
        (written("coco", [("x/a.jpg", "red ring", ""), ("y/a.jpg", "red ring", "")]) / "results.json").read_text()
    )
    assert [(entry["file_name"], entry["image_id"]) for entry in entries] == [("x/a.jpg", 1), ("y/a.jpg", 2)]
    (tmp_path / "out" / "results.json").unlink()
    coco = [("COCO_train2014_000000581857.jpg", "red ring", ""), ("000000000042.jpg", "red ring", "")]
    entries = json.loads((written("coco", coco) / "results.json").read_text())
    assert [entry["image_id"] for entry in entries] == [581857, 42]


def test_overlay_shows_photo_mask_and_legend(written) -> None:
    out = written("overlay", [("dog.png", phrase, "") for phrase in ("red ring", "a zebra")])
    assert [path.name for path in out.iterdir()] == ["dog.overlay.png"]
    with Image.open(out / "dog.overlay.png") as picture:
        pixels = np.asarray(picture).astype(int)
    factor = 13  # 50 pixels wide, enlarged to at least 640
    assert pixels.shape[1] == WIDTH * factor
    assert pixels.shape[0] > HEIGHT * factor
    assert pixels[2 * factor, 2 * factor].tolist() == [100, 100, 100]
    colour = np.array(phrase_colour(0))
    inside = pixels[int(7.5 * factor), int(12.5 * factor)]
    np.testing.assert_allclose(inside, 100 + 0.45 * (colour - 100), atol=1)
    assert pixels[15 * factor, 20 * factor].tolist() == [100, 100, 100]  # the hole
    legend = pixels[HEIGHT * factor :].reshape(-1, 3)
    assert all((legend == phrase_colour(index)).all(axis=1).any() for index in (0, 1))


def test_overlay_of_a_narrow_image_with_a_long_phrase() -> None:
    found = Found("word " * 30 + "w" * 200, np.ones((700, 20), dtype=bool), 1.0)
    page = draw_overlay(np.zeros((700, 20, 3), dtype=np.uint8), [found])
    assert page.width >= 300


def test_letters_that_no_font_has_are_said(monkeypatch) -> None:
    monkeypatch.setattr(fonts, "_system_fonts", tuple)
    text, font = fonts.drawable("left 猫猫", 20)
    assert text == "left U+732B U+732B (no font here has 1 of its letters)"
    assert font.getname()[0] == "DejaVu Sans"
    assert fonts.drawable("größer кот", 20)[0] == "größer кот"


def test_a_font_of_the_system_is_taken_where_it_has_the_letters(monkeypatch, tmp_path) -> None:
    own = fonts._own_font()
    monkeypatch.setattr(fonts, "_own_font", lambda: tmp_path / "poor.ttf")
    monkeypatch.setattr(fonts, "_system_fonts", lambda: [tmp_path / "none.ttf", own])
    text, font = fonts.drawable("кот", 20)
    assert (text, font.getname()[0]) == ("кот", "DejaVu Sans")


def test_phrase_colours_differ() -> None:
    assert len({phrase_colour(index) for index in range(40)}) == 40


def test_equal_and_hostile_phrases_get_files_of_their_own(written) -> None:
    phrases = ["a b", "A-b", "a  b!", "../../etc/passwd", "..", "/", "con", "日本の犬", "a\0b\n", "x" * 500, "x" * 501]
    out = written("png", [("dog.png", phrase, "") for phrase in phrases] + [("other/dog.png", "a b", "")])
    assert len(list(out.iterdir())) == len(phrases) + 1
    assert all(path.is_file() and path.suffix == ".png" for path in out.iterdir())


@given(st.lists(st.text(max_size=120), max_size=8))
def test_names_are_safe_and_distinct(texts: list[str]) -> None:
    names = FileNames()
    taken = [names.take(text) for text in texts]
    assert len({name.casefold() for name in taken}) == len(texts)
    for name in taken:
        assert 0 < len(name.encode()) <= 90
        assert not set(name) & set('/\\:*?"<>|.\0 ')


def test_slug_keeps_letters_of_any_script() -> None:
    assert slug("Der größte Hund, links!") == "der-grösste-hund-links"
    assert slug("?!") == "unnamed"


def test_unknown_format_and_unusable_folder(written, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"'gif'.*" + ", ".join(FORMATS)):
        written("gif")
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="cannot write to folder"):
        written("png")


def test_a_failed_write_leaves_nothing(written, tmp_path, monkeypatch) -> None:
    written("rle")
    (tmp_path / "out" / "results.jsonl").unlink()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OutputError, match="No space left"):
        written("png", [("dog.png", "red ring", "")])
    assert list((tmp_path / "out").iterdir()) == []


def test_results_of_other_images_are_not_written_over(written, tmp_path) -> None:
    for output_format in ("rle", "coco", "coco-dataset", "labelstudio"):
        first = written(output_format, [("dog.png", "red ring", "")])
        assert written(output_format, [("dog.png", "the parts", "")]) == first  # asked anew
        with pytest.raises(OutputError, match=r"holds results of dog\.png: choose another folder"):
            written(output_format, [("cat.png", "red ring", "")])
