"""Single arrays out of an NPZ archive of many, without keeping the file open or reading its directory again."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgn.errors import DataError

_LOCAL_HEADER = struct.Struct("<26xHH")  # 30 bytes, ending in the lengths of the name and of the extra field
_LARGEST_HEADER = 1 << 16


def npz_members(path: Path) -> dict[str, zipfile.ZipInfo]:
    """The arrays of an archive by name.

    Raises:
        DataError: it is missing or no NPZ.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot read {path}: {error}") from error


def read_member(path: Path, member: zipfile.ZipInfo, most_bytes: int) -> NDArray[Any]:
    """One array, pickled objects refused.

    Raises:
        DataError: it is damaged, of an unknown kind, or larger than `most_bytes`.
    """
    where = f"array {member.filename.removesuffix('.npy')!r} of {path}"
    if member.file_size > most_bytes + _LARGEST_HEADER:
        raise DataError(f"{where} has {member.file_size:,} bytes: too many for a mask of its image")
    try:
        values: NDArray[Any] = np.lib.format.read_array(io.BytesIO(_content(path, member)), allow_pickle=False)
    except (OSError, ValueError, EOFError, struct.error, zlib.error) as error:
        raise DataError(f"cannot read {where}: {error}") from error
    return values


def _content(path: Path, member: zipfile.ZipInfo) -> bytes:
    with path.open("rb") as file:
        file.seek(member.header_offset)
        name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        file.seek(name_length + extra_length, io.SEEK_CUR)
        data = file.read(member.compress_size)
    if member.compress_type == zipfile.ZIP_DEFLATED:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, member.file_size + 1)
    elif member.compress_type != zipfile.ZIP_STORED:
        raise ValueError("save it with numpy.savez_compressed")
    if len(data) != member.file_size or zlib.crc32(data) != member.CRC:
        raise ValueError("its checksum is wrong")
    return data
