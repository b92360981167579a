"""People told by what they wear, carry or hold: "person in the red dress", "person with the umbrella"."""

from collections.abc import Iterator, Sequence

from asgn.data.expressions.arrangement import Arrangement
from asgn.data.expressions.families import Anchor, Meaning, NounPhrase
from asgn.data.expressions.nouns import PEOPLE

_GARMENTS = frozenset(
    ("dress", "skirt", "romper", "bodysuit", "top", "shirt", "t-shirt", "blouse", "sweater", "jumper", "sweatshirt",
     "hoodie", "cardigan", "vest", "coat", "jacket", "blazer", "cape", "suit", "pants", "jeans", "leggings", "tights",
     "stockings", "shorts", "socks", "shoes", "boots", "sandals", "heels", "pumps", "sneakers", "loafers", "flats",
     "wedges", "gloves", "bra")
)  # fmt: skip
_CARRIED = frozenset(
    ("tie", "handbag", "backpack", "glove", "skis", "snowboard", "racket", "bat", "bag", "purse", "wallet", "hat",
     "scarf", "belt", "glasses", "sunglasses", "necklace", "bracelet", "watch", "ring", "earrings")
)  # fmt: skip
_HELD = frozenset(("umbrella", "suitcase", "surfboard", "skateboard", "frisbee", "kite", "phone"))


def belongings(arrangement: Arrangement, heads: Sequence[NounPhrase], anchors: Sequence[Anchor]) -> Iterator[Meaning]:
    """Somebody by one thing that surely is theirs and nobody else's."""
    for head in heads:
        if head.noun not in PEOPLE:
            continue
        for anchor, name in anchors:
            thing = arrangement.objects[anchor]
            if not (_is_garment(thing.noun.name) or _head(thing.noun.name) in _CARRIED | _HELD):
                continue
            chosen = head.selection.both(arrangement.owner(anchor))
            if chosen.is_single:
                key = "dressed in" if _is_garment(thing.noun.name) else "carrying"
                yield Meaning("relation", chosen.sure, key, head.forms, (name,))


def is_worn(name: str) -> bool:
    """Whether people have such a thing on them, so that nobody finds it by where it lies from them."""
    return _is_garment(name) or _head(name) in _CARRIED or name == "hair"


def _is_garment(name: str) -> bool:
    return _head(name) in _GARMENTS


def _head(name: str) -> str:
    return name.rpartition(" ")[2]
