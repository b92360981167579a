"""Answer a phrase sheet: each image encoded once, results streamed to disk, a killed run resumed by repeating it.

The files of each format are in `results.records`.
Results stand in the order in which their images first appear in the sheet. Rows that cannot be answered are listed in
`rejected.csv`. `sheet.json` tells what the folder holds; `unfinished/` lasts as long as the run is not done.
"""

import csv
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from asgn.data.files.json_file import read_json
from asgn.errors import OutputError, UserError
from asgn.files import atomic_write, atomic_write_json, ensure_writable_folder, remove_leftovers
from asgn.inference.results.records import OutputFormat, write_results
from asgn.inference.segmenter import Segmenter
from asgn.inference.sheets.answers import AnsweredGroup, answer_groups
from asgn.inference.sheets.journal import FolderLock, JournalWriter, read_places, read_records, repair
from asgn.inference.sheets.output import RowWriter
from asgn.inference.sheets.reader import RefusedRow, Sheet, group_rows, share_of
from asgn.progress import Progress, silent

MANIFEST, UNFINISHED, REJECTED = "sheet.json", "unfinished", "rejected.csv"
NO_IMAGE = "no image at "
"""How the reason begins where an image is missing."""


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
    progress: Progress = silent,
    category: str | None = None,
) -> SheetSummary | None:
    """Answer all rows of a sheet, or those that an earlier, killed run with the same `folder` left.

    Every process calls this; the first one puts the parts together and gets the summary, the others None. The number of
    processes may change from run to run.

    Raises:
        OutputError: the folder cannot be written to, belongs to another sheet, model or format, or is in use; or a
            result would be written over an image.
        UserError: not one row could be answered; `rejected.csv` says why.
    """
    groups = group_rows(sheet.rows)
    writer = RowWriter(folder, output_format, sheet, groups, segmenter.model.config.variant)
    unfinished = ensure_writable_folder(folder / UNFINISHED)
    is_main = processes.process_index == 0
    with FolderLock(unfinished) as lock:
        if is_main:
            lock.take_alone()
            _check_manifest(folder, _description(segmenter, sheet, output_format, category))
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
            answers, rows = answer_groups(segmenter, sheet, mine), sum(len(group.rows) for group in mine)
            with JournalWriter(unfinished, processes.process_index) as journal:
                _answer(answers, writer, journal, rows, progress)
        processes.wait_for_everyone()
        return _finish(sheet, folder, output_format, category, len(groups)) if is_main else None


def arrived_images(sheet: Sheet, folder: Path) -> list[str]:
    """Images for whose lack rows of a finished sheet were refused, and which are there now."""
    if not (folder / REJECTED).is_file():
        return []
    with (folder / REJECTED).open(encoding="utf-8", newline="") as file:
        lines = {int(row["line"]) for row in csv.DictReader(file) if row["reason"].startswith(NO_IMAGE)}
    missing = dict.fromkeys(row.image for row in sheet.rows if row.line in lines)
    return [image for image in missing if sheet.image_path(image).exists()]


def _answer(
    answers: Iterator[AnsweredGroup], writer: RowWriter, journal: JournalWriter, total: int, progress: Progress
) -> None:
    done = 0
    for answered in answers:
        group = answered.group
        journal.append(group.number, {"rows": writer.write(group, answered.found), "refused": answered.refused})
        done += len(group.rows)
        progress(done, total)


def _finish(sheet: Sheet, folder: Path, output_format: OutputFormat, category: str | None, groups: int) -> SheetSummary:
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

        written = write_results(folder, output_format, records(), category)
        _write_refused(folder / REJECTED, refused, sheet)
        rejected = str(folder / REJECTED) if refused else None
        summary = SheetSummary(total, written.segmented, written.empty, len(refused), str(written.path), rejected)
        manifest["summary"] = asdict(summary)
        if not written.segmented:  # nothing worth going on from: the folder is free for the mended sheet
            if written.path.is_file():
                written.path.unlink()
            (folder / MANIFEST).unlink()
            shutil.rmtree(folder / UNFINISHED)
            first = min(refused, key=lambda row: row.line)
            raise UserError(
                f"no row of {sheet.path} can be segmented, see {rejected}; line {first.line}: {first.reason}"
            )
        atomic_write_json(folder / MANIFEST, manifest)
    shutil.rmtree(folder / UNFINISHED)
    return SheetSummary(**manifest["summary"])


def _write_refused(path: Path, refused: Sequence[RefusedRow], sheet: Sheet) -> None:
    """Refused rows by line; the file is itself a sheet, from where it lies. Without any there is no file."""
    if not refused:
        path.unlink(missing_ok=True)
        return

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            table = csv.DictWriter(file, ("line", "image", "phrase", "id", "reason"))
            table.writeheader()
            for row in sorted(refused, key=lambda row: row.line):
                table.writerow(asdict(row) | {"image": _seen_from(path.parent, row.image, sheet)})

    atomic_write(path, write)


def _seen_from(folder: Path, image: str, sheet: Sheet) -> str:
    """An image's path from another folder than the sheet's."""
    if not image or Path(image).is_absolute() or "://" in image:
        return image
    there = sheet.image_path(image)
    target = there if there.exists() else sheet.path.parent / image
    return Path(os.path.relpath(target, folder)).as_posix()


def _description(
    segmenter: Segmenter, sheet: Sheet, output_format: OutputFormat, category: str | None
) -> dict[str, Any]:
    model = {"weights": segmenter.backend.digest(), "densecrf": segmenter.densecrf}
    named = {} if category is None else {"category": category}
    return {"sheet": sheet.digest, "model": model, "format": output_format, **named}


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
