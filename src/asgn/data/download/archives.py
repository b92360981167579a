"""Unpacking archives from anywhere, without trusting the names and sizes in them."""

import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from asgn.errors import DataError, OutputError
from asgn.files import check_room, safe_relative

_CHUNK = 1 << 20


def is_archive(path: Path) -> bool:
    """Whether a file name is that of an archive that `unpack` takes."""
    return path.name.endswith((".zip", ".tar.gz", ".tgz", ".tar"))


def unpack(archive: Path, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Unpack a zip or tar file into `folder`, all or nothing: files appear there once every one has been read.

    Args:
        archive: the file.
        folder: created if needed; files of the same names are replaced.
        progress: takes bytes written and bytes in all.

    Raises:
        DataError: it is damaged, or a member would leave the folder or is neither file nor folder.
        OutputError: there is no room for it, or the folder cannot be written to.
    """
    staging = folder / f".{archive.name}.{os.getpid()}.unpacking"
    try:
        staging.mkdir(parents=True, exist_ok=True)
        with _members(archive) as members:
            total = sum(member.size for member in members)
            check_room(folder, total)
            done = 0
            for member in members:
                for written in _write(member, staging / member.name):
                    done += written
                    progress(done, total)
        move_into(staging, folder)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{archive} is damaged or no archive: {error}") from error
    except OSError as error:
        raise OutputError(f"cannot unpack {archive} into {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def move_into(source: Path, folder: Path) -> None:
    """Move everything in `source` into `folder`, merging folders and replacing files."""
    for entry in sorted(source.iterdir()):
        target = folder / entry.name
        if entry.is_dir() and target.is_dir():
            move_into(entry, target)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            os.replace(entry, target)


class _Member(NamedTuple):
    name: str
    size: int
    open: Callable[[], IO[bytes]]


def _write(member: _Member, target: Path) -> Iterator[int]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as source, target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            file.write(chunk)
            yield len(chunk)


@contextmanager
def _members(archive: Path) -> Iterator[list[_Member]]:
    """The files in an archive, all of them checked."""
    if archive.name.endswith(".zip"):
        with zipfile.ZipFile(archive) as zipped:
            yield [
                _Member(info.filename, info.file_size, partial(zipped.open, info))
                for info in zipped.infolist()
                if _is_file(archive, info.filename, _zip_kind(info), info.is_dir())
            ]
    else:
        with tarfile.open(archive) as tarred:
            yield [
                _Member(info.name, info.size, partial(_extract, tarred, info))
                for info in tarred
                if _is_file(archive, info.name, info.isreg() or info.isdir(), info.isdir())
            ]


def _zip_kind(info: zipfile.ZipInfo) -> bool:
    return stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)


def _extract(tarred: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = tarred.extractfile(info)
    if file is None:
        raise tarfile.ExtractError(f"{info.name} cannot be read")
    return file


def _is_file(archive: Path, name: str, is_plain: bool, is_folder: bool) -> bool:
    if not is_plain:
        raise DataError(f"{archive} holds {name!r}, which is neither file nor folder: do not trust this archive")
    if name.strip("./") and not safe_relative(name):
        raise DataError(f"{archive} holds {name!r}, which would be put outside its folder: do not trust this archive")
    return not is_folder
