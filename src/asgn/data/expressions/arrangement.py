"""Which objects of an image a description means: sets of objects with doubt, and orders that are clear.

A `Selection` holds the objects surely meant and those possibly meant as bit sets (bit i stands for object i), so
that combining judgements is Kleene's three-valued logic on two integers. A phrase is used only when its
selection has no doubt left.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from asgn.data.expressions import predicates
from asgn.data.expressions.predicates import Answer, SceneObject


class Selection(NamedTuple):
    """The objects that a description surely means, and those that it may mean (a superset), as bit sets."""

    sure: int
    possible: int

    def both(self, other: "Selection") -> "Selection":
        """The objects that both descriptions mean."""
        return Selection(self.sure & other.sure, self.possible & other.possible)

    @property
    def is_certain(self) -> bool:
        """No object is doubtful."""
        return self.sure == self.possible

    @property
    def is_single(self) -> bool:
        """Surely one object and no other."""
        return self.sure == self.possible and self.sure.bit_count() == 1


def indices(members: int) -> list[int]:
    """The object indices of a bit set, in increasing order."""
    return [index for index in range(members.bit_length()) if members >> index & 1]


def bit_set(members: Iterable[int]) -> int:
    """The bit set of some object indices."""
    return sum(1 << index for index in members)


class Arrangement:
    """The objects of one image, and the judgements over them, each made once."""

    def __init__(self, objects: Sequence[SceneObject]) -> None:
        self.objects = tuple(objects)
        self.things = bit_set(index for index, item in enumerate(objects) if not item.is_stuff)
        self.stuff = bit_set(index for index, item in enumerate(objects) if item.is_stuff)
        self.referable = bit_set(index for index, item in enumerate(objects) if item.referable)
        self._judged: dict[tuple[str | int, ...], Selection] = {}

    def _judge(self, key: tuple[str | int, ...], judgement: Callable[[SceneObject], Answer]) -> Selection:
        known = self._judged.get(key)
        if known is None:
            sure = possible = 0
            for index, item in enumerate(self.objects):
                answer = judgement(item)
                if answer is not False:
                    possible |= 1 << index
                    sure |= bool(answer) << index
            known = self._judged[key] = Selection(sure, possible)
        return known

    def category(self, name: str) -> Selection:
        """Objects called `name`."""
        return self._judge(("category", name), lambda item: predicates.is_called(item, name))

    def colour(self, colour: str) -> Selection:
        """Objects of the colour."""
        return self._judge(("colour", colour), lambda item: predicates.has_colour(item, colour))

    def half(self, side: str) -> Selection:
        """Objects in the half of the image towards a side."""
        return self._judge(("half", side), lambda item: predicates.is_in_half(item, side))

    def corner(self, vertical: str, horizontal: str) -> Selection:
        """Objects in a corner of the image."""
        return self._judge(
            ("corner", vertical, horizontal), lambda item: predicates.is_in_corner(item, vertical, horizontal)
        )

    def middle(self) -> Selection:
        """Objects in the middle of the image."""
        return self._judge(("middle",), predicates.is_in_middle)

    def edge(self, side: str) -> Selection:
        """Objects that an edge of the image cuts off."""
        return self._judge(("edge", side), lambda item: predicates.is_at_edge(item, side))

    def far(self, side: str) -> Selection:
        """Objects far to a side."""
        return self._judge(("far", side), lambda item: predicates.is_far_aside(item, side))

    def filling(self) -> Selection:
        """Objects that take up much of the image."""
        return self._judge(("filling",), predicates.fills_image)

    def related(self, relation: str, anchor: int) -> Selection:
        """Objects other than the anchor (an index) that stand in `relation` to it."""
        other = self.objects[anchor]
        return self._judge(
            ("related", relation, anchor),
            lambda item: item is not other and predicates.is_related(item, relation, other),
        )

    def owner(self, thing: int) -> Selection:
        """Objects whose belonging a thing (an index) is."""
        other = self.objects[thing]
        return self._judge(
            ("owner", thing), lambda item: False if item is other else predicates.owns(item, other)
        )

    def between(self, first: int, second: int) -> Selection:
        """Objects between two others (indices)."""
        ends = self.objects[first], self.objects[second]
        return self._judge(
            ("between", first, second),
            lambda item: not any(item is end for end in ends) and predicates.is_between(item, *ends),
        )

    def ranked(self, selection: Selection, side: str) -> list[int]:
        """The first objects counted from a side, as many as are surely meant and clearly before all later ones."""
        order = sorted(indices(selection.possible), key=lambda index: predicates.span(self.objects[index], side)[0])
        return self._clear_prefix(
            order, selection, lambda first, second: predicates.is_clearly_before(first, second, side)
        )

    def by_size(self, selection: Selection, *, largest: bool) -> list[int]:
        """Objects from the largest (or smallest) on, as many as are surely meant and clearly ordered."""
        order = sorted(indices(selection.possible), key=lambda index: self.objects[index].size, reverse=largest)
        return self._clear_prefix(
            order,
            selection,
            lambda first, second: predicates.is_clearly_bigger(*((first, second) if largest else (second, first))),
        )

    def nearest(self, selection: Selection, anchor: int) -> list[int]:
        """The selected object closest to the anchor if it is surely meant and clearly the closest, else nothing."""
        other = self.objects[anchor]
        order = sorted(
            indices(selection.possible & ~(1 << anchor)), key=lambda index: _distance(self.objects[index], other)
        )
        return self._clear_prefix(
            order,
            selection,
            lambda first, second: (
                _distance(second, other) >= 1.4 * _distance(first, other) + 0.03
                and predicates.box_gap(second, other) >= predicates.box_gap(first, other) + 0.05
            ),
        )[:1]

    def _clear_prefix(
        self, order: list[int], selection: Selection, is_before: Callable[[SceneObject, SceneObject], bool]
    ) -> list[int]:
        """The longest start of `order` whose members are surely meant and clearly before everything after them."""
        prefix: list[int] = []
        for position, index in enumerate(order):
            later = order[position + 1 :]
            if not selection.sure >> index & 1:
                break
            if not all(is_before(self.objects[index], self.objects[other]) for other in later):
                break
            prefix.append(index)
        return prefix

    def size_groups(self, selection: Selection) -> tuple[int, int] | None:
        """The small ones and the big ones, where one wide gap parts their sizes and no other comes near it."""
        if not selection.is_certain or selection.sure.bit_count() < 2:
            return None
        order = sorted(indices(selection.sure), key=lambda index: self.objects[index].size)
        sizes = [self.objects[index].size for index in order]
        ratios = [larger / smaller for smaller, larger in pairwise(sizes)]
        cut = max(range(len(ratios)), key=lambda index: ratios[index])
        if ratios[cut] < 1.45 or any(ratio > 1.25 for index, ratio in enumerate(ratios) if index != cut):
            return None
        small = bit_set(order[: cut + 1])
        return small, selection.sure & ~small


def _distance(first: SceneObject, second: SceneObject) -> float:
    return math.hypot(first.x - second.x, first.y - second.y)
