"""The control that tells a model which reads the phrase from one which only knows what is usually asked for."""

import random
from collections import defaultdict
from collections.abc import Sequence

from asgn.data.types import Expression, ReferringDataset
from asgn.errors import DataError


def shuffled_phrases(dataset: ReferringDataset, seed: int) -> dict[int, str]:
    """For every expression, by `sentence_id`, the phrase of another object.

    It is drawn among the other referents (`ref_id`) of the same image. Where the image has no other, it is a
    phrase of another image. It is never a text that one of the expression's own referent's phrases has too. The
    draw of an expression depends on the seed and its `sentence_id` alone.

    Raises:
        DataError: the data set has no other phrase to give.
    """
    expressions = dataset.expressions
    of_image: dict[int, list[Expression]] = defaultdict(list)
    own_texts: dict[int, set[str]] = defaultdict(set)
    for expression in expressions:
        of_image[expression.image_id].append(expression)
        own_texts[expression.ref_id].add(_normal(expression.text))

    phrases = {}
    for expression in expressions:
        draw = random.Random(f"{seed}/{expression.sentence_id}")
        own = own_texts[expression.ref_id]
        others = [other.text for other in of_image[expression.image_id] if _normal(other.text) not in own]
        phrases[expression.sentence_id] = (
            draw.choice(others) if others else _from_another_image(expression, expressions, own, draw)
        )
    return phrases


def _from_another_image(
    expression: Expression, expressions: Sequence[Expression], own: set[str], draw: random.Random
) -> str:
    """The first fitting phrase after a random place in the data set."""
    start = draw.randrange(len(expressions))
    for step in range(len(expressions)):
        other = expressions[(start + step) % len(expressions)]
        if other.image_id != expression.image_id and _normal(other.text) not in own:
            return other.text
    raise DataError(
        f"no control for expression {expression.sentence_id} ({expression.text!r}): the data set has no phrase of "
        "another object; evaluate without the shuffled control"
    )


def _normal(text: str) -> str:
    return " ".join(text.lower().split())
