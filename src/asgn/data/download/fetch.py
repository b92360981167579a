"""Getting the public data sets: from their mirrors, or from copies that the user already has."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asgn.data.datasets import check_name
from asgn.data.download.archives import is_archive, unpack
from asgn.data.download.mirrors import DOWNLOADS, Download
from asgn.data.download.transfer import TIMEOUT, MirrorError, check_sum, download
from asgn.errors import DataError
from asgn.files import check_room, ensure_writable_folder
from asgn.progress import Progress, silent

_PARTIAL_FOLDER = ".downloads"
_SEARCH_DEPTH = 4


@dataclass(frozen=True)
class Fetched:
    """What became of one file."""

    name: str
    outcome: Literal["there", "fetched", "imported"]
    origin: str = ""
    """The mirror or the user's own copy that it came from."""
    sha256: str = ""
    checked: bool = False
    """Whether that sum was compared with a known one."""
    failures: tuple[str, ...] = ()
    """The mirrors that failed, each with its reason."""


def fetch(
    name: str,
    root: Path,
    *,
    source: Path | None = None,
    progress: Progress = silent,
    timeout: float = TIMEOUT,
    downloads: Mapping[str, tuple[Download, ...]] = DOWNLOADS,
) -> list[Fetched]:
    """Bring every file of a data set below `root`; what is there already is left alone.

    Args:
        name: of the data set.
        root: the data folder, created if needed.
        source: a folder or archive of the user's own to take the files from instead of the mirrors.
        progress: called with every chunk.
        timeout: seconds of silence after which a connection is given up.
        downloads: the table of files and mirrors.

    Raises:
        DataError: there is nothing to fetch for this name, a copy is faulty, or every mirror of a file failed; the
            message then says what to put where by hand.
        OutputError: the disk has no room, or `root` cannot be written to.
    """
    if check_name(name) not in downloads:
        raise DataError(f"data set {name!r} is not fetched: there are mirrors for {', '.join(downloads)}")
    ensure_writable_folder(root)
    if source is not None and not source.exists():
        raise DataError(f"nothing at {source}: give the folder or archive of your copy with --from")
    results = []
    for file in downloads[name]:
        if all((root / path).exists() for path in file.provides):
            results.append(Fetched(file.name, "there"))
        elif source is not None:
            results.append(_import(file, root, source, progress))
        else:
            results.append(_fetch(file, root, progress, timeout, name))
    return results


def _fetch(file: Download, root: Path, progress: Progress, timeout: float, name: str) -> Fetched:
    partial = ensure_writable_folder(root / _PARTIAL_FOLDER) / f"{file.name}.part"
    failures: list[str] = []
    urls = list(file.urls)
    while True:
        try:
            url, sha256, failed = download(
                file,
                partial,
                progress=lambda done, total, what="": progress(done, total, file.name),
                timeout=timeout,
                urls=urls,
            )
        except DataError as error:
            raise DataError(_by_hand(file, root, name, [*failures, str(error)])) from error
        failures += failed
        complete = partial.with_name(file.name)
        os.replace(partial, complete)
        try:
            _place(file, complete, root, progress)
        except DataError as error:  # without a known sum, only unpacking tells an error page from an archive
            complete.unlink(missing_ok=True)
            if file.checksum is not None:
                raise
            failures.append(f"{url}: {error}")
            urls = urls[urls.index(url) + 1 :]
            if not urls:
                raise DataError(_by_hand(file, root, name, failures)) from error
            continue
        complete.unlink(missing_ok=True)
        return Fetched(file.name, "fetched", url, sha256, file.checksum is not None, tuple(failures))


def _by_hand(file: Download, root: Path, name: str, failures: list[str]) -> str:
    tried = "; ".join(failures) if file.urls else "none has it"
    return (
        f"no mirror gave {file.name} ({tried}): get it by hand{f' ({file.page})' if file.page else ''}, put it in a "
        f"folder DIR, and run `asgn data fetch {name} --root {root} --from DIR`"
    )


def _place(file: Download, path: Path, root: Path, progress: Progress) -> None:
    """Unpack an archive, or put a plain file, where it belongs; check that it brought what it should."""
    folder = root / file.folder
    if is_archive(path):
        unpack(path, folder, lambda done, total, what="": progress(done, total, f"unpacking {file.name}"))
    else:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, folder / file.name)
    missing = [each for each in file.provides if not (root / each).exists()]
    if missing:
        raise DataError(f"{path} does not hold {', '.join(missing)}")


def _import(file: Download, root: Path, source: Path, progress: Progress) -> Fetched:
    """Take a file from the user's copy: the archive itself, or what it unpacks to."""
    archive = _find(source, Path(file.name), depth=_SEARCH_DEPTH if _is_unique(file) else 1)
    if archive is not None and archive.is_file():
        try:
            sha256 = check_sum(file, archive)
        except MirrorError as error:
            raise DataError(f"{archive} is not the published file: {error}") from error
        _place(file, archive, root, progress)
        return Fetched(file.name, "imported", str(archive), sha256, file.checksum is not None)
    found = {}
    for path in file.provides:
        place = _find(source, Path(path))
        if place is None and _is_unique(file):
            place = _find(source, Path(path).relative_to(file.folder))
        if place is None:
            raise DataError(f"{source} holds neither {file.name} nor {path}: put one of them there")
        found[path] = place
    for path, place in found.items():
        _copy(place, root / path)
    return Fetched(file.name, "imported", ", ".join(str(place) for place in found.values()))


def _is_unique(file: Download) -> bool:
    """Whether its name tells what it is: every set of the REFER layout has an `instances.json`."""
    return is_archive(Path(file.name)) or not file.folder


def _find(source: Path, name: Path, depth: int = _SEARCH_DEPTH) -> Path | None:
    """`name` in `source` or its subfolders, the shallowest first; or `source` itself, where it is called so."""
    if source.name == name.name and len(name.parts) == 1:
        return source
    if not source.is_dir():
        return None
    pattern = name.as_posix().replace("[", "[[]")
    for level in range(depth):
        found = sorted(source.glob("*/" * level + pattern))
        if found:
            return found[0]
    return None


def _copy(place: Path, target: Path) -> None:
    """Copy a file or folder without showing half of it; on one disk, files are linked, which takes no room."""
    staging = target.with_name(f".{target.name}.{os.getpid()}.copying")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if place.is_dir():
            shutil.copytree(place, staging, copy_function=_link_or_copy)
        else:
            _link_or_copy(str(place), str(staging))
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(staging, target)
    finally:
        if staging.is_dir():
            shutil.rmtree(staging, ignore_errors=True)
        else:
            staging.unlink(missing_ok=True)


def _link_or_copy(place: str, target: str) -> str:
    try:
        os.link(os.path.realpath(place), target)
    except OSError:
        check_room(Path(target).parent, os.path.getsize(place))
        shutil.copy2(place, target)
    return target
