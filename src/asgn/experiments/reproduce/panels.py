"""Figures 4 and 5: what rows find for phrases drawn at random from a split."""

from collections.abc import Sequence
from functools import partial

from asgn.data.files.masks import iou
from asgn.data.types import Expression, Mask, ReferringDataset
from asgn.experiments.report import Panel, Section, draw_panels, overlay
from asgn.experiments.reproduce.outcomes import Findings, Outcome, Say, run_rows
from asgn.experiments.reproduce.pages import page_name
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.runs import TrainedRow
from asgn.experiments.reproduce.scores import leak_stamp
from asgn.experiments.reproduce.setting import Setting, Splits
from asgn.experiments.reproduce.walk import EXAMPLE_SEED, device_of, draw_examples
from asgn.inference.segmenter import Segmenter

Examples = Sequence[tuple[Expression, Mask]]


def panel_figure(setting: Setting, splits: Splits, what: str, rows: Sequence[Row], say: Say) -> Findings:
    """Image, phrase, truth, and each row's mask with its IoU; a row that failed has no column."""
    data = splits.scored[0]
    examples = draw_examples(data, setting.panels)
    outcomes = run_rows(setting, splits, rows, partial(_predict, setting, data, examples), say)
    done = [one for one in outcomes if one.value is not None]
    path = setting.out / f"{page_name(setting, what)}.png"
    panels = [_panel(data, example, place, done) for place, example in enumerate(examples)]
    draw_panels(path, panels)
    caption = f"{data.name} {data.split}: image and phrase, truth, {', '.join(one.row.label for one in done)}"
    section = Section(
        f"Examples of {data.name} {data.split}",
        f"{len(examples)} phrases drawn at random (seed {EXAMPLE_SEED}), each of another image; none was chosen by "
        f"hand. The number above a mask is its IoU in percent. Trained with seed {setting.seeds[0]}.",
        pictures=[(path, caption)],
    )
    return Findings(outcomes, [section], [one.value[1] for one in done if one.value is not None])


def _predict(
    setting: Setting, data: ReferringDataset, examples: Examples, trained: TrainedRow
) -> tuple[list[Mask], str]:
    """The mask of each example, and the leak stamp."""
    segmenter = Segmenter(trained.model, device_of(setting), trained.row.variant.densecrf)
    masks = [
        segmenter.predict_masks(data.image(expression.image_id), [expression.text], setting.protocol)[0]
        for expression, _ in examples
    ]
    return masks, leak_stamp(trained, data)


def _panel(
    data: ReferringDataset,
    example: tuple[Expression, Mask],
    place: int,
    done: Sequence[Outcome[tuple[list[Mask], str]]],
) -> Panel:
    expression, truth = example
    image = data.image(expression.image_id)
    pictures = {"truth": overlay(image, truth)}
    for one in done:
        if one.value is not None:
            mask = one.value[0][place]
            pictures[f"{one.row.label}: {100 * iou(mask, truth):.0f}"] = overlay(image, mask)
    return Panel(image, expression.text, pictures)
