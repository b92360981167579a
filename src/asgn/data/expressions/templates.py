"""How people put what they mean: several wordings for each kind of description.

The wordings follow those of UNC, whose writers drop articles ("woman in middle", "second from right"). In a
template {n} is the singular noun phrase, {p} its plural, {a} and {b} other noun phrases with or without article,
{s} a side. A template that starts with "=" takes no article in front.
"""

import random
from collections.abc import Sequence
from typing import TypeVar

from asgn.data.expressions.colours import COLOURS
from asgn.data.expressions.nouns import PEOPLE

Item = TypeVar("Item")

Forms = tuple[tuple[str, str], ...]
"""The (singular, plural) names of one noun phrase."""

ARTICLE_SHARE = 0.35
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
NUMERALS = ("1st", "2nd", "3rd", "4th", "5th", "6th")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight")
SIZE_WORDS = {"small": ("small", "little", "small", "tiny"), "big": ("big", "large", "big", "huge")}
DRESSED = ("in {c}", "in {c}", "wearing {c}", "in {c} shirt", "with {c} shirt")
SPELLINGS = {"gray": ("gray", "grey"), "purple": ("purple", "purple", "violet")}

_LEFT_RIGHT = (
    "{s} {n}", "{s} {n}", "{n} on the {s}", "{n} on {s}", "{n} to the {s}", "{n} on the {s} side", "{n} on {s} side",
    "{n} {s}", "{s} side {n}", "{n} at {s}", "{n} on the {s} of the picture", "{n} in the {s} half",
)  # fmt: skip

TEMPLATES: dict[str, tuple[str, ...]] = {
    "plain": ("{n}",),
    "left": _LEFT_RIGHT,
    "right": _LEFT_RIGHT,
    "top": (
        "top {n}", "upper {n}", "{n} at the top", "{n} at top", "{n} near the top", "{n} up top",
        "{n} at the top of the picture", "{n} in the upper half",
    ),
    "bottom": (
        "bottom {n}", "lower {n}", "{n} at the bottom", "{n} at bottom", "{n} near the bottom", "{n} down low",
        "{n} at the bottom of the picture", "{n} in the lower half",
    ),
    "corner": (
        "{v} {s} {n}", "{v} {s} {n}", "{n} in the {v} {s}", "{n} {v} {s}", "{n} at {v} {s}", "{n} on {v} {s}",
        "{n} in the {v} {s} corner", "{n} in {v} {s} corner", "{v} {s} corner {n}", "{w} {s} {n}", "{n} {w} {s}",
        "{n} in the {w} {s} corner",
    ),
    "middle": (
        "middle {n}", "{n} in the middle", "{n} in middle", "center {n}", "{n} in the center", "{n} in center",
        "{n} in the middle of the picture",
    ),
    "left of two": (
        "{s} {n}", "{s} {n}", "{n} further {s}", "{n} more to the {s}", "{s} one of the two {p}",
        "{n} that is further {s}",
    ),
    "top of two": (
        "{u} {n}", "{u} {n}", "higher {n}", "{n} higher up", "{u} one of the two {p}", "{n} that is higher",
    ),
    "bottom of two": (
        "{u} {n}", "{u} {n}", "lower {n}", "{n} lower down", "{u} one of the two {p}", "{n} that is lower",
    ),
    "first from left": (
        "{s}most {n}", "{s}most {n}", "{n} on far {s}", "{n} on the far {s}", "far {s} {n}", "{n} far {s}",
        "{n} furthest {s}", "{n} farthest to the {s}", "{n} all the way on the {s}", "first {n} from the {s}",
        "first {n} from {s}", "{n} closest to the {s} edge", "most {s} {n}",
    ),
    "first from top": (
        "topmost {n}", "highest {n}", "{n} closest to the top", "uppermost {n}", "{n} furthest up",
        "first {n} from the top", "{n} nearest the top edge",
    ),
    "first from bottom": (
        "bottommost {n}", "lowest {n}", "{n} closest to the bottom", "{n} furthest down", "first {n} from the bottom",
        "{n} nearest the bottom edge",
    ),
    "ordinal": (
        "{o} {n} from the {s}", "{o} {n} from the {s}", "{o} {n} from {s}", "{n} {o} from {s}", "{n} {o} from the {s}",
        "{d} {n} from the {s}", "{d} {n} from {s}",
    ),
    "bare ordinal": ("{o} from {s}", "{o} from the {s}", "{o} one from the {s}", "{d} from {s}"),
    "largest": ("biggest {n}", "largest {n}", "biggest {n}", "{n} that is biggest"),
    "smallest": ("smallest {n}", "littlest {n}", "smallest {n}", "{n} that is smallest"),
    "larger": ("bigger {n}", "larger {n}", "{n} that is bigger", "bigger of the two {p}", "larger one of the two {p}"),
    "smaller": ("smaller {n}", "{n} that is smaller", "smaller of the two {p}", "smaller one of the two {p}"),
    "left of": ("{n} left of {a}", "{n} to the left of {a}", "{n} on the left of {a}", "{n} to left of {a}"),
    "right of": ("{n} right of {a}", "{n} to the right of {a}", "{n} on the right of {a}", "{n} to right of {a}"),
    "above": ("{n} above {a}", "{n} over {a}", "{n} above {a}", "{n} that is above {a}"),
    "below": ("{n} below {a}", "{n} under {a}", "{n} beneath {a}", "{n} underneath {a}", "{n} that is below {a}"),
    "next to": ("{n} next to {a}", "{n} beside {a}", "{n} by {a}", "{n} next to {a}", "{n} right next to {a}"),
    "closest": ("{n} closest to {a}", "{n} nearest {a}", "{n} nearest to {a}", "closest {n} to {a}"),
    "between": ("{n} between {a} and {b}", "{n} in between {a} and {b}", "{n} that is between {a} and {b}"),
    "all": ("=all {p}", "=all the {p}", "{p}", "=every {n}", "=all of the {p}", "=the {p}"),
    "both": ("=both {p}", "=both of the {p}", "=the two {p}", "two {p}", "pair of {p}"),
    "number": ("{k} {p}", "=all {k} {p}", "=the {k} {p}"),
    "all left": ("=all {p} on the {s}", "{p} on the {s}", "{p} on {s}", "=all the {p} on the {s} side", "{s} {p}"),
    "all top": ("=all {p} at the {s}", "{p} at the {s}", "{p} near the {s}", "=all the {p} at the {s}", "{s} {p}"),
    "all of": ("=all {p} {r} {a}", "{p} {r} {a}", "=all the {p} {r} {a}"),
    "stuff": ("{n}", "=the {n}", "=the {n}", "{n} area", "=all of the {n}", "=all the {n}", "{n} in the background"),
    "stuff top": ("{n} at the top", "=the {n} above", "{n} up top"),
    "stuff bottom": ("{n} at the bottom", "=the {n} below", "{n} at bottom"),
    "shown": ("{n} in the scene", "{n} in the shot", "{n} shown in the picture", "{n} seen here"),
    "aside": (
        "{n} on the {s} hand side", "{s} hand {n}", "{n} on your {s}", "{n} off to the {s}", "{n} over on the {s}",
        "{n} that is on the {s}", "{n} which is on the {s} side", "{n} towards the {s}", "{n} seen on the {s}",
        "{n} on the {s} side of the picture", "{n} in the {s} part of the picture",
    ),
    "in a corner": (
        "{n} in the {v} {s} of the picture", "{n} in the {v} {s} part", "{n} towards the {v} {s}",
        "{n} that is in the {v} {s}", "{n} over in the {w} {s}", "{w} {s} corner {n}",
        "{n} in the {v} {s} corner of the picture", "{n} in the {w} {s} part of the picture",
    ),
    "centered": (
        "central {n}", "{n} right in the middle", "{n} that is in the middle", "{n} which is in the middle",
        "{n} in the centre", "{n} at the center", "{n} near the middle", "{n} in the center of the picture",
        "{n} in the middle part of the picture", "{n} around the center of the picture",
    ),
    "far": (
        "{n} far to the {s}", "{n} on the far {s} side", "{n} in the {s} third", "{n} at the far {s} of the picture",
    ),
    "high or low": (
        "{n} in the {u} part of the picture", "{n} in the {s} half", "{n} towards the {s}", "{n} that is at the {s}",
        "{n} in the {s} part of the picture", "{n} near the {s} of the picture",
    ),
    "edge": (
        "{n} at the {s} edge", "{n} at the {s} edge of the picture", "{n} cut off on the {s}",
        "{n} cut off by the {s} edge", "{n} partly out of the picture on the {s}",
    ),
    "big": (
        "big {n}", "large {n}", "huge {n}", "very large {n}", "{n} that takes up much of the picture",
        "{n} taking up much of the picture", "{n} filling much of the picture", "big {n} in the picture",
    ),
    "big aside": (
        "big {n} on the {s}", "large {n} on the {s}", "big {n} on the {s} side", "large {n} to the {s}",
        "huge {n} on the {s}",
    ),
    "big in the middle": (
        "big {n} in the middle", "large {n} in the middle", "large {n} in the center",
        "big {n} in the middle of the picture",
    ),
    "dressed in": ("{n} in {a}", "{n} wearing {a}", "{n} in {a}"),
    "carrying": ("{n} with {a}", "{n} with {a}", "{n} that has {a}"),
    "absent left": ("{n} on the {s}", "{n} on {s} side", "{n} in the {s} half", "{n} on the {s} of the picture"),
    "absent top": ("{n} at the {s} of the picture", "{n} near the {s}", "{n} at the {s}"),
}  # fmt: skip

