"""COCO-style `instances.json` files, read lean: outlines stay in the file until a mask is asked for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from asgn.data.files.coco_outlines import parse_without_outlines
from asgn.data.files.collector import collector_paused
from asgn.data.files.faults import Report, stop
from asgn.data.files.images import MAX_PIXELS
from asgn.data.files.json_file import is_integer, parse_json
from asgn.data.files.masks import decode_segmentation
from asgn.data.types import Image, Mask
from asgn.errors import DataError
from asgn.files import safe_relative

_COCO_NAME = re.compile(r"(?:^|[/_])(\d{12})\.\w+$")  # 000000000009.jpg, COCO_train2014_000000000009.jpg


class ImageEntry(NamedTuple):
    """One image of the file: its name below the image folder, its size in pixels, and where it is from."""

    file_name: str
    height: int
    width: int
    origin: str
    """`coco:ID`, or `SOURCE:ID` of another collection; empty where the file does not say."""


class Annotation(NamedTuple):
    """One object; `start` and `end` are the bytes of its segmentation in the file, both 0 when it has none."""

    image_id: int
    category_id: int
    crowd: bool
    start: int
    end: int
    score: float | None = None
    """How sure the network was that drew the outline; None where a person drew it."""


class Category(NamedTuple):
    """A kind of object, or of region: files of things alone do not say which."""

    name: str
    is_thing: bool


@dataclass(frozen=True)
class Instances:
    """Images, annotations and categories of one file, by id."""

    path: Path
    images: Mapping[int, ImageEntry]
    annotations: Mapping[int, Annotation]
    categories: Mapping[int, Category]
    stamp: tuple[int, int]
    """Size and modification time of the file when it was read."""

    @classmethod
    def none(cls, path: Path) -> "Instances":
        """Of a data set without such a file."""
        return cls(path, {}, {}, {}, (0, 0))

    def segmentation(self, annotation_id: int) -> Any:
        """The outline of an object as the file has it.

        Raises:
            DataError: there is no such annotation, it has no outline, or the file has changed since.
        """
        annotation = self._annotation(annotation_id)
        if annotation.end == 0:
            raise DataError(f"{self.path}: annotation {annotation_id} has no segmentation")
        try:
            with self.path.open("rb") as file:
                if _stamp(self.path) != self.stamp:
                    raise DataError(f"{self.path} has changed since it was opened: start again")
                file.seek(annotation.start)
                text = file.read(annotation.end - annotation.start)
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror}") from error
        return parse_json(text, f"{self.path}: segmentation of annotation {annotation_id}")

    def mask(self, annotation_id: int) -> Mask:
        """(H, W) bool of one object, at its image's size.

        Raises:
            DataError: as `segmentation`, or the outline is faulty.
        """
        image = self.images[self._annotation(annotation_id).image_id]
        where = f"{self.path}: annotation {annotation_id}"
        return decode_segmentation(self.segmentation(annotation_id), image.height, image.width, where)

    def _annotation(self, annotation_id: int) -> Annotation:
        annotation = self.annotations.get(annotation_id)
        if annotation is None:
            raise DataError(f"{self.path}: no annotation with id {annotation_id}")
        return annotation


def read_instances(path: Path, report: Report = stop) -> Instances:
    """Read a COCO-style file of images, annotations and categories.

    Args:
        path: of the JSON file.
        report: takes each faulty entry, which is then left out; the default raises DataError at the first.

    Raises:
        DataError: the file cannot be read, or is no COCO-style file.
    """
    with collector_paused():
        return _build(path, _stamp(path), parse_without_outlines(path), report)


def _build(path: Path, stamp: tuple[int, int], document: Any, report: Report) -> Instances:
    if not isinstance(document, dict):
        raise DataError(f"{path} is not a COCO instances file: it should be an object with images and annotations")
    for key in ("images", "annotations"):
        if not isinstance(document.get(key), list):
            raise DataError(f"{path} is not a COCO instances file: it has no list {key!r}")
    images = _read_images(document["images"], str(path), report)
    annotations = _read_annotations(document["annotations"], images, str(path), report)
    return Instances(path, images, annotations, _read_categories(document.get("categories")), stamp)



def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _read_images(entries: list[Any], where: str, report: Report) -> dict[int, ImageEntry]:
    images: dict[int, ImageEntry] = {}
    for number, entry in enumerate(entries):
        fault = _image_fault(entry, images)
        if fault:
            report(f"{where}: image entry {number + 1}: {fault}")
            continue
        images[entry["id"]] = ImageEntry(entry["file_name"], entry["height"], entry["width"], _origin(entry))
    return images


def _origin(entry: dict[str, Any]) -> str:
    coco_name = _COCO_NAME.search(entry["file_name"])
    if is_integer(entry.get("coco_id")):
        return f"coco:{entry['coco_id']}"
    if coco_name:
        return f"coco:{int(coco_name[1])}"
    source = entry.get("source")
    return f"{source}:{entry['id']}" if isinstance(source, str) and source and "coco" not in source.lower() else ""


def _image_fault(entry: Any, known: Mapping[int, ImageEntry]) -> str:
    if not isinstance(entry, dict) or not is_integer(entry.get("id")):
        return "it has no integer id"
    if entry["id"] in known:
        return f"the id {entry['id']} is there twice"
    name = entry.get("file_name")
    if not isinstance(name, str) or not safe_relative(name):
        return f"file name {name!r} does not name a file below the image folder"
    height, width = entry.get("height"), entry.get("width")
    if not (type(height) is int and type(width) is int and height > 0 and width > 0):
        return f"height {height!r} and width {width!r} are not sizes in pixels"
    return f"it is too large ({width}x{height})" if height * width > MAX_PIXELS else ""


def _read_annotations(
    entries: list[Any], images: Mapping[int, ImageEntry], where: str, report: Report
) -> dict[int, Annotation]:
    annotations: dict[int, Annotation] = {}
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not is_integer(entry.get("id")):
            report(f"{where}: annotation entry {number + 1}: it has no integer id")
            continue
        key: int = entry["id"]
        image_id: Any = entry.get("image_id")
        if key in annotations:
            report(f"{where}: annotation entry {number + 1}: the id {key} is there twice")
            continue
        if not is_integer(image_id) or image_id not in images:
            report(f"{where}: annotation {key}: no image with id {image_id!r}")
            continue
        category: Any = entry.get("category_id")
        crowd = any(entry.get(name) in (1, True) for name in ("iscrowd", "panoptic_iscrowd"))
        span = _span(entry.get("segmentation"))
        score = entry.get("score")
        sureness = float(score) if isinstance(score, int | float) else None
        annotations[key] = Annotation(image_id, category if is_integer(category) else 0, crowd, *span, sureness)
    return annotations


def _span(outline: Any) -> tuple[int, int]:
    """The replaced outline; any list of numbers in the file has itself been replaced, so this cannot be one."""
    if isinstance(outline, list) and len(outline) == 2 and all(map(is_integer, outline)):
        return outline[0], outline[1]
    return 0, 0


def _read_categories(entries: Any) -> dict[int, Category]:
    if not isinstance(entries, list):
        return {}
    return {
        entry["id"]: Category(entry["name"], entry.get("isthing", 1) in (1, True))
        for entry in entries
        if isinstance(entry, dict) and is_integer(entry.get("id")) and isinstance(entry.get("name"), str)
    }


def check_image_size(image: Image, instances: Instances, image_id: int, path: Path) -> Image:
    """The image itself.

    Raises:
        DataError: it is not of the size that the annotations were made for.
    """
    entry = instances.images[image_id]
    if image.shape[:2] != (entry.height, entry.width):
        found = f"{image.shape[1]}x{image.shape[0]}"
        raise DataError(f"{path} is {found}, but {instances.path} says {entry.width}x{entry.height}")
    return image
