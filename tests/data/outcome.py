"""For fuzz tests: a call's result, or the line that a user would see."""

from collections.abc import Callable
from typing import Any

from asgn.errors import DataError


def outcome(call: Callable[..., Any], *arguments: Any) -> tuple[Any, str | None]:
    try:
        return call(*arguments), None
    except DataError as error:
        return None, str(error)
