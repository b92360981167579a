"""File names for results: safe, each given once, and never over an image that was asked about."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path

from asgn.errors import OutputError

_MAX_BYTES = 80


class FileNames:
    """Gives every text a file name of its own, the same again for the same texts in the same order.

    Names hold lower-case letters, digits, `-` and `_` only, so they stay in their folder and do not collide
    where a file system ignores case.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = set(reserved)
        self._numbers: dict[str, int] = {}

    def take(self, text: str) -> str:
        """A name not taken before, numbered from -2 when texts come out alike."""
        plain = slug(text)
        name = plain
        while name in self._taken:
            self._numbers[plain] = self._numbers.get(plain, 1) + 1
            name = f"{plain}-{self._numbers[plain]}"
        self._taken.add(name)
        return name


def slug(text: str) -> str:
    """A text as a file name without suffix, of at most 80 bytes; letters of any script are kept."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())
    name = re.sub(r"\W+", "-", folded).strip("-_")
    return name.encode()[:_MAX_BYTES].decode(errors="ignore").strip("-_") or "unnamed"


def refuse_images(paths: Iterable[Path], images: Collection[Path]) -> None:
    """Raise OutputError if a result would be written over one of the images, whose paths are resolved."""
    for path in paths:
        if path.resolve() in images:
            raise OutputError(f"a result would be written over the image {path}: choose another folder with -o")
