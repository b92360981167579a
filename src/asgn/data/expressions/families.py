"""The families of descriptions: each enumerates what one way of referring can single out in an arrangement."""

import random
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

from asgn.data.expressions import templates
from asgn.data.expressions.arrangement import Arrangement, Selection, indices
from asgn.data.expressions.colours import COLOURS
from asgn.data.expressions.nouns import Noun
from asgn.data.expressions.predicates import CORNERS, RELATIONS, SIDES
from asgn.data.expressions.templates import RELATION_WORDS, Forms

Kind = Literal["category", "colour", "size", "position", "ordinal", "relation", "plural", "stuff", "absent"]

Anchor = tuple[int, Forms]
"""The index of an object and a noun phrase that surely means it alone."""


class NounPhrase(NamedTuple):
    """A noun with its adjectives and the objects it fits. `is_redundant`: the last adjective changes nothing."""

    forms: Forms
    selection: Selection
    kind: Kind
    noun: str | None = None
    is_redundant: bool = False


class Meaning(NamedTuple):
    """A description (a key of the wordings and what fills it) with the set of objects that it means."""

    kind: Kind
    members: int
    key: str
    target: Forms
    anchors: tuple[Forms, ...] = ()
    words: Mapping[str, str] = MappingProxyType({})


def noun_phrases(arrangement: Arrangement, rng: random.Random, generic: Noun | None) -> list[NounPhrase]:
    """Noun phrases for the things of the arrangement, the shorter ones of a noun before the longer."""
    found = [arrangement.objects[index].noun for index in indices(arrangement.things)]
    nouns = {noun.name: noun for noun in found}
    heads: list[NounPhrase] = []
    for noun in nouns.values():
        base = NounPhrase(noun.forms, arrangement.category(noun.name), "category", noun.name)
        coloured = _coloured(arrangement, base, rng)
        heads += [base, *coloured]
        for head in (base, *coloured):
            heads += _sized(arrangement, head, rng)
    if generic is not None:
        every = NounPhrase(generic.forms, Selection(arrangement.things, arrangement.things), "category")
        heads += [every, *_coloured(arrangement, every, rng)]
    return heads


def _coloured(arrangement: Arrangement, base: NounPhrase, rng: random.Random) -> list[NounPhrase]:
    found = {arrangement.objects[index].colour for index in indices(base.selection.sure)}
    heads = []
    for colour in COLOURS:
        if colour in found:
            selection = base.selection.both(arrangement.colour(colour))
            forms = templates.with_adjective(colour, base.forms, rng)
            heads.append(NounPhrase(forms, selection, "colour", base.noun, selection == base.selection))
    return heads


def _sized(arrangement: Arrangement, base: NounPhrase, rng: random.Random) -> list[NounPhrase]:
    groups = arrangement.size_groups(base.selection)
    if groups is None:
        return []
    heads = []
    for adjective, group in zip(("small", "big"), groups, strict=True):
        forms = templates.with_adjective(adjective, base.forms, rng)
        heads.append(NounPhrase(forms, Selection(group, group), "size", base.noun, base.is_redundant))
    return heads


def plain(heads: Sequence[NounPhrase]) -> Iterator[Meaning]:
    """Noun phrases that single out one object as they are."""
    for head in heads:
        if head.selection.is_single:
            yield Meaning(head.kind, head.selection.sure, "plain", head.forms)


def sizes(arrangement: Arrangement, heads: Sequence[NounPhrase]) -> Iterator[Meaning]:
    """The largest and smallest, or the larger and smaller of two."""
    for head in heads:
        count = head.selection.possible.bit_count()
        if head.kind == "size" or count < 2 or (count == 2 and not head.selection.is_certain):
            continue
        for largest in (True, False):
            first = arrangement.by_size(head.selection, largest=largest)[:1]
            key = ("larger" if largest else "smaller") if count == 2 else ("largest" if largest else "smallest")
            for index in first:
                yield Meaning("size", 1 << index, key, head.forms)


def positions(arrangement: Arrangement, heads: Sequence[NounPhrase]) -> Iterator[Meaning]:
    """Where in the image: sides, corners, the middle, and the side-most of two."""
    for head in heads:
        for side in SIDES:
            chosen = head.selection.both(arrangement.half(side))
            if chosen.is_single:
                yield Meaning("position", chosen.sure, side, head.forms, words={"s": side})
            elif head.selection.is_certain and head.selection.sure.bit_count() == 2:
                yield from _side_of_two(arrangement, head, side)
        for vertical, horizontal in CORNERS:
            chosen = head.selection.both(arrangement.corner(vertical, horizontal))
            if chosen.is_single:
                words = {"v": vertical, "w": templates.UPPER[vertical], "s": horizontal}
                yield Meaning("position", chosen.sure, "corner", head.forms, words=words)
        chosen = head.selection.both(arrangement.middle())
        if chosen.is_single and agrees_with_order(arrangement, head.selection, chosen):
            yield Meaning("position", chosen.sure, "middle", head.forms)


def _side_of_two(arrangement: Arrangement, head: NounPhrase, side: str) -> Iterator[Meaning]:
    """The left one of two clearly ordered objects, wherever they are, unless it lies on the other side itself."""
    first = arrangement.ranked(head.selection, side)[:1]
    for index in first:
        if arrangement.half(side).possible >> index & 1:
            key = "left of two" if side in ("left", "right") else f"{side} of two"
            words = {"s": side, "u": templates.UPPER.get(side, side)}
            yield Meaning("position", 1 << index, key, head.forms, words=words)


