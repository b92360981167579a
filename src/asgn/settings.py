"""Settings as dataclass fields: each with its default, documentation and the values that it takes, in one place."""

import math
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any, Literal, get_args, get_origin

from asgn.errors import UserError


@dataclass(frozen=True)
class Limits:
    """The numbers that a setting takes."""

    minimum: float
    maximum: float
    includes_maximum: bool = True
    multiple_of: int = 1

    def hold(self, value: float) -> bool:
        """Whether `value` is one of them; nan never is."""
        is_below = value <= self.maximum if self.includes_maximum else value < self.maximum
        return is_below and value >= self.minimum and (self.multiple_of == 1 or value % self.multiple_of == 0)

    def __str__(self) -> str:
        return f"from {self.minimum:.15g} to {'' if self.includes_maximum else 'below '}{self.maximum:.15g}"


def setting(
    default: Any,
    text: str,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    *,
    below: float | None = None,
    multiple_of: int = 1,
    is_option: bool = True,
) -> Any:
    """A dataclass field with its documentation and limits; `below` is a maximum that is itself left out."""
    limits = Limits(minimum, maximum if below is None else below, below is None, multiple_of)
    return field(default=default, metadata={"help": text, "limits": limits, "is_option": is_option})


@dataclass(frozen=True)
class Settings:
    """A class of settings, which refuses values outside their limits with a UserError."""

    def __post_init__(self) -> None:
        for item in fields(self):
            check(item, getattr(self, item.name), item.name)

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)

    def changed(self) -> dict[str, Any]:
        """The fields that differ from their default."""
        return {item.name: value for item in fields(self) if (value := getattr(self, item.name)) != item.default}


def check(item: Field[Any], value: Any, shown: str) -> None:
    """Refuse what a field cannot be.

    Args:
        item: a field made by `setting`.
        value: what it is to hold.
        shown: the name of the setting, as whoever gave the value knows it.

    Raises:
        UserError: the value is of another type, not one of the choices or outside the limits.
    """
    kinds = get_args(item.type) if type(None) in get_args(item.type) else (item.type,)
    if value is None and type(None) in kinds:
        return
    (kind,) = (kind for kind in kinds if kind is not type(None))
    limits = item.metadata["limits"]
    if get_origin(kind) is Literal:
        is_right, wanted = value in get_args(kind), f"one of {', '.join(map(str, get_args(kind)))}"
    elif kind in (int, float):
        is_number = isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)
        is_right = is_number and limits.hold(value)
        step = limits.multiple_of
        name = f"a multiple of {step}" if step > 1 else "a whole number" if kind is int else "a number"
        wanted = f"{name} {limits}"
    else:
        is_right, wanted = isinstance(value, get_origin(kind) or kind), f"a {kind.__name__}"
    if not is_right:
        raise UserError(f"{shown} {value} cannot be used: give {wanted}")
