"""The JSON text of an instances file with its outlines left out, which stay in the file until they are asked for."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asgn.data.files.json_file import parse_json, read_bytes
from asgn.errors import DataError

_KEY = b'"segmentation"'  # a JSON string cannot hold this unescaped, so it is found as a key (or a harmless value)
_COLON = re.compile(rb"\s*:\s*")
_OBJECT = re.compile(rb'\{(?:[^{}"]|"(?:[^"\\]|\\.)*+")*+\}')


def parse_without_outlines(path: Path) -> Any:
    """The document with each segmentation replaced by its [start, end] in bytes of the file.

    Outlines are nine tenths of such a file, and a list of Python numbers takes five times its text.

    Raises:
        DataError: the file cannot be read, or is no JSON.
    """
    data = read_bytes(path)
    try:
        return parse_json(b"".join(_lean_pieces(data)), str(path))
    except DataError:
        parse_json(data, str(path))  # names the place of the fault in the file as it is
        raise DataError(f"{path}: a segmentation is neither a list of polygons nor a run-length code") from None


def _lean_pieces(data: bytes) -> Iterator[bytes]:
    """The text with outlines replaced by their [start, end]."""
    done = 0
    while (key := data.find(_KEY, done)) >= 0:
        colon = _COLON.match(data, key + len(_KEY))
        start = colon.end() if colon else key + len(_KEY)
        end = _end_of_outline(data, start) if colon else start
        yield data[done:start]
        if end > start:
            yield b"[%d,%d]" % (start, end)
        done = end
    yield data[done:]


def _end_of_outline(data: bytes, start: int) -> int:
    """The position behind the list of numbers or the flat object at `start`; `start` itself for anything else."""
    opening = data[start : start + 1]
    if opening == b"{":
        match = _OBJECT.match(data, start)
        return match.end() if match else start
    if opening != b"[":
        return start
    quote = data.find(b'"', start)
    brace = data.find(b"}", start, quote if quote >= 0 else len(data))
    limit = brace if brace >= 0 else max(quote, start)
    return max(data.rfind(b"]", start, limit) + 1, start) if data.find(b"{", start, limit) < 0 else start
