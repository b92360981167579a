"""What a reader does with a fault: stop at once when a data set is opened, collect them all when it is verified."""

from collections.abc import Callable

from asgn.errors import DataError

Report = Callable[[str], None]
"""Takes the one-line description of a fault; a reader skips the entry when this returns."""


def stop(fault: str) -> None:
    """Raise DataError for the fault."""
    raise DataError(fault)
