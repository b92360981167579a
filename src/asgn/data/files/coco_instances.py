"""COCO-style `instances.json` files, read lean: outlines stay in the file until a mask is asked for."""

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from asgn.data.files.coco_outlines import parse_without_outlines
from asgn.data.files.collector import collector_paused
from asgn.data.files.faults import EntryError, Report, flag_of, is_text, number_of, shown, stop
from asgn.data.files.json_file import parse_json
from asgn.data.files.masks import decode_segmentation
from asgn.data.files.pixels import MAX_PIXELS
from asgn.data.types import Mask
from asgn.errors import DataError
from asgn.files import safe_relative

NO_CATEGORY = -(2**63) - 1
"""An id that no file can give."""

_COCO_FILE = r"0{6}([0-9]{6})(?:_[0-9]+)?\.[A-Za-z]\w*"  # twelve digits, of which COCO's largest ids fill six
_COCO_NAME = re.compile(rf"(?:^|[/\\_]){_COCO_FILE}$")
_LISTED_COCO_NAME = re.compile(rf"(?<![0-9]){_COCO_FILE}".encode())


class ImageEntry(NamedTuple):
    """One image of the file: its name below the image folder, its size in pixels, and where it is from."""

    file_name: str
    height: int
    width: int
    origin: str
    """`coco:ID`, or `SOURCE:ID` of another collection; empty where the file does not say."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width


class Annotation(NamedTuple):
    """One object; `start` and `end` are the bytes of its segmentation in the file, both 0 when it has none."""

    image_id: int
    category_id: int
    """`NO_CATEGORY` where the file gives none."""
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

    @cached_property
    def annotation_ids(self) -> Mapping[int, list[int]]:
        """The annotations of each image that has any, in the order of the file."""
        found: dict[int, list[int]] = defaultdict(list)
        for annotation_id, annotation in self.annotations.items():
            found[annotation.image_id].append(annotation_id)
        return dict(found)

    def image(self, image_id: int) -> ImageEntry:
        """One image. Raises DataError where none has this id."""
        if image_id not in self.images:
            raise DataError(f"{self.path}: no image with id {image_id}")
        return self.images[image_id]

    def ids_by_name(self, report: Report = stop) -> dict[str, int]:
        """The image of each file name, in Unicode's composed form; one that two images have goes to `report`."""
        ids: dict[str, int] = {}
        for image_id, entry in self.images.items():
            other = ids.setdefault(unicodedata.normalize("NFC", entry.file_name), image_id)
            if other != image_id:
                report(f"{self.path}: images {other} and {image_id} have one file name, {entry.file_name!r}")
        return ids

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
    categories = _read_categories(document.get("categories"), str(path), report)
    return Instances(path, images, annotations, categories, stamp)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _read_images(entries: list[Any], where: str, report: Report) -> dict[int, ImageEntry]:
    images: dict[int, ImageEntry] = {}
    for number, entry in enumerate(entries, 1):
        try:
            key = _new_id(entry, images)
            images[key] = _image(entry)
        except EntryError as fault:
            report(f"{where}: image entry {number}: {fault}")
    return images


def _new_id(entry: Any, known: Collection[int]) -> int:
    if not isinstance(entry, dict):
        raise EntryError("it is no object")
    key = number_of(entry, "id")
    if key in known:
        raise EntryError(f"the id {key} is there twice")
    return key


def _image(entry: dict[str, Any]) -> ImageEntry:
    name = entry.get("file_name")
    if not isinstance(name, str) or not safe_relative(name):
        raise EntryError(f"file name {shown(name)} does not name a file below the image folder")
    height, width = number_of(entry, "height"), number_of(entry, "width")
    if height < 1 or width < 1:
        raise EntryError(f"height {height} and width {width} are not sizes in pixels")
    if height * width > MAX_PIXELS:
        raise EntryError(f"it is too large ({width}x{height})")
    source = entry.get("source")
    if entry.get("coco_id") is not None:
        origin = f"coco:{number_of(entry, 'coco_id')}"
    else:
        origin = origin_by_name(name)
        if not origin and isinstance(source, str) and source and "coco" not in source.lower():
            origin = f"{source}:{number_of(entry, 'id')}"
    return ImageEntry(name, height, width, origin)


def origin_by_name(file_name: str) -> str:
    """`coco:ID` of a file that is called as COCO's images are; empty for any other."""
    found = _COCO_NAME.search(file_name)
    return f"coco:{int(found[1])}" if found else ""


def listed_origins(text: bytes) -> frozenset[str]:
    """The origins of all COCO images that a text names, in whatever form it is."""
    return frozenset(f"coco:{int(digits)}" for digits in _LISTED_COCO_NAME.findall(text))


def _read_annotations(
    entries: list[Any], images: Mapping[int, ImageEntry], where: str, report: Report
) -> dict[int, Annotation]:
    annotations: dict[int, Annotation] = {}
    for number, entry in enumerate(entries, 1):
        key = None
        try:
            key = _new_id(entry, annotations)
            annotations[key] = _annotation(entry, images)
        except EntryError as fault:
            report(f"{where}: annotation {f'entry {number}' if key is None else key}: {fault}")
    return annotations


def _annotation(entry: dict[str, Any], images: Mapping[int, ImageEntry]) -> Annotation:
    image_id = number_of(entry, "image_id")
    if image_id not in images:
        raise EntryError(f"no image with id {image_id}")
    category_id = number_of(entry, "category_id") if "category_id" in entry else NO_CATEGORY
    crowd = flag_of(entry, "iscrowd") or flag_of(entry, "panoptic_iscrowd")
    return Annotation(image_id, category_id, crowd, *_span(entry.get("segmentation")), _score(entry.get("score")))


def _score(value: Any) -> float | None:
    if value is None:
        return None
    try:
        score = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        score = math.nan
    if not math.isfinite(score):
        raise EntryError(f"score {shown(value)} is no number")
    return score


def _span(outline: Any) -> tuple[int, int]:
    """The replaced outline; any list of numbers in the file has itself been replaced, so this cannot be one."""
    if isinstance(outline, list) and len(outline) == 2 and all(type(place) is int for place in outline):
        return outline[0], outline[1]
    return 0, 0


def _read_categories(entries: Any, where: str, report: Report) -> dict[int, Category]:
    categories: dict[int, Category] = {}
    for number, entry in enumerate(entries if isinstance(entries, list) else [], 1):
        try:
            key = _new_id(entry, categories)
            if not is_text(entry.get("name")):
                raise EntryError(f"its name {shown(entry.get('name'))} is not text")
            categories[key] = Category(entry["name"], flag_of(entry, "isthing", True))
        except EntryError as fault:
            report(f"{where}: category entry {number}: {fault}")
    return categories
