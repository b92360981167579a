"""Reading JSON that somebody else wrote."""

import json
from pathlib import Path
from typing import Any

from asgn.errors import DataError

MAX_BYTES = 4 << 30
"""Larger files are refused unread; the largest public one, COCO's panoptic train set, has under 1 GB."""


def read_bytes(path: Path) -> bytes:
    """The content of an annotation file.

    Raises:
        DataError: it is missing, a folder, empty, above `MAX_BYTES`, or cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path} has {size:,} bytes: more than any known annotation file")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"no file {path}: check the data folder, or fetch it with `asgn data fetch`") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    if not data:
        raise DataError(f"{path} is empty (0 bytes)")
    return data


def read_json(path: Path) -> Any:
    """The value in a JSON file; a byte-order mark is skipped.

    Raises:
        DataError: as `read_bytes`, or it is not JSON.
    """
    return parse_json(read_bytes(path), str(path))


def parse_json(data: bytes | str, where: str) -> Any:
    """The value of JSON text at hand; `where` names it in errors.

    Raises:
        DataError: it is not UTF-8 or not JSON.
    """
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        return json.loads(text)
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is not UTF-8 text (byte {error.start})") from error
    except RecursionError as error:
        raise DataError(f"{where} nests too deeply") from error
    except ValueError as error:
        raise DataError(f"{where} is not valid JSON: {error}") from error


def is_integer(value: object) -> bool:
    """Whether a JSON value is an integer that a 64-bit id can be; true and false are not."""
    return type(value) is int and -(2**63) <= value < 2**63
