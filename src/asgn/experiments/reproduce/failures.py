"""Figure 8: which expressions a row fails on, and how.

An expression fails where its mask has an IoU under one half. The paper tells two kinds, small objects and ambiguous
phrases; the second is recognised by a mask that would have been right for another expression of the same image.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from asgn.data.by_image import by_image
from asgn.data.files.masks import iou
from asgn.data.types import Expression, Mask, ReferringDataset
from asgn.evaluation.scorer.breakdown import SIZES
from asgn.experiments.report import Panel, Section, draw_panels, overlay
from asgn.experiments.reproduce.outcomes import Findings, Outcome, Say, remember, run_rows
from asgn.experiments.reproduce.pages import page_name
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.runs import TrainedRow
from asgn.experiments.reproduce.scores import leak_stamp
from asgn.experiments.reproduce.setting import Setting, Splits
from asgn.experiments.reproduce.summary import spread
from asgn.experiments.reproduce.walk import EXAMPLE_SEED, device_of
from asgn.inference.segmenter import Segmenter

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
    "nothing meant": "the phrase's object is not in the image, and something is marked",
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
        return ("nothing meant", None) if answer.mask.any() else None
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


def failure_figure(setting: Setting, splits: Splits, rows: Sequence[Row], say: Say) -> Findings:
    """Count the failures of each kind over the split, and show some of each, drawn at random."""
    data = splits.scored[0]
    outcomes = run_rows(setting, splits, rows, partial(_measure, setting, data), say)
    counts = Section(
        f"Failures on {data.name} {data.split}",
        f"Share of all expressions, in percent, whose mask has an IoU under {RIGHT:g}, by kind; a failure is of the "
        "first kind that fits. Mean ± standard deviation over the seeds.",
        ("kind", *(row.label for row in rows), "what it means"),
        [[kind, *(_shares(outcomes, row, kind) for row in rows), meaning] for kind, meaning in KINDS.items()],
    )
    shown = next((one for one in outcomes if one.value is not None), None)
    examples = [] if shown is None else _example_sections(setting, data, shown)
    stamps = [one.value["leak_stamp"] for one in outcomes if one.value is not None]
    return Findings(outcomes, [counts, *examples], stamps)


def _measure(setting: Setting, data: ReferringDataset, trained: TrainedRow) -> dict[str, Any]:
    key = {
        "weights": trained.identity,
        "fingerprint": data.fingerprint(),
        "protocol": setting.protocol,
        "limit": setting.limit,
    }
    name = f"failures-{data.split}" + ("-densecrf" if trained.row.variant.densecrf else "")
    found = remember(trained.folder / "scores" / f"{name}.json", key, lambda: _find(setting, data, trained))
    return {**found, "leak_stamp": leak_stamp(trained, data), "trained": trained}


def _find(setting: Setting, data: ReferringDataset, trained: TrainedRow) -> dict[str, Any]:
    segmenter = Segmenter(trained.model, device_of(setting), trained.row.variant.densecrf)
    failures, expressions = [], 0
    for group in by_image(data.expressions, setting.limit):
        answers = _answers(setting, data, segmenter, group)
        expressions += len(group)
        for answer in answers:
            kind = failure_kind(answer, answers)
            if kind is not None:
                other = kind[1].sentence_id if kind[1] else None
                failures.append([answer.expression.sentence_id, kind[0], other])
    return {"expressions": expressions, "failures": failures}


def _answers(
    setting: Setting, data: ReferringDataset, segmenter: Segmenter, group: Sequence[Expression]
) -> list[Answer]:
    """The row's masks for all expressions of one image."""
    masks = segmenter.predict_masks(data.image(group[0].image_id), [item.text for item in group], setting.protocol)
    return [Answer(item, data.mask(item), mask) for item, mask in zip(group, masks, strict=True)]


def _shares(outcomes: Sequence[Outcome[dict[str, Any]]], row: Row, kind: str) -> str:
    values = [one.value for one in outcomes if one.row == row and one.value is not None]
    counts = [Counter(entry[1] for entry in value["failures"])[kind] for value in values]
    return spread([100 * count / value["expressions"] for count, value in zip(counts, values, strict=True)], 1)


def _example_sections(setting: Setting, data: ReferringDataset, shown: Outcome[dict[str, Any]]) -> list[Section]:
    """A section for each kind that occurs, with examples drawn at random."""
    assert shown.value is not None
    trained: TrainedRow = shown.value["trained"]
    segmenter = Segmenter(trained.model, device_of(setting), trained.row.variant.densecrf)
    known = {item.sentence_id: item for item in data.expressions}
    sections = []
    for kind, meaning in KINDS.items():
        failures = [entry for entry in shown.value["failures"] if entry[1] == kind]
        chosen = random.Random(EXAMPLE_SEED).sample(failures, min(setting.panels, len(failures)))
        if not chosen:
            continue
        path = setting.out / f"{page_name(setting, 'figure8')}-{kind.replace(' ', '-')}.png"
        panels = [_panel(setting, data, segmenter, known[first], known.get(other)) for first, _, other in chosen]
        draw_panels(path, panels)
        caption = f"{shown.row.label}, seed {shown.seed}: image and phrase, truth, prediction with its IoU in percent"
        text = f"{meaning.capitalize()}. {len(chosen)} of {len(failures)}, drawn at random."
        sections.append(Section(kind.capitalize(), text, pictures=[(path, caption)]))
    return sections


def _panel(
    setting: Setting, data: ReferringDataset, segmenter: Segmenter, expression: Expression, other: Expression | None
) -> Panel:
    image, truth = data.image(expression.image_id), data.mask(expression)
    (mask,) = segmenter.predict_masks(image, [expression.text], setting.protocol)
    pictures = {"truth": overlay(image, truth), f"found: {100 * iou(mask, truth):.0f}": overlay(image, mask)}
    if other is not None:
        pictures[f"right for “{other.text}”"] = overlay(image, data.mask(other), (40, 160, 255))
    return Panel(image, expression.text, pictures)
