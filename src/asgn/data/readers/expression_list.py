"""The expression files of a user's own data set: `expressions.jsonl` or `expressions.csv`."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from asgn.data.files.faults import Report, phrase_fault
from asgn.data.files.json_file import is_integer, read_bytes
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
    entries = []
    for line, row in rows:
        where = f"{path}, line {line}"
        fault = _fault(row)
        if fault:
            report(f"{where}: {fault}")
        else:
            entries.append(_entry(where, row))
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
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = (
                error.msg if isinstance(error, json.JSONDecodeError) else "it nests too deeply or has absurd numbers"
            )
            report(f"{path}, line {number}: not valid JSON: {reason}")
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            report(f"{path}, line {number}: not a JSON object")


def _csv_rows(text: str, path: Path, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)  # spreadsheets of half the world write semicolons
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = reader.fieldnames or []
        if not {"image", "phrase"} <= set(names) <= set(FIELDS) or len(set(names)) < len(names):
            raise DataError(f"{path}, line 1: the header should be of {', '.join(FIELDS)}; image and phrase are needed")
        for row in reader:
            if None in row or None in row.values():
                report(f"{path}, line {reader.line_num}: it does not have the {len(names)} columns of the header")
                continue
            ids = (row.get("annotations") or "").split()
            yield reader.line_num, {**row, "annotations": [int(i) if _is_decimal(i) else i for i in ids]}
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.reader.line_num}: not a valid CSV file: {error}") from error


def _is_decimal(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit() and len(text) < 19


def _fault(row: dict[str, Any]) -> str:
    unknown = set(row) - set(FIELDS)
    if unknown:
        return f"unknown field {sorted(unknown)[0]!r}: there are {', '.join(FIELDS)}"
    for key, folder in (("image", "image"), ("mask", "data")):
        name = row.get(key) or ""
        if not isinstance(name, str) or (name and not safe_relative(name)) or (key == "image" and not name):
            return f"{key} {name!r} does not name a file below the {folder} folder"
    if not isinstance(row.get("split") or "", str):
        return f"split {row['split']!r} is not a name"
    for annotation in _as_list(row.get("annotations")):
        if not is_integer(annotation):
            return f"annotation {annotation!r} is not an id"
    if row.get("mask") and _as_list(row.get("annotations")):
        return "it has both annotations and a mask: give one"
    return phrase_fault(row.get("phrase"))


def _entry(where: str, row: dict[str, Any]) -> Entry:
    annotations = tuple(dict.fromkeys(_as_list(row.get("annotations"))))
    split = row.get("split") or DEFAULT_SPLIT
    return Entry(where, row["image"], row["phrase"], annotations, row.get("mask") or "", split)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
