"""The engine's phrases in photographs: which of them hold there, and more of the ways people put them."""

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from asgn.data.expressions.belongings import is_worn
from asgn.data.expressions.colours import COLOURS
from asgn.data.expressions.generate import Phrase
from asgn.data.expressions.nouns import PEOPLE, is_plural_alone
from asgn.data.expressions.predicates import SceneObject
from asgn.data.expressions.templates import NUMERALS, ORDINALS, SIZE_WORDS
from asgn.data.photographs.category_names import UNNAMED, is_backdrop

_COMPARATIVES = frozenset(("bigger", "larger", "smaller", "biggest", "largest", "smallest", "littlest"))
_SIZES = frozenset(word for words in SIZE_WORDS.values() for word in words) | _COMPARATIVES
_COMPARED = _COMPARATIVES | {"two", "small", "little", "tiny"}
_LATER = frozenset((*ORDINALS[1:], *NUMERALS[1:]))
_UNNAMED = frozenset(UNNAMED.forms[0])
_FOREGROUND = 0.95
_ASIDE = 0.15  # of two, one is the left one; a lone object must lie well to the left
_ARTICLE_SHARE = 0.4
_PICTURE_SHARE = 0.4
_PICTURES = ("picture", "photo", "image", "pic")
_THIS = ("the", "the", "this")
_TAKES_ARTICLE = frozenset(("category", "colour", "position", "relation"))
_IN_VIEW = frozenset((*_PICTURES, "scene", "shot", "here"))
_NO_PLACE = frozenset(("category", "colour"))
_MIDDLE = frozenset(("middle", "center", "centre", "central"))
_MIN_SOLID = 0.35  # of its box; the middle of a table seen around a plate is the plate
_ON_TOP = frozenset(("over", "under", "beneath", "underneath"))
_HEIGHTS = frozenset(("top", "upper", "higher", "highest", "bottom", "lower", "low", "up", "down"))
_SURE_WHERE_PARTIAL = frozenset(("category", "colour", "size", "position", "relation", "stuff"))


def holds(phrase: Phrase, objects: Sequence[SceneObject], *, partial: bool) -> bool:
    """Whether people would take a phrase that the outlines bear out for the objects it means.

    Args:
        phrase: of `describe`.
        objects: those it was made from.
        partial: whether the photograph holds more than these, so that neither counts nor orders are known.
    """
    if partial and phrase.kind not in _SURE_WHERE_PARTIAL:
        return False
    words = set(phrase.text.split())
    if words & _UNNAMED or (partial and words & _COMPARED):
        return False
    meant = [item for item in objects if item.annotation_id in phrase.annotation_ids]
    is_by_height = words & _HEIGHTS and not words & {"left", "right"}
    if partial and is_by_height and (words & PEOPLE or _has_mates(meant, objects)):
        return False  # others who are not annotated stand on the same ground
    if words & _SIZES and words & PEOPLE:
        return False  # a small outline is a child or somebody far away
    if words & _MIDDLE and not all(_solidity(item) >= _MIN_SOLID for item in meant):
        return False
    if words & _LATER and words & {"top", "bottom"}:
        return False  # what is lower is nearer, and nobody counts that way
    if phrase.kind == "position" and words & {"left", "right"} and not _has_mates(meant, objects):
        return all(abs(item.x - 0.5) >= _ASIDE for item in meant)
    if phrase.kind == "relation":
        if words & _ON_TOP:
            return False  # what is lower in a photograph is nearer as often as it is underneath
        return not any(is_worn(item.noun.name) for item in meant)
    if phrase.kind == "stuff" and phrase.text.endswith(" in the background"):
        return all(is_backdrop(item.noun.name) and item.box[3] < _FOREGROUND for item in meant)
    return not (phrase.kind == "stuff" and phrase.text.endswith(" area"))


def _solidity(item: SceneObject) -> float:
    """Share of its box that an object covers."""
    left, top, right, bottom = item.box
    return item.area / ((right - left) * (bottom - top))


def _has_mates(meant: Sequence[SceneObject], objects: Sequence[SceneObject]) -> bool:
    names = {item.noun.name for item in meant}
    return sum(item.noun.name in names for item in objects) > len(meant)


def restyled(phrases: Sequence[Phrase], objects: Sequence[SceneObject], rng: random.Random) -> list[Phrase]:
    """The phrases, some with "a" in front, "photo" or "image" for the picture, or the picture where no place is named.

    The drawn scenes' wordings follow UNC; those of G-Ref, with articles, are as common with photographs. What is
    meant stays the same, and no text occurs twice.
    """
    nouns = {item.annotation_id: item.noun for item in objects}
    texts = {phrase.text for phrase in phrases}
    styled: list[Phrase] = []
    for phrase in phrases:
        text = re.sub(r"\bpicture$", rng.choice(_PICTURES), phrase.text)
        if len(phrase.annotation_ids) == 1 and phrase.kind in _TAKES_ARTICLE:
            text = _with_article(text, [form for form, _ in nouns[phrase.annotation_ids[0]].forms], rng)
            if phrase.kind in _NO_PLACE and not _IN_VIEW & set(text.split()) and rng.random() < _PICTURE_SHARE:
                text = f"{text} in {rng.choice(_THIS)} {rng.choice(_PICTURES)}"
        text = phrase.text if text in texts else text
        texts.add(text)
        styled.append(replace(phrase, text=text))
    return styled


def _with_article(text: str, nouns: Sequence[str], rng: random.Random) -> str:
    """With "a" or "an" before a noun, or a colour and a noun, that stands bare at the start."""
    start = rf"(?:(?:{'|'.join(COLOURS)}|grey|violet) )?(?:{'|'.join(map(re.escape, nouns))})\b"
    if rng.random() >= _ARTICLE_SHARE or not re.match(start, text) or is_plural_alone(nouns[0]):
        return text
    return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"
