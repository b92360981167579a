"""Reading pickles of plain data, such as `refs(unc).p`, without running anything that they ask for."""

import io
import pickle
import pickletools
import re
import struct
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from asgn.data.files.collector import collector_paused
from asgn.data.files.json_file import read_bytes
from asgn.errors import DataError

MAX_BYTES = 1 << 30
"""Larger pickles are refused unread; the largest public one, G-Ref's, has about 60 MB."""

_NUMBER_TYPE = re.compile(r"[biuf][1248]")
_NEWLINE_PUT, _LONG_PUT, _SHORT_STRING, _UNICODE, _STOP = b"prUX."
_uint32 = struct.Struct("<I").unpack_from
_TWO_LINES = (b"i", b"c")
_PREFIX_BYTES = {-2: 1, -3: 4, -4: 4, -5: 8}  # pickletools' codes of length-prefixed arguments


def read_plain_pickle(path: Path) -> Any:
    """Read a pickle of plain containers, numbers and strings; Python 2 strings are taken as latin-1.

    Ordered dictionaries come as dictionaries, NumPy's numbers as Python's, its arrays as lists; none of their own code
    is run for it.

    Raises:
        DataError: the file is missing, too large, no pickle, damaged, or names any class or function.
    """
    return load_plain_pickle(read_bytes(path, MAX_BYTES), str(path))


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
        self._plain = _plain_globals()

    def find_class(self, module_name: str, global_name: str) -> Any:
        plain = self._plain.get((module_name, global_name))
        if plain is None:
            raise _ForbiddenGlobalError(f"{module_name}.{global_name}")
        return plain

    def persistent_load(self, pid: Any) -> NoReturn:
        raise _ForbiddenGlobalError("a persistent object")


def _plain_globals() -> dict[tuple[str, str], Any]:
    """What a pickle may name, each with what stands for it; made for each file again, which might change them."""

    class PlainType:
        """NumPy's dtype: a kind of number and its byte order."""

        def __init__(self, name: str = "", *options: Any) -> None:
            self.name, self.order = name, "<"

        def __setstate__(self, state: tuple[Any, ...]) -> None:
            self.order = state[1]

        def read(self, data: Any) -> NDArray[Any]:
            raw = data.encode("latin1") if isinstance(data, str) else bytes(data)
            if _NUMBER_TYPE.fullmatch(self.name) is None or self.order not in ("<", ">", "|", "="):
                raise ValueError(f"it holds an array of {self.name}, not of numbers")
            return np.frombuffer(raw, dtype=np.dtype(self.order.replace("|", "=") + self.name))

    class PlainArray(list[Any]):
        def __setstate__(self, state: tuple[Any, ...]) -> None:
            _, shape, kind, by_columns, data = state
            self[:] = kind.read(data).reshape(shape, order="F" if by_columns else "C").tolist()

    def scalar(kind: PlainType, data: Any) -> Any:
        return kind.read(data)[0].item()

    def from_buffer(data: Any, kind: PlainType, shape: tuple[int, ...], order: str) -> Any:
        return kind.read(data).reshape(shape, order="F" if order == "F" else "C").tolist()

    def reconstruct(*description: Any) -> PlainArray:
        return PlainArray()  # filled by its __setstate__

    def latin_1(text: str, encoding: str) -> bytes:
        return text.encode("latin1")

    def no_bytes() -> bytes:
        return b""

    plain: dict[tuple[str, str], Any] = {("_codecs", "encode"): latin_1, ("collections", "OrderedDict"): dict}
    for module in ("builtins", "__builtin__"):
        plain |= {(module, "set"): set, (module, "frozenset"): frozenset, (module, "bytes"): no_bytes}
    for package in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy._core.numeric"):
        plain |= {(package, "dtype"): PlainType, (package, "ndarray"): PlainArray, (package, "scalar"): scalar}
        plain |= {(package, "_reconstruct"): reconstruct, (package, "_frombuffer"): from_buffer}
    return plain


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
        if data[newline - 1 : newline] == b"\r":  # pickle itself escapes it
            raise ValueError("its line ends were changed on the way, copy it as a binary file")
        if opcode == _NEWLINE_PUT and int(data[position + 1 : newline]) > len(data):
            raise ValueError("memo index out of range")
        position = newline + 1
    return position
