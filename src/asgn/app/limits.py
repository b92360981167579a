"""What one server takes on, and how it says no."""

from dataclasses import dataclass

from asgn.errors import UserError

MIB = 2**20


class RefusalError(UserError):
    """A request that is not served; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """Bounds that keep a server of many users small and prompt."""

    file_bytes: int = 20 * MIB
    """Of one picture file."""
    pixels: int = 24_000_000
    """Of one picture; checked in its header, before any pixel is decoded."""
    phrases: int = 16
    """Of one request."""
    phrase_characters: int = 300
    """Of one phrase."""
    waiting: int = 64
    """Requests that wait for the model; more are told to come again."""
    picture_bytes: int = 512 * MIB
    """Memory for the features of pictures asked about last."""
    answer_bytes: int = 128 * MIB
    """Memory for the answers that the page shows and offers for download."""

    @property
    def too_many_bytes(self) -> str:
        """What is said of a file beyond `file_bytes`."""
        return f"the picture is too large: at most {self.file_bytes / MIB:g} MB; make it smaller first"


def check_plain_name(name: str) -> None:
    """Refuse a client's file name that could lead out of a folder; no file is ever called after it all the same.

    Raises:
        RefusalError: 400, with the name.
    """
    path_like = any(mark in name for mark in "/\\:") or name in (".", "..")
    if path_like or len(name) > 255 or not name.isprintable():
        raise RefusalError(400, f"the file name {name[:80]!r} looks like a path: send a plain name such as photo.jpg")
