"""The answered rows of a phrase sheet as records, and as pictures where the format asks for them."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asgn.errors import OutputError
from asgn.inference.results.names import FileNames, refuse_images, slug
from asgn.inference.results.overlay import draw_overlay
from asgn.inference.results.pictures import mask_picture, write_picture
from asgn.inference.results.polygons import mask_polygons
from asgn.inference.results.records import FORMATS, OutputFormat, file_of_image
from asgn.inference.results.segmentation import Segmentation
from asgn.inference.sheets.reader import Group, Sheet, SheetRow

Answer = tuple[SheetRow, Segmentation]

_WHOLE_NUMBER = re.compile(r"-?[1-9]\d{0,17}|0", re.ASCII)
_COCO_NAME = re.compile(r"(?:COCO_(?:train|val|test)\d{4}_)?0*(\d{1,12})", re.ASCII)
_NOT_IN_LINES = ("bbox", "segmentation", "found", "nearest_known")


class RowWriter:
    """Makes the records of a sheet's rows; names and numbers depend on the whole sheet alone.

    Args:
        folder: of the results.
        output_format: one of `FORMATS`.
        sheet: whose images are never written over.
        groups: all of the sheet's.
        model: what formats that name the model call it.

    Raises:
        OutputError: the format is unknown, a picture would be written over one of the images, or two images are called
            alike in a format that goes by their names.
    """

    def __init__(
        self, folder: Path, output_format: OutputFormat, sheet: Sheet, groups: Sequence[Group], model: str
    ) -> None:
        if output_format not in FORMATS:
            raise OutputError(f"unknown output format {output_format!r}: choose one of {', '.join(FORMATS)}")
        self._folder = folder
        self._format = output_format
        self._model = model
        self._mask_names: dict[int, str] = {}
        self._overlay_names: list[str] = []
        images = list(dict.fromkeys(group.image for group in groups))
        self._paths = {image: sheet.image_path(image) for image in images}
        self._image_ids = _image_ids(images)
        if output_format == "png":
            self._mask_names = _mask_names([row for group in groups for row in group.rows])
        if output_format == "overlay":
            names = FileNames()
            self._overlay_names = [f"{names.take(Path(group.image).stem)}.overlay.png" for group in groups]
        if output_format in ("labelme", "yolo"):
            _refuse_namesakes(images)
        names_used = (*self._mask_names.values(), *self._overlay_names)
        refuse_images((folder / name for name in names_used), {path.resolve() for path in self._paths.values()})

    def write(self, group: Group, answers: Sequence[Answer]) -> list[dict[str, Any]]:
        """Write the pictures that the format asks for, each atomically, and give a record of each answer."""
        if self._format == "png":
            for row, found in answers:
                write_picture(self._folder / self._mask_names[row.line], mask_picture(found.mask))
        if self._format == "overlay" and answers:
            pixels = answers[0][1].image.pixels
            assert pixels is not None
            page = draw_overlay(pixels, [found for _, found in answers])
            write_picture(self._folder / self._overlay_names[group.number], page)
        return [self._record(group, row, found) for row, found in answers]

    def _record(self, group: Group, row: SheetRow, found: Segmentation) -> dict[str, Any]:
        whole = found.to_json()
        name = {"id": row.id} if row.id else {}
        line = {"line": row.line, **name, "image": row.image}
        line |= {key: value for key, value in whole.items() if key not in _NOT_IN_LINES}
        mask = {"bbox": whole["bbox"], "segmentation": whole["segmentation"]}
        if self._format == "png":
            return line | {"file": self._mask_names[row.line]}
        if self._format == "overlay":
            return line | {"file": self._overlay_names[group.number]}
        if self._format == "rle":
            return line | mask
        if self._format == "polygon":
            return line | {"polygons": [polygon.to_json() for polygon in mask_polygons(found.mask)]}
        image_id = self._image_ids[row.image]
        if self._format == "coco":
            is_number = _WHOLE_NUMBER.fullmatch(row.id) is not None
            key = {"sentence_id": int(row.id)} if is_number else name
            where = {"image_id": image_id, "file_name": row.image, "category_id": 1}
            said = {name: value for name, value in line.items() if name not in ("line", "id", "image")}
            return {"line": row.line, **key, **where, **said, **mask, "no_target": not found.found}
        path = os.path.relpath(self._paths[row.image], self._folder)
        return line | mask | {"image_id": image_id, "path": path, "model": self._model}


def _mask_names(rows: Sequence[SheetRow]) -> dict[int, str]:
    """PNG names by line: the id, so that the folder can be scored, or else image and phrase.

    Only an id that is a whole number, spelled as such, is called as a number: `007` is no 7.
    """
    taken = {row.line: row.id for row in rows if _WHOLE_NUMBER.fullmatch(row.id)}
    names = FileNames(reserved=taken.values())
    others = [row for row in rows if row.line not in taken]
    for row in sorted(others, key=lambda row: not row.id):  # ids first, each in the order of the sheet
        text = row.id or f"{Path(row.image).stem}-{row.phrase}"
        taken[row.line] = names.take(f"row-{text}" if slug(text).isdecimal() else text)
    return {line: f"{name}.png" for line, name in taken.items()}


def _image_ids(images: Sequence[str]) -> dict[str, int]:
    """COCO's own numbers where all images are called as COCO calls its images, else numbers from 1 in their order."""
    matches = [_COCO_NAME.fullmatch(Path(image).stem) for image in images]
    numbers = [int(match[1]) for match in matches if match is not None]
    if len(set(numbers)) < len(images):
        numbers = list(range(1, len(images) + 1))
    return dict(zip(images, numbers, strict=True))


def _refuse_namesakes(images: Sequence[str]) -> None:
    """Raise OutputError where two images would share a file of results."""
    seen: dict[Path, str] = {}
    for image in images:
        file = file_of_image(image, "")
        if file in seen:
            raise OutputError(f"{seen[file]} and {image} are called alike, and this format goes by names: rename one")
        seen[file] = image
