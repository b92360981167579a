"""Reading pickles of plain data, such as `refs(unc).p`, without running anything that they ask for."""

import io
import pickle
import pickletools
import struct
from pathlib import Path
from typing import Any, NoReturn

from asgn.data.files.collector import collector_paused
from asgn.errors import DataError

MAX_BYTES = 1 << 30
"""Larger pickles are refused unread; the largest public one, G-Ref's, has about 60 MB."""

_PLAIN = {(module, name) for module in ("builtins", "__builtin__") for name in ("set", "frozenset")}
_NEWLINE_PUT, _LONG_PUT, _SHORT_STRING, _UNICODE, _STOP = b"prUX."
_uint32 = struct.Struct("<I").unpack_from
_TWO_LINES = (b"i", b"c")
_PREFIX_BYTES = {-2: 1, -3: 4, -4: 4, -5: 8}  # pickletools' codes of length-prefixed arguments


def read_plain_pickle(path: Path) -> Any:
    """Read a pickle of builtin containers, numbers and strings; Python 2 strings are taken as latin-1.

    Raises:
        DataError: the file is missing, too large, no pickle, damaged, or names any class or function.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path} has {size:,} bytes: more than any known annotation file")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    return load_plain_pickle(data, str(path))


def load_plain_pickle(data: bytes, where: str) -> Any:
    """`read_plain_pickle` of bytes at hand; `where` names them in errors.

    Raises:
        DataError: as `read_plain_pickle`.
    """
    if not data:
        raise DataError(f"{where} is empty (0 bytes)")
    try:
        _check_opcodes(data)
        with collector_paused():
            return _PlainUnpickler(data).load()
    except _ForbiddenGlobalError as error:
        raise DataError(f"{where} asks for {error}, which annotations never need: do not trust this file") from error
    except Exception as error:  # garbage makes the unpickler fail in any way
        raise DataError(f"{where} is not a readable pickle: {' '.join(str(error).split())}") from error


class _ForbiddenGlobalError(Exception):
    pass


class _PlainUnpickler(pickle.Unpickler):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")

    def find_class(self, module_name: str, global_name: str) -> Any:
        if (module_name, global_name) in _PLAIN:
            return super().find_class(module_name, global_name)
        raise _ForbiddenGlobalError(f"{module_name}.{global_name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise _ForbiddenGlobalError("a persistent object")


def _fixed_lengths() -> list[int]:
    """Bytes of each opcode with its argument; 0 where the argument says its own length, or no such opcode."""
    lengths = [0] * 256
    for opcode in pickletools.opcodes:
        argument = 0 if opcode.arg is None else opcode.arg.n
        if argument >= 0:
            lengths[ord(opcode.code)] = 1 + argument
    lengths[_LONG_PUT] = lengths[_STOP] = 0  # looked at one by one
    return lengths


_LENGTHS = _fixed_lengths()
_VARIABLE = {
    ord(opcode.code): opcode.arg.n for opcode in pickletools.opcodes if opcode.arg is not None and opcode.arg.n < 0
}


def _check_opcodes(data: bytes) -> None:
    """Walk the opcodes and refuse a memo index that the data cannot have reached.

    CPython's unpickler grows its memo to twice any index it reads: one flipped byte in a file could otherwise
    ask for tens of gigabytes.
    """
    lengths, position, most = _LENGTHS, 0, len(data) >> 16
    try:
        while True:
            opcode = data[position]
            if length := lengths[opcode]:
                position += length
            elif opcode == _LONG_PUT:
                if data[position + 3] | data[position + 4] << 8 > most:
                    raise ValueError("memo index out of range")
                position += 5
            elif opcode == _SHORT_STRING:
                position += 2 + data[position + 1]
            elif opcode == _UNICODE:
                position += 5 + _uint32(data, position + 1)[0]
            elif opcode == _STOP:
                return
            else:
                position = _after_variable(data, position)
    except (IndexError, struct.error):
        raise ValueError("it is cut off before its end") from None


def _after_variable(data: bytes, position: int) -> int:
    """The position behind an opcode whose argument says its own length."""
    opcode = data[position]
    kind = _VARIABLE.get(opcode)
    if kind is None:
        raise ValueError(f"no opcode {bytes([opcode])!r} at byte {position}")
    if kind in _PREFIX_BYTES:
        start = position + 1 + _PREFIX_BYTES[kind]
        return start + int.from_bytes(data[position + 1 : start], "little")
    for _ in range(2 if bytes([opcode]) in _TWO_LINES else 1):
        newline = data.index(b"\n", position)
        if opcode == _NEWLINE_PUT and int(data[position + 1 : newline]) > len(data):
            raise ValueError("memo index out of range")
        position = newline + 1
    return position
