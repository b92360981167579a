"""Reading JSON that somebody else wrote."""

import json
import re
from pathlib import Path
from typing import Any

from asgn.errors import DataError

MAX_BYTES = 4 << 30
"""Larger files are refused unread; the largest public one, COCO's panoptic train set, has under 1 GB."""

_EXACT = 2**53  # larger floats skip whole numbers
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}(\.0*)?")


def read_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The content of an annotation file.

    Raises:
        DataError: it is missing, a folder, empty, above `max_bytes`, or cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
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


def parse_json(data: bytes | str, where: str, *, unique: bool = False) -> Any:
    """The value of JSON text at hand; `where` names it in errors.

    Of a key that is there twice the last value counts, unless keys must be `unique`.

    Raises:
        DataError: it is not UTF-8 or not JSON, or a key is there twice.
    """
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        return json.loads(text, object_pairs_hook=unique_keys if unique else None)
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is not UTF-8 text (byte {error.start})") from error
    except RecursionError as error:
        raise DataError(f"{where} nests too deeply") from error
    except ValueError as error:
        raise DataError(f"{where} is not valid JSON: {error}") from error


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object of these pairs. Raises JSONDecodeError where a key comes twice: one value would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise json.JSONDecodeError(f"the key {twice!r} is there twice", "", 0)
    return found


def whole_number(value: object) -> int | None:
    """The id or size that a value stands for: 62, 62.0, "62" and "62.0" are 62.

    None for anything else: true and false, null, fractions, and what 64 bits do not hold.
    """
    if type(value) is int:
        number = value
    elif isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        number = int(value)
    elif isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        number = int(value.partition(".")[0])
    else:
        return None
    return number if -(2**63) <= number < 2**63 else None


def flag(value: object) -> bool | None:
    """What a value says of yes or no: true, 1, 1.0, "1" and "true" are yes; None where it is neither."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    number = whole_number(value)
    return bool(number) if number in (0, 1) else None
