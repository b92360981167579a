"""One file over HTTP: resumable, with a limit on silence, and checked against its known sum."""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from asgn import __version__
from asgn.data.download.mirrors import Download
from asgn.errors import DataError
from asgn.files import check_room
from asgn.progress import Progress, silent

TIMEOUT = 30.0
"""Seconds of silence after which a mirror is given up for this attempt."""

ATTEMPTS = 3
"""Connections to one mirror, each going on where the last broke off."""

_CHUNK = 1 << 16


class MirrorError(Exception):
    """This mirror did not give the file; another may."""


def download(
    file: Download,
    partial: Path,
    *,
    progress: Progress = silent,
    timeout: float = TIMEOUT,
    urls: Sequence[str] | None = None,
) -> tuple[str, str, list[str]]:
    """Fetch a file into `partial`, going on from what is already there.

    Args:
        file: what to fetch.
        partial: where to put it; kept when fetching is broken off, for the next time.
        progress: called with every chunk.
        timeout: seconds of silence after which a connection is given up.
        urls: in place of those of `file`.

    Returns:
        The URL that gave the file, its SHA-256, and a line about each mirror that failed before.

    Raises:
        DataError: every mirror failed; the message names each with its reason.
        OutputError: the disk has no room.
    """
    failures: list[str] = []
    for url in file.urls if urls is None else urls:
        try:
            return url, _fetch_whole(url, file, partial, progress, timeout), failures
        except MirrorError as error:
            failures.append(f"{url}: {error}")
            if file.checksum is None:
                partial.unlink(missing_ok=True)  # no sum could tell two mirrors' bytes apart
    raise DataError("; ".join(failures))


def _fetch_whole(url: str, file: Download, partial: Path, progress: Progress, timeout: float) -> str:
    """Fetch from one mirror and check the sum; what stays behind on failure is a sound beginning or nothing."""
    was_begun = partial.exists() and partial.stat().st_size > 0
    _fetch_from(url, file, partial, progress, timeout)
    try:
        return check_sum(file, partial)
    except MirrorError:
        partial.unlink()
        if not was_begun:
            raise
    _fetch_from(url, file, partial, progress, timeout)  # the beginning, by another mirror, may have been wrong
    try:
        return check_sum(file, partial)
    except MirrorError:
        partial.unlink()
        raise


def check_sum(file: Download, path: Path) -> str:
    """The SHA-256 of a file that has the sum it should.

    Raises:
        MirrorError: it has another.
    """
    kind, _, expected = (file.checksum or "sha256:").partition(":")
    sha256, known = hashlib.sha256(), hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            sha256.update(chunk)
            if kind != "sha256":
                known.update(chunk)
    found = sha256.hexdigest() if kind == "sha256" else known.hexdigest()
    if expected and found != expected:
        raise MirrorError(f"wrong bytes ({kind} {found[:12]}... instead of {expected[:12]}...)")
    return sha256.hexdigest()


def _fetch_from(url: str, file: Download, partial: Path, progress: Progress, timeout: float) -> None:
    """Fetch what is missing of `partial` from one mirror."""
    reason = ""
    for _ in range(ATTEMPTS):
        before = partial.stat().st_size if partial.exists() else 0
        try:
            _receive(url, file, partial, before, progress, timeout)
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and before:
                partial.unlink()
                continue
            raise MirrorError(f"HTTP {error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            reason = _reason(error)
            if not partial.exists() or partial.stat().st_size <= before:
                break  # nothing came: asking again would only wait again
    raise MirrorError(reason)


def _receive(url: str, file: Download, partial: Path, start: int, progress: Progress, timeout: float) -> None:
    if file.size is not None and start >= file.size:
        return
    request = urllib.request.Request(url, headers={"User-Agent": f"asgn/{__version__}"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    with urllib.request.urlopen(request, timeout=timeout) as response:
        if response.status != 206 or not str(response.headers.get("Content-Range", "")).startswith(f"bytes {start}-"):
            start = 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        if file.size is not None and total is not None and total != file.size:
            raise MirrorError(f"it has {total:,} bytes instead of {file.size:,}")
        check_room(partial.parent, (total or file.size or 0) - start)
        done = start
        with partial.open("ab" if start else "wb") as stream:
            while chunk := response.read(_CHUNK):
                stream.write(chunk)
                done += len(chunk)
                progress(done, total)
    if total is not None and done < total:
        raise ConnectionError(f"cut off after {done:,} of {total:,} bytes")


def _reason(error: Exception) -> str:
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    return " ".join(str(getattr(inner, "strerror", None) or inner).split()) or type(inner).__name__
