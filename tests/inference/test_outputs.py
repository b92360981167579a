"""Every format read back, names that stay in their folder, and pictures with the colours they promise."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from asgn.errors import OutputError
from asgn.inference.results.overlay import draw_overlay, phrase_colour
from asgn.inference.results.writers import FORMATS, FileNames, ResultWriter, slug


@dataclass
class Found:
    phrase: str
    mask: np.ndarray
    score: float


HEIGHT, WIDTH = 30, 50
PYCOCOTOOLS_ON_NUMPY_2 = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def image() -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), 100, dtype=np.uint8)


@pytest.fixture
def results() -> list[Found]:
    ring = np.zeros((HEIGHT, WIDTH), dtype=bool)
    ring[5:25, 10:30] = True
    ring[10:20, 15:25] = False
    return [Found("red ring", ring, 0.75), Found("a zebra", np.zeros_like(ring), 0.125)]


def test_png_masks_are_grey_0_and_255(tmp_path: Path, image, results) -> None:
    with ResultWriter(tmp_path, "png") as writer:
        paths = writer.write(image, "photos/My Dog.JPG", results)
    assert [path.name for path in paths] == ["my-dog-red-ring.png", "my-dog-a-zebra.png"]
    for path, result in zip(paths, results, strict=True):
        with Image.open(path) as picture:
            assert picture.mode == "L"
            np.testing.assert_array_equal(np.asarray(picture), 255 * result.mask.astype(np.uint8))


@PYCOCOTOOLS_ON_NUMPY_2
def test_rle_decodes_to_the_mask(tmp_path: Path, image, results) -> None:
    with ResultWriter(tmp_path, "rle") as writer:
        (path,) = writer.write(image, "dog.jpg", results)
    record = json.loads(path.read_text())
    assert (record["image"], record["height"], record["width"]) == ("dog.jpg", HEIGHT, WIDTH)
    first, second = record["results"]
    np.testing.assert_array_equal(coco_mask.decode(first["segmentation"]).astype(bool), results[0].mask)
    assert (first["phrase"], first["score"], first["area"], first["bbox"]) == ("red ring", 0.75, 300, [10, 5, 20, 20])
    assert (second["area"], second["bbox"]) == (0, [0, 0, 0, 0])


@PYCOCOTOOLS_ON_NUMPY_2
def test_coco_results_of_several_images_are_one_list(tmp_path: Path, image, results) -> None:
    with ResultWriter(tmp_path, "coco") as writer:
        assert writer.write(image, "dog.jpg", results) == []
        writer.write(image, "cat.jpg", results[:1], image_id=42)
    entries = json.loads((tmp_path / "results.json").read_text())
    assert [(item.get("file_name"), item.get("image_id"), item["phrase"]) for item in entries] == [
        ("dog.jpg", None, "red ring"),
        ("dog.jpg", None, "a zebra"),
        (None, 42, "red ring"),
    ]
    assert {item["category_id"] for item in entries} == {1}
    np.testing.assert_array_equal(coco_mask.decode(entries[2]["segmentation"]).astype(bool), results[0].mask)


def test_no_coco_file_after_an_error(tmp_path: Path, image, results) -> None:
    with pytest.raises(AttributeError), ResultWriter(tmp_path, "coco") as writer:
        writer.write(image, "dog.jpg", [*results, None])
    assert list(tmp_path.iterdir()) == []


def test_polygons_keep_the_hole(tmp_path: Path, image, results) -> None:
    with ResultWriter(tmp_path, "polygon") as writer:
        (path,) = writer.write(image, "dog.jpg", results)
    ring, nothing = json.loads(path.read_text())["results"]
    (polygon,) = ring["polygons"]
    assert polygon["outer"] == [[10, 5], [30, 5], [30, 25], [10, 25]]
    assert sorted(polygon["holes"][0]) == [[15, 10], [15, 20], [25, 10], [25, 20]]
    assert nothing["polygons"] == []


def test_overlay_shows_photo_mask_and_legend(tmp_path: Path, image, results) -> None:
    with ResultWriter(tmp_path, "overlay") as writer:
        (path,) = writer.write(image, "dog.jpg", results)
    with Image.open(path) as picture:
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


def test_phrase_colours_differ() -> None:
    assert len({phrase_colour(index) for index in range(40)}) == 40


def test_equal_and_hostile_phrases_get_files_of_their_own(tmp_path: Path, image) -> None:
    mask = np.ones((HEIGHT, WIDTH), dtype=bool)
    phrases = ["a b", "A-b", "a  b!", "../../etc/passwd", "..", "", "/", "con", "日本の犬", "a\0b\n"]
    phrases += ["x" * 500, "x" * 501]
    with ResultWriter(tmp_path, "png") as writer:
        paths = writer.write(image, "..", [Found(phrase, mask, 1.0) for phrase in phrases])
        paths += writer.write(image, "other/..", [Found("a b", mask, 1.0)])
    assert len(set(paths)) == len(phrases) + 1
    assert all(path.parent == tmp_path and path.is_file() for path in paths)
    assert sorted(tmp_path.iterdir()) == sorted(paths)


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


def test_unknown_format_and_unusable_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"'gif'.*" + ", ".join(FORMATS)):
        ResultWriter(tmp_path, "gif")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write to folder"):
        ResultWriter(tmp_path / "file", "png")


def test_a_failed_write_leaves_nothing(tmp_path: Path, image, results, monkeypatch) -> None:
    def fail(self, path, **_):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OutputError, match="No space left"), ResultWriter(tmp_path, "png") as writer:
        writer.write(image, "dog.jpg", results)
    assert list(tmp_path.iterdir()) == []
