"""Scores of the parts of a split: by kind of phrase, by its length, by the size of its object."""

from collections.abc import Iterable
from typing import Any

from asgn.data.types import Expression
from asgn.evaluation.metrics import IMAGE, TRUTH, SegmentationScores
from asgn.evaluation.scorer.phrase_kinds import KINDS, phrase_kinds, word_count

LENGTHS = ((2, "1-2 words"), (5, "3-5 words"), (10, "6-10 words"))
_LONGEST = "11 words or more"
SIZES = ((0.05, "under 5 % of the image"), (0.1, "5-10 %"), (0.2, "10-20 %"))
_LARGEST = "20 % or more"
_ABSENT = "absent"

GROUPS = {
    "kind": KINDS,
    "length": (*(name for _, name in LENGTHS), _LONGEST),
    "object size": (*(name for _, name in SIZES), _LARGEST, _ABSENT),
}
"""The parts, in the order in which they are reported."""


def breakdown(scores: SegmentationScores, expressions: Iterable[Expression]) -> dict[str, dict[str, dict[str, Any]]]:
    """A summary of each part of the scored expressions, by the names of `GROUPS`; empty parts are left out.

    A phrase may be of several kinds (see `phrases`); it has one length and one object size.
    """
    texts = {expression.sentence_id: expression.text for expression in expressions}
    members: dict[tuple[str, str], list[int]] = {}
    for sentence_id, row in zip(scores.sentence_ids, scores.pixels.tolist(), strict=True):
        text = texts[sentence_id]
        parts = [("kind", kind) for kind in phrase_kinds(text)]
        parts += [("length", length_group(text)), ("object size", size_group(row[TRUTH], row[IMAGE]))]
        for part in parts:
            members.setdefault(part, []).append(sentence_id)
    return {
        name: {group: scores.subset(members[name, group]).summary() for group in groups if (name, group) in members}
        for name, groups in GROUPS.items()
    }


def length_group(text: str) -> str:
    """The group of a phrase by its number of words."""
    return next((name for most, name in LENGTHS if word_count(text) <= most), _LONGEST)


def size_group(truth: int, image: int) -> str:
    """The group of an object by its share of the image's pixels."""
    if truth == 0:
        return _ABSENT
    return next((name for bound, name in SIZES if truth < bound * image), _LARGEST)
