"""Figure 8: which expressions a row fails on, and how.

An expression fails where its mask has an IoU under one half. The paper tells two kinds, small objects and ambiguous
phrases; the second is recognised by a mask that would have been right for another expression of the same image.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asgn.data.by_image import by_image
from asgn.data.files.masks import iou
from asgn.data.types import Expression, Mask, ReferringDataset
from asgn.evaluation.scorer.breakdown import SIZES
from asgn.experiments.report import Panel, Section, draw_panels, overlay
from asgn.experiments.reproduce.config import ReproductionConfig
from asgn.experiments.reproduce.panels import EXAMPLE_SEED
from asgn.experiments.reproduce.results import Outcome, Results, spread
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.trained import TrainedRow

RIGHT = 0.5
"""IoU from which a mask counts as right."""
SMALL = SIZES[0][0]
"""Share of the image below which an object is small."""

KINDS = {
    "another object": "ambiguous phrase: the mask is right for another expression of the image",
    "small object": f"the object covers under {100 * SMALL:g} % of the image",
    "nothing marked": "the mask is empty",
    "partly right": "the mask meets the object",
    "elsewhere": "the mask misses the object and is right for no other expression",
    "no target": "the phrase's object is not in the image, and something is marked",
}
"""Kinds of failure and what they mean; a failure is of the first kind that fits."""


@dataclass(frozen=True)
class Answer:
    """One expression with its truth and the row's mask."""

    expression: Expression
    truth: Mask
    mask: Mask


def failure_kind(answer: Answer, others: Sequence[Answer]) -> tuple[str, Expression | None] | None:
    """The kind of a failure, with the expression that the mask is right for; None where the mask is right.

    `others` are all expressions of the image; one whose truth is the same object is no other.
    """
    if not answer.truth.any():
        return ("no target", None) if answer.mask.any() else None
    if iou(answer.mask, answer.truth) >= RIGHT:
        return None
    for other in others:
        if other.truth.any() and iou(other.truth, answer.truth) < RIGHT <= iou(answer.mask, other.truth):
            return "another object", other.expression
    if answer.truth.mean() < SMALL:
        return "small object", None
    if not answer.mask.any():
        return "nothing marked", None
    return ("partly right" if (answer.mask & answer.truth).any() else "elsewhere"), None


def failure_row(config: ReproductionConfig, trained: TrainedRow, data: ReferringDataset) -> dict[str, Any]:
    """The failures of a row: sentence, kind, and the sentence that the mask is right for."""

    def compute() -> dict[str, Any]:
        segmenter = trained.segmenter(config.scoring)
        failures, expressions = [], 0
        for group in by_image(data.expressions, config.scoring.limit):
            image, phrases = data.image(group[0].image_id), [item.text for item in group]
            masks = segmenter.predict_masks(image, phrases, config.scoring.protocol)
            answers = [Answer(item, data.mask(item), mask) for item, mask in zip(group, masks, strict=True)]
            expressions += len(group)
            for answer in answers:
                if kind := failure_kind(answer, answers):
                    other = kind[1].sentence_id if kind[1] else None
                    failures.append([answer.expression.sentence_id, kind[0], other])
        return {"expressions": expressions, "failures": failures}

    found = trained.remember(f"failures-{data.split}", data, config.scoring, compute, kinds=[*KINDS])
    return {**found, "leak_stamp": trained.leak_stamp(data)}


def failure_sections(results: Results) -> list[Section]:
    """The failures of each kind over the split, and some of each, drawn at random."""
    data, rows = results.splits.scored[0], results.config.rows
    counts = Section(
        f"Failures on {data.name} {data.split}",
        f"Share of all expressions, in percent, whose mask has an IoU under {RIGHT:g}, by kind; a failure is of the "
        "first kind that fits. Mean ± standard deviation over the seeds.",
        ("kind", *(row.label for row in rows), "what it means"),
        [[kind, *(_shares(results, row, data.split, kind) for row in rows), KINDS[kind]] for kind in KINDS],
    )
    examples = _example_sections(results.config, data, results.done[0]) if results.done else []
    return [counts, *examples]


def _shares(results: Results, row: Row, split: str, kind: str) -> str:
    found = results.of(row, split).values()
    counts = [Counter(entry[1] for entry in values["failures"])[kind] for values in found]
    return spread([100 * count / values["expressions"] for count, values in zip(counts, found, strict=True)], 1)


def _example_sections(config: ReproductionConfig, data: ReferringDataset, shown: Outcome) -> list[Section]:
    """A section for each kind that occurs, with examples drawn at random."""
    assert shown.values is not None
    assert shown.trained is not None
    segmenter = shown.trained.segmenter(config.scoring)
    known = {item.sentence_id: item for item in data.expressions}

    def panel(expression: Expression, other: Expression | None) -> Panel:
        image, truth = data.image(expression.image_id), data.mask(expression)
        (mask,) = segmenter.predict_masks(image, [expression.text], config.scoring.protocol)
        pictures = {"truth": overlay(image, truth), f"found: {100 * iou(mask, truth):.0f}": overlay(image, mask)}
        if other is not None:
            pictures[f"right for “{other.text}”"] = overlay(image, data.mask(other), (40, 160, 255))
        return Panel(image, expression.text, pictures)

    sections = []
    for kind, meaning in KINDS.items():
        failures = [entry for entry in shown.values[data.split]["failures"] if entry[1] == kind]
        chosen = random.Random(EXAMPLE_SEED).sample(failures, min(config.scoring.panels, len(failures)))
        if not chosen:
            continue
        path = config.out / f"{config.name}-{kind.replace(' ', '-')}.png"
        draw_panels(path, [panel(known[first], known.get(other)) for first, _, other in chosen])
        caption = f"{shown.row.label}, seed {shown.seed}: image and phrase, truth, prediction with its IoU in percent"
        text = f"{meaning.capitalize()}. {len(chosen)} of {len(failures)}, drawn at random."
        sections.append(Section(kind.capitalize(), text, pictures=[(path, caption)]))
    return sections
