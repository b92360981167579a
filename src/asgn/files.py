"""Writing files so that a reader never sees half of one, and file names that stay where they belong."""

import contextlib
import json
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asgn.errors import OutputError


def ensure_writable_folder(folder: Path) -> Path:
    """Create `folder` if needed and check that files can be made in it.

    Raises:
        OutputError: it cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"cannot write to folder {folder}: {error.strerror}; choose another one") from error
    return folder


def atomic_write(path: Path, write: Callable[[Path], object], keep_as: Path | None = None) -> None:
    """Let `write` fill a temporary file beside `path`, force it to disk, then rename it into place.

    What `path` held before goes to `keep_as` where that is given, and only once the new content is on disk: a process
    killed between the two renames leaves the old content there and no `path`.

    Raises:
        OutputError: the disk is full or the folder cannot be written to; `path` keeps its old content.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        if keep_as is not None and path.exists():
            os.replace(path, keep_as)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def atomic_folder(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary folder beside `path`, force its files to disk, then put it in place.

    Raises:
        OutputError: the disk is full or the folder cannot be written to; what is there stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        write(temporary)
        for each in temporary.iterdir():
            with each.open("rb+") as file:
                os.fsync(file.fileno())
        remove(path)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        remove(temporary)


def remove(path: Path) -> None:
    """Delete a file or a folder with all in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that killed processes left in a folder which only this process writes to."""
    for leftover in folder.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)


def atomic_write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 (see `atomic_write`).

    Lone surrogates, which stand for file names that are no UTF-8, become escapes, as JSON spells them.
    """
    atomic_write(path, lambda temporary: temporary.write_text(text, encoding="utf-8", errors="backslashreplace"))


def atomic_write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON (see `atomic_write`)."""
    atomic_write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _sync_folder(folder: Path) -> None:
    """A rename is durable only once the folder that holds it is; not every system allows syncing one."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_room(folder: Path, needed: int) -> None:
    """Check the disk before anything is written.

    Raises:
        OutputError: fewer than `needed` bytes are free where `folder` lies.
    """
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise OutputError(f"not enough room in {folder}: {needed / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free")


def safe_relative(name: str) -> bool:
    """Whether a file name stays below the folder it is joined to, on every system."""
    path = f"{name}/".replace("\\", "/")
    leaves = path.startswith(("/", "../")) or "/../" in path
    return not leaves and path.strip("./") != "" and ":" not in name and "\0" not in name


def as_spelled(path: Path) -> Path:
    """The path as its file's name is spelled on disk: systems differ in how they write "é", as one letter or as two.

    Raises:
        OSError: a folder on the way cannot be read.
    """
    if str(path).isascii() or path.exists() or path == path.parent:
        return path
    folder, name = as_spelled(path.parent), unicodedata.normalize("NFC", path.name)
    entries = folder.iterdir() if folder.is_dir() else ()
    return next((entry for entry in entries if unicodedata.normalize("NFC", entry.name) == name), folder / path.name)
