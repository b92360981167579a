"""Phrase sheets: CSV files of thousands of images and phrases, read so that each image's rows come together."""

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asgn.data.files.delimiters import delimiter_of, other_delimiter
from asgn.data.files.images import refuse_address
from asgn.errors import DataError

GROUP_ROWS = 32
"""Rows at most that are segmented, and written, together."""

COLUMNS = ("image", "phrase", "id")
"""Columns that are read, in any order and case; `id` may be left out, and others are not looked at."""

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2", ".avif"}
"""How a name ends that is taken for an image's."""

_STRAY_COMMA = "put a phrase with commas in quotes"


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
    places: Mapping[str, Path] = field(default_factory=dict)
    """Where images lie that are not looked for by their names."""

    def image_path(self, image: str) -> Path:
        """Where an image lies: relative to the sheet's folder, or else to the current one."""
        if image in self.places:
            return self.places[image]
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
    found = list(_rows(text, path))
    spaced_ids_are_usual = not any(row.id and len(row.id.split()) == 1 for row, reason in found if not reason)
    for row, reason in found:
        if not reason and len(row.id.split()) > 1 and not spaced_ids_are_usual:
            reason = f"the id {row.id!r} is several words, as no other is: {_STRAY_COMMA}"
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
    delimiter = delimiter_of(header)
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        header_cells = next(reader, [])
        names = [name.strip().lower() for name in header_cells]
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
                reason = other_delimiter(cells, delimiter) or reason if reason else ""
                physical = lines[line - 1 : reader.line_num]
                if len(physical) > 1 and _swallows_rows(physical, delimiter):
                    reason = f"lines {line} to {reader.line_num} are one row: a quotation mark is left open"
                if not reason and _has_stray_comma(cells, places["phrase"], header_cells):
                    reason = f"a comma, and then {cells[places['phrase'] + 1].strip()!r}: {_STRAY_COMMA}"
                yield row, reason
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"sheet {path}, line {reader.line_num}: {error}; is a quotation mark left open?") from error


def _swallows_rows(lines: Sequence[str], delimiter: str) -> bool:
    """Whether a row of several lines is none on purpose: it is badly quoted, or two of its lines name an image.

    A stray quotation mark in a row of one line does no harm.
    """
    try:
        is_one = len(list(csv.reader(lines, delimiter=delimiter, strict=True))) == 1
    except csv.Error:
        return True
    named = [any(_is_image(cell.strip().strip('"')) for cell in line.split(delimiter)) for line in lines]
    return not is_one or sum(named) > 1


def _is_image(text: str) -> bool:
    return Path(text).suffix.lower() in IMAGE_SUFFIXES


def _has_stray_comma(cells: Sequence[str], phrase: int, header: Sequence[str]) -> bool:
    """Whether a phrase goes on behind its cell: a space follows the comma there, but not every comma here."""
    beyond = cells[phrase + 1 : phrase + 2]
    is_style = any(cell.startswith(" ") for cell in header) or all(cell.startswith(" ") for cell in cells[1:])
    return bool(beyond) and beyond[0].startswith(" ") and bool(beyond[0].strip()) and not is_style


def _row(cells: Sequence[str], places: dict[str, int], width: int, line: int) -> tuple[SheetRow, str]:
    values = {name: cells[place].strip() if place < len(cells) else "" for name, place in places.items()}
    row = SheetRow(line, values["image"], values["phrase"], values.get("id", ""))
    if any(cell.strip() for cell in cells[width:]):
        return row, f"{len(cells)} cells where the header has {width}: {_STRAY_COMMA}"
    try:
        refuse_address(row.image)
    except DataError as error:
        return row, str(error)
    return row, "no image" if not row.image else "no phrase" if not row.phrase else ""
