"""What a phrase tells its object by, read off its words; for breaking scores down by kind of phrase.

The words are those of English referring expressions. A phrase may be of several kinds ("second red car from the
left" is position, ordinal and colour); one that has none of the cues is `category only` when it has at most two
words besides articles ("the dog", "fire hydrant"), else `other` ("woman wearing glasses").
"""

import re

from asgn.data.loading.mirrored_phrase import mirrored_phrase

KINDS = ("position", "colour", "size", "ordinal", "relation", "category only", "other")

_WORDS = {
    "position": """top bottom upper lower uppermost lowermost topmost
        middle center centre central corner edge side foreground background front back rear far near closest nearest
        closer nearer farthest furthest farther further""",
    "colour": """red orange yellow green blue purple violet pink brown black white gray grey golden gold silver beige
        tan cyan magenta turquoise teal maroon navy blonde blond dark light colored coloured striped plaid""",
    "size": """big bigger biggest large larger largest huge tall taller tallest long longer longest small smaller
        smallest little tiny short shorter shortest thin thick wide narrow""",
    "ordinal": """first second third fourth fifth sixth seventh eighth ninth tenth last 1st 2nd 3rd 4th 5th 6th 7th
        8th 9th 10th""",
    "relation": """above below under underneath beneath beside behind between against next near over holding riding
        carrying touching inside among facing""",
}
_PLACE = r"(?:left|right|top|bottom|front|back|side|edge|middle|center|centre|end|corner)"
_PICTURE = r"(?:the |this )?(?:picture|image|photo|photograph|pic|screen|frame|scene|view|shot)\b"
_RELATIVE_PLACE = re.compile(rf"\b(?:(?:to|on|at|in|by) )?(?:the )?{_PLACE}(?: side)? of (?!{_PICTURE})")
_NEXT_ONE = re.compile(r"\bnext(?! to\b)")
_WORD = re.compile(r"[\w']+")
_ARTICLES = {"a", "an", "the"}


def phrase_kinds(phrase: str) -> frozenset[str]:
    """The kinds of a phrase, at least one of `KINDS`.

    A place relative to another object ("left of the dog", "in front of the car") is a relation, not a position;
    relative to the picture ("left of the photo") it is a position. Left and right are positions where they mean a
    side, in any form ("leftest"), and not where they do not ("right behind the dog").
    """
    text = " ".join(_WORD.findall(phrase.lower()))
    kinds = set()
    absolute = _RELATIVE_PLACE.sub(" ", text)
    if absolute != text:
        kinds.add("relation")
    if mirrored_phrase(absolute) != absolute:
        kinds.add("position")
    words = set(_NEXT_ONE.sub("", absolute).split())
    kinds |= {kind for kind, cues in _WORDS.items() if words & set(cues.split())}
    if kinds:
        return frozenset(kinds)
    named = [word for word in text.split() if word not in _ARTICLES]
    return frozenset({"category only" if len(named) <= 2 else "other"})


def word_count(phrase: str) -> int:
    """Words of a phrase, punctuation left out."""
    return len(_WORD.findall(phrase))
