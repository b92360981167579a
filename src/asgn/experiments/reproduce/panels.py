"""Figures 4 and 5: what rows find for phrases drawn at random from a split."""

import random
from collections.abc import Iterator
from typing import Any

from asgn.data.files.masks import iou
from asgn.data.types import Expression, Mask, ReferringDataset
from asgn.errors import DataError
from asgn.experiments.report import Panel, Section, draw_panels, overlay
from asgn.experiments.reproduce.config import ReproductionConfig
from asgn.experiments.reproduce.results import Results
from asgn.experiments.reproduce.trained import TrainedRow

EXAMPLE_SEED = 0


def panel_row(config: ReproductionConfig, trained: TrainedRow, data: ReferringDataset) -> dict[str, Any]:
    """The mask of each example."""
    segmenter, protocol = trained.segmenter(config.scoring), config.scoring.protocol
    masks = [
        segmenter.predict_masks(data.image(expression.image_id), [expression.text], protocol)[0]
        for expression, _ in draw_examples(data, config.scoring.panels)
    ]
    return {"masks": masks, "leak_stamp": trained.leak_stamp(data)}


def panel_sections(results: Results) -> list[Section]:
    """Image, phrase, truth, and each row's mask with its IoU; a row that failed has no column."""
    config, data = results.config, results.splits.scored[0]
    panels = []
    for place, (expression, truth) in enumerate(draw_examples(data, config.scoring.panels)):
        image = data.image(expression.image_id)
        pictures = {"truth": overlay(image, truth)}
        for one in results.done:
            mask = (one.values or {})[data.split]["masks"][place]
            pictures[f"{one.row.label}: {100 * iou(mask, truth):.0f}"] = overlay(image, mask)
        panels.append(Panel(image, expression.text, pictures))
    path = config.out / f"{config.name}.png"
    draw_panels(path, panels)
    shown = ", ".join(one.row.label for one in results.done)
    return [
        Section(
            f"Examples of {data.name} {data.split}",
            f"{len(panels)} phrases drawn at random (seed {EXAMPLE_SEED}), each of another image; none was chosen by "
            f"hand. The number above a mask is its IoU in percent. Trained with seed {config.seeds[0]}.",
            pictures=[(path, f"{data.name} {data.split}: image and phrase, truth, {shown}")],
        )
    ]


def draw_examples(data: ReferringDataset, count: int) -> list[tuple[Expression, Mask]]:
    """Expressions drawn at random, each of another image, with their true masks; those with no target are left out.

    Raises:
        DataError: the split has no expression with a mask, or a mask cannot be read.
    """
    found = list(_drawn(data, count))
    if not found:
        raise DataError(f"split {data.split!r} of {data.name!r} has no expression to show")
    return found


def _drawn(data: ReferringDataset, count: int) -> Iterator[tuple[Expression, Mask]]:
    images: set[int] = set()
    for index in random.Random(EXAMPLE_SEED).sample(range(len(data.expressions)), len(data.expressions)):
        expression = data.expressions[index]
        if expression.image_id in images:
            continue
        mask = data.mask(expression)
        if mask.any():
            images.add(expression.image_id)
            yield expression, mask
        if len(images) == count:
            return
