"""What people say of photographs rather than drawings: places in fuller words, what is cut off, what fills the view."""

from collections.abc import Iterator, Sequence

from asgn.data.expressions import templates
from asgn.data.expressions.arrangement import Arrangement
from asgn.data.expressions.families import Meaning, NounPhrase, agrees_with_order
from asgn.data.expressions.predicates import CORNERS


def views(arrangement: Arrangement, heads: Sequence[NounPhrase]) -> Iterator[Meaning]:
    """All of these descriptions that single out one object."""
    for head in heads:
        if head.selection.is_single:
            yield Meaning(head.kind, head.selection.sure, "shown", head.forms)
        if head.kind != "size":
            yield from _big(arrangement, head)
        yield from _placed(arrangement, head)


def _big(arrangement: Arrangement, head: NounPhrase) -> Iterator[Meaning]:
    """By its share of the picture, with its place and without."""
    big = head.selection.both(arrangement.filling())
    if not big.is_single:
        return
    yield Meaning("size", big.sure, "big", head.forms)
    middle = head.selection.both(arrangement.middle())
    if middle == big and agrees_with_order(arrangement, head.selection, middle):
        yield Meaning("size", big.sure, "big in the middle", head.forms)
    for side in ("left", "right"):
        if head.selection.both(arrangement.half(side)) == big:
            yield Meaning("size", big.sure, "big aside", head.forms, words={"s": side})


def _placed(arrangement: Arrangement, head: NounPhrase) -> Iterator[Meaning]:
    middle = head.selection.both(arrangement.middle())
    if middle.is_single and agrees_with_order(arrangement, head.selection, middle):
        yield Meaning("position", middle.sure, "centered", head.forms)
    for side in ("left", "right"):
        places = {"aside": arrangement.half(side), "edge": arrangement.edge(side), "far": arrangement.far(side)}
        for key, place in places.items():
            chosen = head.selection.both(place)
            if chosen.is_single:
                yield Meaning("position", chosen.sure, key, head.forms, words={"s": side})
    for side in ("top", "bottom"):
        chosen = head.selection.both(arrangement.half(side))
        if chosen.is_single:
            words = {"s": side, "u": templates.UPPER[side]}
            yield Meaning("position", chosen.sure, "high or low", head.forms, words=words)
    for vertical, horizontal in CORNERS:
        chosen = head.selection.both(arrangement.corner(vertical, horizontal))
        if chosen.is_single:
            words = {"v": vertical, "w": templates.UPPER[vertical], "s": horizontal}
            yield Meaning("position", chosen.sure, "in a corner", head.forms, words=words)
