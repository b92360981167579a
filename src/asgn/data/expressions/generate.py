"""Referring expressions made from annotated objects, unambiguous by the annotations.

One engine serves drawn scenes and annotation files. It enumerates what can be said of the objects (category,
colour, size, position, order, relations, several at once, regions, and things that are not there) and keeps a
description only where no object is in doubt: each is surely meant or surely not.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from asgn.data.expressions import families, templates
from asgn.data.expressions.absent_families import absences
from asgn.data.expressions.arrangement import Arrangement, indices
from asgn.data.expressions.belongings import belongings
from asgn.data.expressions.families import Kind, Meaning
from asgn.data.expressions.nouns import Noun
from asgn.data.expressions.photograph_families import views
from asgn.data.expressions.predicates import SceneObject

KIND_SHARES: dict[Kind, float] = {
    "category": 1.0, "colour": 1.5, "size": 1.5, "position": 2.5, "ordinal": 1.5, "relation": 2.5, "plural": 1.0,
    "stuff": 1.0, "absent": 0.5,
}  # fmt: skip
"""How often `choose` takes each kind, relative to the others."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A referring expression and the annotations it means: several for a plural, none for an absent object."""

    text: str
    kind: Kind
    annotation_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AbsentNouns:
    """Names of a data set's things and regions, of which those missing in an image make absent phrases."""

    things: Sequence[Noun] = ()
    stuff: Sequence[Noun] = ()


def describe(
    objects: Sequence[SceneObject],
    rng: random.Random,
    *,
    generic: Noun | None = None,
    absent: AbsentNouns | None = None,
    wordings: int = 1,
    redundant: float = 0.15,
    is_photograph: bool = False,
) -> list[Phrase]:
    """All that can be said of the objects without doubt, each in up to `wordings` wordings.

    `generic` is a noun that fits every thing ("shape"); without one, phrases always name a category. Absent
    phrases are made only where `absent` is given. Phrases with a part that is not needed ("left dog" of a single
    dog) are kept with probability `redundant`. What is said of photographs alone is added where `is_photograph`. No
    text occurs twice.
    """
    arrangement = Arrangement(objects)
    phrases: dict[str, Phrase] = {}
    disputed: set[str] = set()
    for meaning in _meanings(arrangement, rng, generic, absent, redundant, is_photograph):
        if meaning.members & ~arrangement.referable:
            continue
        ids = tuple(objects[index].annotation_id for index in indices(meaning.members))
        for _ in range(wordings):
            text = templates.phrase(meaning.key, rng, meaning.target, meaning.anchors, **meaning.words)
            known = phrases.setdefault(text, Phrase(text, meaning.kind, ids))
            if known.annotation_ids != ids:
                disputed.add(text)
    return [item for text, item in phrases.items() if text not in disputed]


def _meanings(
    arrangement: Arrangement,
    rng: random.Random,
    generic: Noun | None,
    absent: AbsentNouns | None,
    redundant: float,
    is_photograph: bool,
) -> Iterator[Meaning]:
    every = families.noun_phrases(arrangement, rng, generic)
    anchors = families.anchors_of(arrangement, every)
    heads = [head for head in every if not head.is_redundant or rng.random() < redundant]
    open_heads = [head for head in heads if not head.selection.is_single or rng.random() < redundant]
    yield from families.plain(heads)
    yield from families.sizes(arrangement, open_heads)
    yield from families.positions(arrangement, open_heads)
    yield from families.orders(arrangement, open_heads)
    yield from families.relations(arrangement, open_heads, anchors)
    yield from families.plurals(arrangement, open_heads, anchors)
    yield from families.stuff(arrangement, rng)
    if is_photograph:
        yield from views(arrangement, open_heads)
        yield from belongings(arrangement, open_heads, anchors)
    if absent is not None:
        things = [noun for noun in absent.things if not arrangement.category(noun.name).possible]
        regions = [noun for noun in absent.stuff if not arrangement.category(noun.name).possible]
        yield from absences(arrangement, every, anchors, things, rng)
        for noun in rng.sample(regions, min(len(regions), 2)):
            yield Meaning("absent", 0, "stuff", noun.forms)


def choose(
    phrases: Sequence[Phrase], count: int, rng: random.Random, shares: Mapping[Kind, float] = KIND_SHARES
) -> list[Phrase]:
    """Up to `count` of the phrases, spread over kinds as `shares` says and over the objects they mean."""
    pools: dict[Kind, list[Phrase]] = {}
    for item in rng.sample(phrases, len(phrases)):
        pools.setdefault(item.kind, []).append(item)
    used: dict[tuple[int, ...], int] = {}
    chosen: list[Phrase] = []
    while pools and len(chosen) < count:
        kinds = list(pools)
        kind = rng.choices(kinds, [shares[kind] for kind in kinds])[0]
        item = min(pools[kind], key=lambda candidate: used.get(candidate.annotation_ids, 0))
        pools[kind].remove(item)
        if not pools[kind]:
            del pools[kind]
        used[item.annotation_ids] = used.get(item.annotation_ids, 0) + 1
        chosen.append(item)
    return chosen