def agrees_with_order(arrangement: Arrangement, selection: Selection, middle: Selection) -> bool:
    """Of three or five, the middle one is also the one with as many to its left as to its right."""
    order = sorted(indices(selection.possible), key=lambda index: arrangement.objects[index].x)
    return len(order) % 2 == 0 or middle.sure == 1 << order[len(order) // 2]


def orders(arrangement: Arrangement, heads: Sequence[NounPhrase]) -> Iterator[Meaning]:
    """The first, second, ... counted from a side."""
    for head in heads:
        count = head.selection.possible.bit_count()
        if count < 2:
            continue
        for side in SIDES:
            ranked = arrangement.ranked(head.selection, side)
            if ranked and arrangement.half(side).possible >> ranked[0] & 1:
                key = f"first from {'left' if side in ('left', 'right') else side}"
                yield Meaning("ordinal", 1 << ranked[0], key, head.forms, words={"s": side})
            for place in range(1, min(len(ranked), count - 1, len(templates.ORDINALS))):
                words = {"o": templates.ORDINALS[place], "d": templates.NUMERALS[place], "s": side}
                is_everything = head.kind == "category" and head.selection.sure == arrangement.things
                for key in ("ordinal", "bare ordinal") if is_everything else ("ordinal",):
                    yield Meaning("ordinal", 1 << ranked[place], key, head.forms, words=words)


def relations(arrangement: Arrangement, heads: Sequence[NounPhrase], anchors: Sequence[Anchor]) -> Iterator[Meaning]:
    """Where in relation to one or two other objects."""
    for head in heads:
        free = [item for item in anchors if not head.selection.possible >> item[0] & 1]
        for anchor, name in free:
            for relation in RELATIONS:
                chosen = head.selection.both(arrangement.related(relation, anchor))
                if chosen.is_single:
                    key = RELATION_WORDS[relation]
                    yield Meaning("relation", chosen.sure, key, head.forms, (name,))
            if not head.selection.is_single:
                for index in arrangement.nearest(head.selection, anchor):
                    yield Meaning("relation", 1 << index, "closest", head.forms, (name,))
        if not head.selection.is_single:
            for position, (first, first_name) in enumerate(free):
                for second, second_name in free[position + 1 :]:
                    chosen = head.selection.both(arrangement.between(first, second))
                    if chosen.is_single:
                        yield Meaning("relation", chosen.sure, "between", head.forms, (first_name, second_name))


def anchors_of(arrangement: Arrangement, heads: Sequence[NounPhrase]) -> list[Anchor]:
    """Objects that others can be described by, each with the shortest noun phrase that singles it out."""
    anchors: dict[int, Forms] = {}
    for head in heads:
        if head.noun is not None and head.selection.is_single and head.selection.sure & arrangement.referable:
            anchors.setdefault(head.selection.sure.bit_length() - 1, head.forms)
    return list(anchors.items())


def plurals(arrangement: Arrangement, heads: Sequence[NounPhrase], anchors: Sequence[Anchor]) -> Iterator[Meaning]:
    """Several objects at once: all of a kind, or those of a kind on a side or in relation to another object."""
    for head in heads:
        if head.selection.possible.bit_count() < 2:
            continue
        if head.selection.is_certain:
            yield from _all(head)
        if head.selection.possible.bit_count() == 2:
            continue
        for side in SIDES:
            chosen = head.selection.both(arrangement.half(side))
            if _is_part(chosen, head.selection):
                key = "all left" if side in ("left", "right") else "all top"
                yield Meaning("plural", chosen.sure, key, head.forms, words={"s": side})
        for anchor, name in anchors:
            for relation in RELATIONS:
                chosen = head.selection.both(arrangement.related(relation, anchor))
                if _is_part(chosen, head.selection) and not head.selection.possible >> anchor & 1:
                    words = {"r": RELATION_WORDS[relation]}
                    yield Meaning("plural", chosen.sure, "all of", head.forms, (name,), words)


def _all(head: NounPhrase) -> Iterator[Meaning]:
    count = head.selection.sure.bit_count()
    keys = ["all"] + ["both"] * (count == 2) + ["number"] * (2 < count < len(templates.NUMBERS))
    for key in keys:
        words = {"k": templates.NUMBERS[count]} if key == "number" else {}
        yield Meaning("plural", head.selection.sure, key, head.forms, words=words)


def _is_part(chosen: Selection, whole: Selection) -> bool:
    """Surely several objects, but not all of the whole."""
    return chosen.is_certain and chosen.sure.bit_count() >= 2 and chosen.sure != whole.possible


def stuff(arrangement: Arrangement, rng: random.Random) -> Iterator[Meaning]:
    """Regions of the background, by name, colour and place."""
    for index in indices(arrangement.stuff):
        item = arrangement.objects[index]
        if not arrangement.category(item.noun.name).is_single:
            continue
        yield Meaning("stuff", 1 << index, "stuff", item.noun.forms)
        if item.colour is not None:
            yield Meaning("stuff", 1 << index, "plain", templates.with_adjective(item.colour, item.noun.forms, rng))
        for side in ("top", "bottom"):
            if arrangement.half(side).sure >> index & 1:
                yield Meaning("stuff", 1 << index, f"stuff {side}", item.noun.forms)
