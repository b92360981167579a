"""What a sheet's run has answered so far, on disk so that a killed run goes on with nothing lost or doubled.

Each process appends to a part of its own, one line of JSON for each group of rows, forced to disk before the next group
is begun. A line is whole or it does not count: one torn by a kill or a full disk is cut off before the run goes on.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from asgn.errors import OutputError

if sys.platform != "win32":
    import fcntl


class FolderLock:
    """Keeps a second run out of a folder, also while workers of a killed one still live; it goes with the process.

    Raises:
        OutputError: another run is writing to the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = (folder / "lock").open("a")

    def __enter__(self) -> "FolderLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def take_alone(self) -> None:
        """For the main process, before it touches anything."""
        self._take(alone=True)

    def share(self) -> None:
        """For every process of a run, once the main one has prepared the folder."""
        self._take(alone=False)

    def _take(self, alone: bool) -> None:
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self._file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(
                f"another run is writing to {self._folder.parent}: wait for it, or choose another -o"
            ) from error


class JournalWriter:
    """Appends to one process's part; use it as a context manager.

    Raises:
        OutputError: the part cannot be opened or the disk is full.
    """

    def __init__(self, folder: Path, process: int) -> None:
        self._path = folder / f"part-{process:05d}.jsonl"
        try:
            self._file = self._path.open("ab")
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from error

    def __enter__(self) -> "JournalWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, group: int, record: Mapping[str, Any]) -> None:
        """Write down that a group is answered."""
        line = json.dumps({"group": group, **record}, ensure_ascii=False, separators=(",", ":"))
        try:
            self._file.write(line.encode(errors="backslashreplace") + b"\n")  # paths may be no UTF-8
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(
                f"cannot write {self._path}: {error.strerror}; mend that and repeat the command to go on"
            ) from error


def repair(folder: Path) -> None:
    """Cut off the torn last line of every part; only one process may do so, before any of them writes."""
    for path in _parts(folder):
        with path.open("rb+") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                file.truncate(whole)
                os.fsync(file.fileno())


def read_places(folder: Path) -> dict[int, tuple[Path, int]]:
    """The part, and the offset in it, of every answered group.

    Raises:
        OutputError: a part is damaged.
    """
    places: dict[int, tuple[Path, int]] = {}
    for path in _parts(folder):
        offset = 0
        with path.open("rb") as file:
            for line in file:
                places.setdefault(_parsed(line, path)["group"], (path, offset))
                offset += len(line)
    return places


def read_records(places: Mapping[int, tuple[Path, int]]) -> Iterator[dict[str, Any]]:
    """The records of all answered groups, by their numbers, one in memory at a time."""
    files = {path: path.open("rb") for path in {path for path, _ in places.values()}}
    try:
        for group in sorted(places):
            path, offset = places[group]
            files[path].seek(offset)
            yield _parsed(files[path].readline(), path)
    finally:
        for file in files.values():
            file.close()


def _parts(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("part-*.jsonl"))


def _parsed(line: bytes, path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(line)
        record["group"] = int(record["group"])
    except (ValueError, TypeError, KeyError) as error:
        raise OutputError(f"{path} is damaged: delete {path.parent} to begin the sheet again") from error
    return record
