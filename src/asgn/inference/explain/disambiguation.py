"""Which word, added to a phrase, would make it mean one of two regions clearly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asgn.data.expressions.colours import COLOURS
from asgn.data.expressions.predicates import SIDES
from asgn.data.vocabulary import Vocabulary
from asgn.inference.explain.regions import Region

_SIZES = ("big", "bigger", "small", "smaller")
_FAMILIES = (frozenset(("left", "right")), frozenset(("top", "bottom")), frozenset(_SIZES), frozenset(COLOURS))
_ARTICLES = ("the", "a", "an")
_CLEAR = 0.8
_KEPT = 0.5
_BIGGER = 1.3

Which = Literal["chosen", "runner-up"]


@dataclass(frozen=True)
class Settling:
    """A phrase with one word more, after which the probability lies in one region."""

    region: Which
    word: str
    phrase: str
    share: float
    """The region's mean probability over that of both regions together."""


def distinguishing_words(words: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """Sides, sizes and colours that the model knows and of whose like the phrase says nothing."""
    candidates = (*SIDES, *_SIZES, *COLOURS)
    said = set().union(*(family for family in _FAMILIES if family & set(words)))
    return [word for word in candidates if word in vocabulary and word not in said]


def asked_with(word: str, words: Sequence[str]) -> tuple[str, ...]:
    """The phrase with an adjective in front, behind its article."""
    start = 1 if words and words[0] in _ARTICLES else 0
    return (*words[:start], word, *words[start:])


def settling_words(
    words: Sequence[str],
    regions: tuple[Region, Region],
    colours: Sequence[str | None],
    before: NDArray[np.float32],
    asked: Mapping[str, NDArray[np.float32]],
) -> list[Settling]:
    """For either region the word that concentrates the probability on it most, where one does so clearly.

    A word counts only where it is true of that region and not of the other, whatever the network makes of it, and
    where the region keeps at least half of its probability.

    Args:
        words: of the phrase.
        regions: the chosen one and the runner-up.
        colours: of the two regions, None where no colour dominates.
        before: (h, w) probability for the phrase as it is.
        asked: by added word, (h, w) probability for the phrase with it.
    """
    found = []
    names: tuple[Which, Which] = ("chosen", "runner-up")
    for this, other in ((0, 1), (1, 0)):
        region, rival = regions[this], regions[other]
        best: tuple[float, str] | None = None
        for word, prob in asked.items():
            mean, others = float(prob[region.where].mean()), float(prob[rival.where].mean())
            share = mean / (mean + others) if mean else 0.0
            is_kept = mean >= _KEPT * float(before[region.where].mean())
            if share >= _CLEAR and is_kept and _is_true(word, region, rival, colours[this], colours[other]):
                best = max(best or (0.0, ""), (share, word))
        if best is not None:
            share, word = best
            found.append(Settling(names[this], word, " ".join(asked_with(word, words)), share))
    return found


def _is_true(word: str, region: Region, rival: Region, colour: str | None, other_colour: str | None) -> bool:
    """Whether a word fits the region, and fits it better than its rival."""
    if word in COLOURS:
        return colour == word != other_colour
    if word in ("big", "bigger"):
        return region.area >= _BIGGER * rival.area
    if word in ("small", "smaller"):
        return rival.area >= _BIGGER * region.area
    (x, y), (rival_x, rival_y) = _centre(region), _centre(rival)
    return {"left": x < rival_x, "right": x > rival_x, "top": y < rival_y, "bottom": y > rival_y}[word]


def _centre(region: Region) -> tuple[float, float]:
    rows, columns = np.nonzero(region.where)
    return float(columns.mean()), float(rows.mean())
