"""The expression files of a user's own data set: `expressions.jsonl` or `expressions.csv`."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from asgn.data.files.delimiters import delimiter_of, other_delimiter
from asgn.data.files.faults import EntryError, Report, Splits, check_phrase, shown
from asgn.data.files.json_file import read_bytes, unique_keys, whole_number
from asgn.errors import DataError
from asgn.files import safe_relative

FIELDS = ("image", "phrase", "annotations", "mask", "split", "kind")
DEFAULT_SPLIT = "train"


class Entry(NamedTuple):
    """One line: a phrase over an image, and what it refers to."""

    where: str
    """File and line, for messages."""
    image: str
    phrase: str
    annotations: tuple[int, ...]
    mask: str
    """A mask image's path below the data folder, or nothing."""
    split: str


def read_entries(path: Path, report: Report) -> list[Entry]:
    """All lines of a `.jsonl` or `.csv` file, of every split.

    A line names `image` and `phrase`, and either `annotations` (ids, several for a plural phrase; in CSV apart by
    blanks) or `mask`; with neither, the phrase's object is absent. `split` is `train` where it is left out.
    A byte-order mark and Windows line ends are taken. `kind` says how a phrase was made, for the reader's own use.

    Raises:
        DataError: the file cannot be read, is not UTF-8, or lacks a header; the message gives the line.
    """
    text = _decode(read_bytes(path), path)
    rows = _csv_rows(text, path, report) if path.suffix.lower() == ".csv" else _json_rows(text, path, report)
    entries, splits = [], Splits()
    for line, row in rows:
        where = f"{path}, line {line}"
        try:
            entries.append(_entry(where, row, splits))
        except EntryError as fault:
            report(f"{where}: {fault}")
    return entries


def _decode(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8 text; save the file as UTF-8") from error


def _json_rows(text: str, path: Path, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=unique_keys)
        except (ValueError, RecursionError) as error:
            if number == 1 and line.lstrip().startswith("["):
                report(f"{path} holds a JSON array: write one object a line, without brackets and commas around them")
                return
            reason = getattr(error, "msg", None) or "it nests too deeply or has absurd numbers"
            report(f"{path}, line {number}: not valid JSON: {reason}")
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            report(f"{path}, line {number}: not a JSON object")


def _csv_rows(text: str, path: Path, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    header = text.split("\n", 1)[0]
    delimiter = delimiter_of(header)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = reader.fieldnames or []
        if not {"image", "phrase"} <= set(names) <= set(FIELDS) or len(set(names)) < len(names):
            raise DataError(f"{path}, line 1: the header should be of {', '.join(FIELDS)}; image and phrase are needed")
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row or None in row.values():
                mixed = other_delimiter([row.get(name) for name in names], delimiter)
                report(f"{where}: {mixed or f'it does not have the {len(names)} columns of the header'}")
            elif any("\n" in value or "\r" in value for value in row.values()):
                report(f"{where}: a value runs over several lines: close its quotation mark where it ends")
            else:
                yield reader.line_num, {**row, "annotations": (row.get("annotations") or "").split()}
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.reader.line_num}: not a valid CSV file: {error}") from error


def _entry(where: str, row: dict[str, Any], splits: Splits) -> Entry:
    unknown = sorted(set(row) - set(FIELDS))
    if unknown:
        raise EntryError(f"unknown field {unknown[0]!r}: there are {', '.join(FIELDS)}")
    image, mask = _file(row, "image", "image"), _file(row, "mask", "data")
    if not image:
        raise EntryError("it names no image")
    annotations = _ids(row.get("annotations"))
    if mask and annotations:
        raise EntryError("it has both annotations and a mask: give one")
    split = splits.check(DEFAULT_SPLIT if row.get("split") in (None, "") else row["split"])
    return Entry(where, image, check_phrase(row.get("phrase")), annotations, mask, split)


def _file(row: dict[str, Any], key: str, folder: str) -> str:
    name = row.get(key) or ""
    if not isinstance(name, str) or (name and not safe_relative(name)):
        raise EntryError(f"{key} {shown(name)} does not name a file below the {folder} folder")
    return name


def _ids(value: Any) -> tuple[int, ...]:
    """The ids in a list of them, or a single one; each once."""
    ids: dict[int, None] = {}
    for each in [] if value is None else value if isinstance(value, list) else [value]:
        number = whole_number(each)
        if number is None:
            raise EntryError(f"annotation {shown(each)} is not an id")
        ids[number] = None
    return tuple(ids)