RELATION_WORDS = {"left": "left of", "right": "right of", "above": "above", "below": "below", "next": "next to"}
UPPER = {"top": "upper", "bottom": "lower"}


def phrase(key: str, rng: random.Random, target: Forms, anchors: Sequence[Forms] = (), **words: str) -> str:
    """One wording of the description `key` (of TEMPLATES) for a target and the noun phrases it mentions."""
    template = _pick(TEMPLATES[key], rng)
    fills = {**words, **dict(zip("ab", (mention(forms, rng) for forms in anchors), strict=False))}
    singular, plural = _pick(target, rng)
    text = template.removeprefix("=").format(n=singular, p=plural, **fills)
    takes_article = not template.startswith("=") and rng.random() < ARTICLE_SHARE
    return f"the {text}" if takes_article else text


def mention(forms: Forms, rng: random.Random) -> str:
    """A noun phrase that another one is described by."""
    singular, _ = _pick(forms, rng)
    return f"the {singular}" if rng.random() < 0.75 else singular


def _pick(items: Sequence[Item], rng: random.Random) -> Item:
    """`rng.choice`, several times faster."""
    return items[int(rng.random() * len(items))]


def with_adjective(adjective: str, forms: Forms, rng: random.Random) -> Forms:
    """The noun phrases with a colour or size word in front, spelt in one of its ways; people wear it."""
    if adjective in COLOURS and forms[0][0] in PEOPLE:
        worn = _pick(DRESSED, rng).format(c=adjective)
        return tuple((f"{singular} {worn}", f"{plural} {worn}") for singular, plural in forms)
    spelt = _pick(SIZE_WORDS.get(adjective) or SPELLINGS.get(adjective) or (adjective,), rng)
    return tuple((f"{spelt} {singular}", f"{spelt} {plural}") for singular, plural in forms)
