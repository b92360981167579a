"""The rows of an answered phrase sheet as records and pictures, and the records of all rows as one file."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asgn.data.types import Image
from asgn.files import atomic_write
from asgn.inference.results.overlay import draw_overlay
from asgn.inference.results.pictures import mask_picture, write_picture
from asgn.inference.results.segmentation import Segmentation
from asgn.inference.results.writers import (
    FileNames,
    OutputFormat,
    coco_results,
    polygon_record,
    refuse_photographs,
    rle_record,
)
from asgn.inference.sheets.reader import Group, SheetRow

Answer = tuple[SheetRow, Segmentation]

_WHOLE_NUMBER = re.compile(r"-?\d{1,18}")


class RowWriter:
    """Writes the pictures of a sheet's rows, under names that depend on the whole sheet alone.

    Raises:
        OutputError: a picture would be written over one of the photographs.
    """

    def __init__(
        self, folder: Path, output_format: OutputFormat, groups: Sequence[Group], photographs: Iterable[Path]
    ) -> None:
        self._folder = folder
        self._format = output_format
        self._mask_names: dict[int, str] = {}
        self._overlay_names: list[str] = []
        if output_format == "png":
            self._mask_names = _mask_names([row for group in groups for row in group.rows])
        if output_format == "overlay":
            names = FileNames()
            self._overlay_names = [f"{names.take(Path(group.image).stem)}.overlay.png" for group in groups]
        names_used = (*self._mask_names.values(), *self._overlay_names)
        refuse_photographs((folder / name for name in names_used), {path.resolve() for path in photographs})

    def write(self, pixels: Image, group: Group, answers: Sequence[Answer]) -> list[dict[str, Any]]:
        """Write the pictures that the format asks for, each atomically, and give a record of each answer."""
        if self._format == "png":
            for row, found in answers:
                write_picture(self._folder / self._mask_names[row.line], mask_picture(found.mask))
            return [{**_base(row, found), "file": self._mask_names[row.line]} for row, found in answers]
        if self._format == "overlay":
            name = self._overlay_names[group.number]
            if answers:
                write_picture(self._folder / name, draw_overlay(pixels, [found for _, found in answers]))
            return [{**_base(row, found), "file": name} for row, found in answers]
        if self._format == "coco":
            return [_coco_entry(row, found) for row, found in answers]
        describe = rle_record if self._format == "rle" else polygon_record
        return [{**_base(row, found), **describe(found)} for row, found in answers]


def write_results(
    folder: Path, output_format: OutputFormat, records: Iterable[Mapping[str, Any]]
) -> tuple[Path, int, int]:
    """Write all records as one file: its path, their number, and how many of them have an empty mask."""
    is_list = output_format == "coco"
    path = folder / ("results.json" if is_list else "results.jsonl")
    counts = np.zeros(2, dtype=int)

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write("[\n" if is_list else "")
            for index, record in enumerate(records):
                file.write(",\n" if is_list and index else "")
                file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")))
                file.write("" if is_list else "\n")
                counts[:] += (1, record["area"] == 0)
            file.write("\n]\n" if is_list else "")

    atomic_write(path, write)
    return path, int(counts[0]), int(counts[1])


def _base(row: SheetRow, found: Segmentation) -> dict[str, Any]:
    """What every record says of its row and answer."""
    return {
        "line": row.line,
        **({"id": row.id} if row.id else {}),
        "image": row.image,
        "phrase": row.phrase,
        "score": float(found.score),
        "presence": float(found.presence),
        "area": int(np.count_nonzero(found.mask)),
        "reason": found.reason,
        "remarks": found.remarks,
        "unknown_words": list(found.unknown),
        "cut_words": list(found.cut),
        "read_as": dict(found.read_as),
    }


def _coco_entry(row: SheetRow, found: Segmentation) -> dict[str, Any]:
    """A COCO result; an id that is a whole number becomes the `sentence_id` by which masks are scored."""
    (entry,) = coco_results([found], row.image)
    is_number = _WHOLE_NUMBER.fullmatch(row.id) is not None
    key = {"sentence_id": int(row.id)} if is_number else {"id": row.id} if row.id else {}
    said = {"reason": found.reason, "remarks": found.remarks}
    return {"line": row.line, **key, **entry, "presence": float(found.presence), **said}


def _mask_names(rows: Sequence[SheetRow]) -> dict[int, str]:
    """PNG names by line: the id, so that the folder can be scored, or else image and phrase."""
    names = FileNames()
    taken = {row.line: names.take(row.id) for row in rows if row.id}
    for row in rows:
        if row.line not in taken:
            taken[row.line] = names.take(f"{Path(row.image).stem}-{row.phrase}")
    return {line: f"{name}.png" for line, name in taken.items()}
