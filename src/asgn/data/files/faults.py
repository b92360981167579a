"""What a reader does with a fault: stop at once when a set is opened, collect them all when it is verified."""

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from asgn.data.files.json_file import flag, whole_number
from asgn.errors import DataError

Report = Callable[[str], None]
"""Takes the one-line description of a fault; a reader skips the entry when this returns."""


class EntryError(Exception):
    """What is wrong with one entry; its reader says where and hands it to a `Report`."""


def stop(fault: str) -> None:
    """Raise DataError for the fault."""
    raise DataError(fault)


def number_of(entry: Mapping[str, Any], key: str) -> int:
    """The whole number that an entry has under `key` (see `whole_number`). Raises EntryError where there is none."""
    value = entry.get(key)
    number = whole_number(value)
    if number is None:
        raise EntryError(f"it has no integer {key}" if key not in entry else f"{key} {shown(value)} is no whole number")
    return number


def flag_of(entry: Mapping[str, Any], key: str, default: bool = False) -> bool:
    """The yes or no under `key`, the default where there is none or null. Raises EntryError for anything else."""
    value = entry.get(key)
    if value is None:
        return default
    answer = flag(value)
    if answer is None:
        raise EntryError(f"{key} {shown(value)} is neither 0 nor 1")
    return answer


def check_phrase(text: object) -> str:
    """An expression's text. Raises EntryError where it is not usable."""
    if not isinstance(text, str):
        raise EntryError(f"the phrase {shown(text)} is not text")
    if not text.strip():
        raise EntryError("the phrase is empty")
    if not is_text(text):
        raise EntryError(f"the phrase {text!r} holds characters that are no text")
    return text


def is_text(value: object) -> bool:
    """Whether a value is text that can be written: half a surrogate pair cannot."""
    if not isinstance(value, str):
        return False
    try:
        return value.isascii() or bool(value.encode("utf-8"))
    except UnicodeEncodeError:
        return False


class Splits:
    """The names of a file's splits; a name that differs from an earlier one by its case alone is taken for a slip."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._written: dict[str, str] = {}

    def check(self, name: object) -> str:
        """The name. Raises EntryError where it is no name, or an earlier one is written otherwise."""
        if isinstance(name, str) and name in self.names:
            return name
        if not isinstance(name, str) or not name.strip():
            raise EntryError(f"split {shown(name)} is no name")
        if name != name.strip():
            raise EntryError(f"split {name!r} has blanks around its name")
        earlier = self._written.setdefault(unicodedata.normalize("NFKC", name).casefold(), name)
        if earlier != name:
            raise EntryError(f"split {name!r} is written {earlier!r} elsewhere: write both alike")
        self.names.add(name)
        return name


def shown(value: object) -> str:
    """A faulty value in a message, cut where it is long."""
    try:
        text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    except ValueError:  # Python refuses to write numbers of thousands of digits
        return "of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."
