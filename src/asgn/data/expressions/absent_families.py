"""Descriptions of what is not in an image."""

import random
from collections.abc import Iterator, Sequence

from asgn.data.expressions import templates
from asgn.data.expressions.arrangement import Arrangement
from asgn.data.expressions.colours import COLOURS
from asgn.data.expressions.families import Anchor, Meaning, NounPhrase
from asgn.data.expressions.nouns import Noun
from asgn.data.expressions.predicates import RELATIONS, SIDES
from asgn.data.expressions.templates import RELATION_WORDS

_TRIALS = 4


def absences(
    arrangement: Arrangement,
    heads: Sequence[NounPhrase],
    anchors: Sequence[Anchor],
    missing: Sequence[Noun],
    rng: random.Random,
) -> Iterator[Meaning]:
    """A few descriptions that surely fit nothing: a thing that is `missing`, or a wrong colour, side or relation."""
    for noun in rng.sample(missing, min(len(missing), _TRIALS)):
        yield Meaning("absent", 0, "plain", noun.forms)
        colour, side = rng.choice(COLOURS), rng.choice(("left", "right"))
        yield Meaning("absent", 0, "plain", templates.with_adjective(colour, noun.forms, rng))
        yield Meaning("absent", 0, side, noun.forms, words={"s": side})
        if anchors:
            yield Meaning("absent", 0, RELATION_WORDS[rng.choice(RELATIONS)], noun.forms, (rng.choice(anchors)[1],))
    candidates = [head for head in heads if head.kind != "size"]
    for head in rng.choices(candidates, k=_TRIALS) if candidates else ():
        colour, side, relation = rng.choice(COLOURS), rng.choice(SIDES), rng.choice(RELATIONS)
        if head.kind == "category" and not head.selection.both(arrangement.colour(colour)).possible:
            yield Meaning("absent", 0, "plain", templates.with_adjective(colour, head.forms, rng))
        if not head.selection.both(arrangement.half(side)).possible:
            key = "absent left" if side in ("left", "right") else "absent top"
            yield Meaning("absent", 0, key, head.forms, words={"s": side})
        for anchor, name in rng.sample(anchors, min(len(anchors), 1)):
            related = head.selection.both(arrangement.related(relation, anchor))
            if not related.possible and not head.selection.possible >> anchor & 1:
                yield Meaning("absent", 0, RELATION_WORDS[relation], head.forms, (name,))
