"""Which image each expression is about, and the expressions of each image."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from asgn.data.types import Expression


@runtime_checkable
class _KnowsImages(Protocol):
    """Expressions that are costly to make, such as those of drawn scenes, but not their images' ids."""

    @property
    def image_of_each(self) -> Sequence[int]:
        """The image id of every expression, in their order."""


def image_of_each(expressions: Sequence[Expression]) -> Sequence[int]:
    """The image id of every expression, in their order; no expression is made for it."""
    if isinstance(expressions, _KnowsImages):
        return expressions.image_of_each
    return [expression.image_id for expression in expressions]


def image_ids(expressions: Sequence[Expression]) -> list[int]:
    """The ids of their images, each once, in the order in which they come first."""
    return list(dict.fromkeys(image_of_each(expressions)))


def by_image(expressions: Sequence[Expression], limit: int | None = None) -> list[list[Expression]]:
    """The expressions of each image, in their order; at most `limit` images, spread evenly."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, image_id in enumerate(image_of_each(expressions)):
        places[image_id].append(place)
    groups = list(places.values())
    if limit is not None and limit < len(groups):
        groups = [groups[index * len(groups) // limit] for index in range(limit)]
    return [[expressions[place] for place in group] for group in groups]


def by_referent(expressions: Iterable[Expression]) -> dict[int, dict[tuple[int, ...], Expression]]:
    """The first expression of each referent, the annotations that it means, of each image."""
    found: dict[int, dict[tuple[int, ...], Expression]] = {}
    for expression in expressions:
        found.setdefault(expression.image_id, {}).setdefault(expression.annotation_ids, expression)
    return found
