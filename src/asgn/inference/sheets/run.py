"""Answer a phrase sheet: each image encoded once, results streamed to disk, a killed run resumed by repeating it.

| format | files |
|---|---|
| `png` | a mask for each row, called after its id, or else its image and phrase; `results.jsonl` names them |
| `overlay` | a picture for each image (and each 32 phrases of it); `results.jsonl` names them |
| `rle`, `polygon` | `results.jsonl`, with the run-length code or the outlines in each line |
| `coco` | `results.json`, a COCO results list |

Results stand in the order in which their images first appear in the sheet. Rows that cannot be answered are listed in
`rejected.csv`. `sheet.json` tells what the folder holds; `unfinished/` lasts as long as the run is not done.
"""

import csv
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from asgn.data.files.images import load_image
from asgn.data.files.json_file import read_json
from asgn.data.types import Image
from asgn.errors import OutputError, UserError
from asgn.files import atomic_write, atomic_write_json, ensure_writable_folder, remove_leftovers
from asgn.inference.encoded import EncodedImage
from asgn.inference.results.writers import OutputFormat
from asgn.inference.segmenter import Segmenter
from asgn.inference.sheets.journal import FolderLock, JournalWriter, read_places, read_records, repair
from asgn.inference.sheets.output import RowWriter, write_results
from asgn.inference.sheets.reader import Group, RefusedRow, Sheet, SheetRow, group_rows, share_of

MANIFEST, UNFINISHED, REJECTED = "sheet.json", "unfinished", "rejected.csv"

Progress = Callable[[int, int], None]
"""Called with the rows that this process has answered, and those it is to answer."""


class Processes(Protocol):
    """The processes that share a sheet; accelerate's `PartialState` is one."""

    @property
    def process_index(self) -> int:
        """Of this process, from 0, the main one."""

    @property
    def num_processes(self) -> int:
        """How many there are."""

    def wait_for_everyone(self) -> None:
        """Return when every process has come here."""


@dataclass(frozen=True)
class SheetSummary:
    """What became of a sheet's rows."""

    rows: int
    segmented: int
    nothing_found: int
    """Of the segmented rows, those with an empty mask."""
    refused: int
    results: str
    rejected: str | None
    """The file of the refused rows; None where there are none."""


def segment_sheet(
    segmenter: Segmenter,
    sheet: Sheet,
    folder: Path,
    output_format: OutputFormat,
    processes: Processes,
    progress: Progress | None = None,
) -> SheetSummary | None:
    """Answer all rows of a sheet, or those that an earlier, killed run with the same `folder` left.

    Every process calls this; the first one puts the parts together and gets the summary, the others None. The number of
    processes may change from run to run.

    Raises:
        OutputError: the folder cannot be written to, belongs to another sheet, model or format, or is in use; or a
            result would be written over a photograph.
        UserError: not one row could be answered; `rejected.csv` says why.
    """
    groups = group_rows(sheet.rows)
    writer = RowWriter(folder, output_format, groups, {sheet.image_path(group.image) for group in groups})
    unfinished = ensure_writable_folder(folder / UNFINISHED)
    is_main = processes.process_index == 0
    with FolderLock(unfinished) as lock:
        if is_main:
            lock.take_alone()
            _check_manifest(folder, _description(segmenter, sheet, output_format))
            remove_leftovers(folder)
            repair(unfinished)
            lock.share()
        processes.wait_for_everyone()
        lock.share()
        done = read_places(unfinished)
        processes.wait_for_everyone()  # none may write before all have read
        if not _is_finished(folder):
            left = [group for group in groups if group.number not in done]
            mine = share_of(left, processes.process_index, processes.num_processes)
            with JournalWriter(unfinished, processes.process_index) as journal:
                _answer(segmenter, sheet, mine, writer, journal, progress)
        processes.wait_for_everyone()
        return _finish(sheet, folder, output_format, len(groups)) if is_main else None


def _answer(
    segmenter: Segmenter,
    sheet: Sheet,
    groups: Sequence[Group],
    writer: RowWriter,
    journal: JournalWriter,
    progress: Progress | None,
) -> None:
    done, total = 0, sum(len(group.rows) for group in groups)
    for image, of_image in groupby(groups, key=lambda group: group.image):
        opened = _open(segmenter, sheet.image_path(image))
        for group in of_image:
            journal.append(group.number, _answer_group(segmenter, opened, group, writer))
            done += len(group.rows)
            if progress is not None:
                progress(done, total)


