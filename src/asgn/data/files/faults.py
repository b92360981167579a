"""What a reader does with a fault: stop at once when a set is opened, collect them all when it is verified."""

from collections.abc import Callable

from asgn.errors import DataError

Report = Callable[[str], None]
"""Takes the one-line description of a fault; a reader skips the entry when this returns."""


def stop(fault: str) -> None:
    """Raise DataError for the fault."""
    raise DataError(fault)


def phrase_fault(text: object) -> str:
    """What is wrong with an expression's text; nothing for a usable one."""
    if not isinstance(text, str):
        return f"the phrase {text!r} is not text"
    if not text.strip():
        return "the phrase is empty"
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return f"the phrase {text!r} holds characters that are no text"
    return ""
