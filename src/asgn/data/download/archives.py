"""Unpacking archives from anywhere, without trusting the names and sizes in them."""

import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asgn.errors import DataError, OutputError
from asgn.files import check_room, safe_relative
from asgn.progress import Progress, silent


def is_archive(path: Path) -> bool:
    """Whether a file name is that of an archive that `unpack` takes."""
    return path.name.endswith((".zip", ".tar.gz", ".tgz", ".tar"))


def unpack(archive: Path, folder: Path, progress: Progress = silent) -> None:
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
        with _members(archive) as (members, extract):
            total = sum(size for _, size in members)
            check_room(folder, total)
            done = 0
            for member, size in members:
                extract(member, staging)
                done += size
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


_Extract = Callable[[Any, Path], object]


@contextmanager
def _members(archive: Path) -> Iterator[tuple[list[tuple[Any, int]], _Extract]]:
    """The files in an archive with their sizes, all of them checked, and what extracts one of them into a folder."""
    if archive.name.endswith(".zip"):
        with zipfile.ZipFile(archive) as zipped:
            kinds = (0, stat.S_IFREG, stat.S_IFDIR)
            for info in zipped.infolist():
                _check(archive, info.filename, stat.S_IFMT(info.external_attr >> 16) in kinds)
            yield [(info, info.file_size) for info in zipped.infolist() if not info.is_dir()], zipped.extract
    else:
        with tarfile.open(archive) as tarred:
            tarred.extraction_filter = tarfile.data_filter
            for member in tarred:
                _check(archive, member.name, member.isreg() or member.isdir())
            yield [(member, member.size) for member in tarred if member.isreg()], tarred.extract


def _check(archive: Path, name: str, is_plain: bool) -> None:
    if not is_plain:
        raise DataError(f"{archive} holds {name!r}, which is neither file nor folder: do not trust this archive")
    if name.strip("./") and not safe_relative(name):
        raise DataError(f"{archive} holds {name!r}, which would be put outside its folder: do not trust this archive")