def _open(segmenter: Segmenter, path: Path) -> tuple[Image, EncodedImage] | str:
    """A photograph and its features, or why there are none."""
    try:
        pixels = load_image(path)
        return pixels, segmenter.encode(pixels)
    except UserError as error:
        return str(error)


def _answer_group(
    segmenter: Segmenter, opened: tuple[Image, EncodedImage] | str, group: Group, writer: RowWriter
) -> dict[str, Any]:
    """The records of a group's answered rows, and the lines of its refused ones with the reason."""
    if isinstance(opened, str):
        return {"rows": [], "refused": [(row.line, opened) for row in group.rows]}
    pixels, encoded = opened
    rows, refused = _readable(segmenter, group.rows)
    found = segmenter(encoded, [row.phrase for row in rows])
    return {"rows": writer.write(pixels, group, list(zip(rows, found, strict=True))), "refused": refused}


def _readable(segmenter: Segmenter, rows: Sequence[SheetRow]) -> tuple[list[SheetRow], list[tuple[int, str]]]:
    """The rows whose phrases mean something to the model, and the lines of the others with the reason."""
    readable, refused = [], []
    for row in rows:
        try:
            segmenter.read_phrase(row.phrase)
            readable.append(row)
        except UserError as error:
            refused.append((row.line, str(error)))
    return readable, refused


def _finish(sheet: Sheet, folder: Path, output_format: OutputFormat, groups: int) -> SheetSummary:
    """Put the parts together; repeatable until `sheet.json` says that it is done."""
    manifest = read_json(folder / MANIFEST)
    total = len(sheet.rows) + len(sheet.refused)
    if not _is_finished(folder):
        places = read_places(folder / UNFINISHED)
        if len(places) != groups:
            raise OutputError(f"{folder / UNFINISHED} lacks groups: delete it to begin the sheet again")
        refused = list(sheet.refused)
        rows = {row.line: row for row in sheet.rows}

        def records() -> Iterator[Mapping[str, Any]]:
            for group in read_records(places):
                refused.extend(RefusedRow(**asdict(rows[line]), reason=reason) for line, reason in group["refused"])
                yield from group["rows"]

        path, segmented, empty = write_results(folder, output_format, records())
        _write_refused(folder / REJECTED, refused)
        rejected = str(folder / REJECTED) if refused else None
        manifest["summary"] = asdict(SheetSummary(total, segmented, empty, len(refused), str(path), rejected))
        if not segmented:  # nothing worth going on from: the folder is free for the mended sheet
            path.unlink()
            (folder / MANIFEST).unlink()
            shutil.rmtree(folder / UNFINISHED)
            first = min(refused, key=lambda row: row.line)
            raise UserError(
                f"no row of {sheet.path} can be segmented, see {rejected}; line {first.line}: {first.reason}"
            )
        atomic_write_json(folder / MANIFEST, manifest)
    shutil.rmtree(folder / UNFINISHED)
    return SheetSummary(**manifest["summary"])


def _write_refused(path: Path, refused: Sequence[RefusedRow]) -> None:
    """Refused rows by line; the file is itself a sheet. Without any there is no file."""
    if not refused:
        path.unlink(missing_ok=True)
        return

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            table = csv.DictWriter(file, ("line", "image", "phrase", "id", "reason"))
            table.writeheader()
            table.writerows(asdict(row) for row in sorted(refused, key=lambda row: row.line))

    atomic_write(path, write)


def _description(segmenter: Segmenter, sheet: Sheet, output_format: OutputFormat) -> dict[str, Any]:
    model = {"weights": segmenter.backend.digest(), "densecrf": segmenter.densecrf}
    return {"sheet": sheet.digest, "model": model, "format": output_format}


def _check_manifest(folder: Path, description: dict[str, Any]) -> None:
    if not (folder / MANIFEST).exists():
        atomic_write_json(folder / MANIFEST, description)
        return
    there = read_json(folder / MANIFEST)
    for name, value in description.items():
        if not isinstance(there, dict) or there.get(name) != value:
            raise OutputError(f"{folder} holds results of another {name}: choose another -o, or delete that folder")


def _is_finished(folder: Path) -> bool:
    summary = read_json(folder / MANIFEST).get("summary")
    return summary is not None and Path(summary["results"]).exists()
