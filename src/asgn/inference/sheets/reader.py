"""Phrase sheets: CSV files of thousands of images and phrases, read so that each image's rows come together."""

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asgn.data.files.images import refuse_address
from asgn.errors import DataError

GROUP_ROWS = 32
"""Rows at most that are segmented, and written, together."""

COLUMNS = ("image", "phrase", "id")
"""Columns that are read, in any order and case; `id` may be left out, and others are not looked at."""

_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One question: a phrase about an image."""

    line: int
    """Line of the sheet on which the row starts, the header being line 1."""
    image: str
    phrase: str
    id: str
    """What the user calls the row; empty where the sheet has no ids."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that cannot be answered, and why."""

    line: int
    image: str
    phrase: str
    id: str
    reason: str


@dataclass(frozen=True)
class Sheet:
    """A phrase sheet."""

    path: Path
    rows: Sequence[SheetRow]
    refused: Sequence[RefusedRow]
    """Rows whose cells already tell that they cannot be answered."""
    digest: str
    """SHA-256 of the file."""

    def image_path(self, image: str) -> Path:
        """Where an image lies: relative to the sheet's folder, or else to the current one."""
        beside = self.path.parent / image
        return beside if beside.exists() else Path(image)


@dataclass(frozen=True)
class Group:
    """Rows of one image that are answered, and written down, together."""

    number: int
    """From 0, in the order of the images in the sheet."""
    image: str
    rows: tuple[SheetRow, ...]


def read_sheet(path: Path) -> Sheet:
    """Read a sheet, as spreadsheet programs write it: with or without a byte-order mark, CRLF or LF, and with
    commas, semicolons or tabs between its cells.

    Raises:
        DataError: it cannot be read, is not UTF-8, lacks a column, or has no rows.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"sheet {path} is not UTF-8 text (byte {error.start}): save it as CSV UTF-8") from error
    except OSError as error:
        raise DataError(f"cannot read sheet {path}: {error.strerror}") from error
    rows: list[SheetRow] = []
    refused: list[RefusedRow] = []
    first_lines: dict[str, int] = {}
    for row, reason in _rows(text, path):
        if not reason and row.id and row.id in first_lines:
            reason = f"line {first_lines[row.id]} has the same id"
        if reason:
            refused.append(RefusedRow(row.line, row.image, row.phrase, row.id, reason))
        else:
            first_lines.setdefault(row.id, row.line)
            rows.append(row)
    if not rows and not refused:
        raise DataError(f"sheet {path} has no rows below its header: give an image and a phrase on each")
    return Sheet(path, rows, refused, hashlib.sha256(data).hexdigest())


def group_rows(rows: Sequence[SheetRow]) -> list[Group]:
    """The rows of each image, images in the order in which they first appear."""
    of_image: dict[str, list[SheetRow]] = defaultdict(list)
    for row in rows:
        of_image[row.image].append(row)
    parts = (
        (image, tuple(members[start : start + GROUP_ROWS]))
        for image, members in of_image.items()
        for start in range(0, len(members), GROUP_ROWS)
    )
    return [Group(number, image, part) for number, (image, part) in enumerate(parts)]


def share_of(groups: Sequence[Group], process: int, processes: int) -> list[Group]:
    """The groups that one of several processes answers: whole images, about as many rows for each process."""
    loads = [0] * processes
    owners: dict[str, int] = {}
    for group in groups:
        owner = owners.setdefault(group.image, loads.index(min(loads)))
        loads[owner] += len(group.rows)
    return [group for group in groups if owners[group.image] == process]


def _rows(text: str, path: Path) -> Iterator[tuple[SheetRow, str]]:
    """Each row that is not blank, with what is wrong with it, if anything."""
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        lacking = [name for name in ("image", "phrase") if name not in names]
        if lacking:
            raise DataError(f"sheet {path} has no column {lacking[0]!r}: its first line must name image and phrase")
        doubled = [name for name in COLUMNS if names.count(name) > 1]
        if doubled:
            raise DataError(f"sheet {path} has two columns {doubled[0]!r}: give one of them another name")
        places = {name: names.index(name) for name in COLUMNS if name in names}
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                row, reason = _row(cells, places, len(names), line)
                if reader.line_num > line and not _is_well_quoted(lines[line - 1 : reader.line_num], delimiter):
                    reason = f"lines {line} to {reader.line_num} are one row: a quotation mark is left open"
                yield row, reason
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"sheet {path}, line {reader.line_num}: {error}; is a quotation mark left open?") from error


def _is_well_quoted(lines: Sequence[str], delimiter: str) -> bool:
    """Whether a row of several lines is one on purpose; of one line, a stray quotation mark does no harm."""
    try:
        return len(list(csv.reader(lines, delimiter=delimiter, strict=True))) == 1
    except csv.Error:
        return False


def _row(cells: Sequence[str], places: dict[str, int], width: int, line: int) -> tuple[SheetRow, str]:
    values = {name: cells[place].strip() if place < len(cells) else "" for name, place in places.items()}
    row = SheetRow(line, values["image"], values["phrase"], values.get("id", ""))
    if any(cell.strip() for cell in cells[width:]):
        return row, f"{len(cells)} cells where the header has {width}: put a phrase with commas in quotes"
    try:
        refuse_address(row.image)
    except DataError as error:
        return row, str(error)
    return row, "no image" if not row.image else "no phrase" if not row.phrase else ""
