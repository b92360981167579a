"""A few images and phrases given by hand, answered as a small sheet that needs no journal."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asgn.errors import OutputError, UserError
from asgn.files import ensure_writable_folder
from asgn.inference.results.records import RESULTS, OutputFormat, write_results
from asgn.inference.segmenter import Segmenter
from asgn.inference.sheets.answers import AnsweredGroup, answer_groups
from asgn.inference.sheets.output import RowWriter
from asgn.inference.sheets.reader import RefusedRow, Sheet, group_rows

_PICTURES = ("png", "overlay")


@dataclass(frozen=True)
class Outcome:
    """What became of all rows."""

    results: Path | None
    """The file that holds, or leads to, the results; None where each is a picture."""
    refused: Sequence[RefusedRow]


def segment_rows(
    segmenter: Segmenter,
    sheet: Sheet,
    folder: Path,
    output_format: OutputFormat,
    category: str | None = None,
    show: Callable[[AnsweredGroup, list[dict[str, Any]]], None] = lambda *_: None,
) -> Outcome:
    """Answer a sheet's rows in one go; a bad image or phrase does not keep the others from their answers.

    Args:
        segmenter: the model.
        sheet: such as of `sheet_of_arguments`.
        folder: of the results, made if needed.
        output_format: one of `FORMATS`.
        category: see `write_results`.
        show: called with each group as soon as it is answered, and its records.

    Raises:
        OutputError: the folder cannot be written to, holds other results, or a result would be written over an image.
        UserError: no row could be answered; the first reason is given.
    """
    groups = group_rows(sheet.rows)
    writer = RowWriter(folder, output_format, sheet, groups, segmenter.model.config.variant)
    path = ensure_writable_folder(folder) / RESULTS[output_format]
    if output_format not in _PICTURES and path.is_file():
        _refuse_loss(path, {group.image for group in groups})
    rows = {row.line: row for row in sheet.rows}
    refused: list[RefusedRow] = []

    def records() -> Iterator[Mapping[str, Any]]:
        for answered in answer_groups(segmenter, sheet, groups):
            found = writer.write(answered.group, answered.found)
            refused.extend(RefusedRow(**asdict(rows[line]), reason=reason) for line, reason in answered.refused)
            show(answered, found)
            yield from found

    listed = list(records())
    if not listed:
        raise UserError(refused[0].reason)
    if output_format in _PICTURES:
        return Outcome(None, refused)
    return Outcome(write_results(folder, output_format, listed, category).path, refused)


def _refuse_loss(path: Path, images: set[str]) -> None:
    """Raise OutputError where a file holds results of other images, or of a sheet, which would be written over."""
    try:
        text = path.read_text(encoding="utf-8")
        held = _images_in(path.name, text)
    except (OSError, ValueError, KeyError, TypeError):
        held = {"what cannot be read"}
    others = sorted(held - images)
    if others or (path.parent / "sheet.json").exists():
        what = f"of {others[0]}" if others else "of a sheet"
        raise OutputError(f"{path} holds results {what}: choose another folder with -o, or delete that file")


def _images_in(name: str, text: str) -> set[str]:
    if name == "results.jsonl":
        return {json.loads(line)["image"] for line in text.splitlines()}
    if name == "results.json":
        return {entry["file_name"] for entry in json.loads(text)}
    if name == "annotations.json":
        return {image["file_name"] for image in json.loads(text)["images"]}
    if name == "labelstudio.json":
        return {task["data"]["image"] for task in json.loads(text)}
    return {"other images"}  # data.yaml, whose numbers of classes hold for all its files
