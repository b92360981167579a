"""Figures 6 and 7: predictions and validation scores over the steps of training, with and without AT."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from asgn.data.files.json_file import read_json
from asgn.data.types import Image
from asgn.errors import UserError
from asgn.experiments.report import Panel, Section, draw_panels
from asgn.experiments.reproduce.charts import draw_bands
from asgn.experiments.reproduce.outcomes import Findings, Outcome, Say, run_rows
from asgn.experiments.reproduce.pages import page_name
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.runs import TrainedRow
from asgn.experiments.reproduce.setting import Setting, Splits
from asgn.experiments.reproduce.summary import MISSING, spread
from asgn.experiments.runs.validation_panel import SIDE
from asgn.training.recorder import METRICS, curves

COLUMNS = 5
"""Steps shown in Figure 6."""

Curve = Mapping[int, Sequence[float]]
"""The values of all seeds, by step."""


@dataclass(frozen=True)
class StepPictures:
    """The validation panels of one run: phrases, and a picture for each step (see `ValidationPanel`)."""

    phrases: list[str]
    pictures: dict[int, Path]


def step_figure(setting: Setting, splits: Splits, rows: Sequence[Row], say: Say) -> Findings:
    """Figure 6: the probability that each row gives at five steps, from the panels that its run drew."""
    outcomes = run_rows(setting, splits, rows, _step_pictures, say)
    done = [(one.row, one.value) for one in outcomes if one.value is not None]
    if not done:
        return Findings(outcomes, [], [])
    steps = spread_steps(set.intersection(*({*value.pictures} for _, value in done)), COLUMNS)
    count = min(setting.panels, len(done[0][1].phrases))
    panels = [_step_panel(row, value, place, steps) for place in range(count) for row, value in done]
    path = setting.out / f"{page_name(setting, 'figure6')}.png"
    draw_panels(path, panels)
    names = ", then ".join(row.label for row, _ in done)
    section = Section(
        f"Predictions on {setting.data} {splits.validation.split} while training proceeds",
        f"For each phrase a line of each row: {names}. Image, truth, and the probability after so many steps, dark for "
        f"0 and bright for 1. The phrases lie evenly over the split. Trained with seed {setting.seeds[0]}.",
        pictures=[(path, f"{names}: probability after {', '.join(f'{step:,}' for step in steps)} steps")],
    )
    return Findings(outcomes, [section], [])


def _step_pictures(trained: TrainedRow) -> StepPictures:
    folder = trained.folder / "panel"
    found = {int(path.stem.removeprefix("step-")): path for path in sorted(folder.glob("step-*.png"))}
    if not found:
        raise UserError(f"{trained.folder} has no panels: train it again, with --validate-every N")
    return StepPictures([str(entry["phrase"]) for entry in read_json(folder / "phrases.json")], found)


def spread_steps(steps: set[int], count: int) -> list[int]:
    """At most `count` of the steps, evenly spread, the last among them."""
    ordered = sorted(steps)
    count = min(count, len(ordered))
    return [ordered[(place + 1) * len(ordered) // count - 1] for place in range(count)]


def _step_panel(row: Row, run: StepPictures, place: int, steps: Sequence[int]) -> Panel:
    columns = {step: _column(run.pictures[step], place) for step in steps}
    image, truth = (columns[steps[-1]][part * SIDE : (part + 1) * SIDE] for part in (0, 1))
    found = {f"{row.label}, step {step:,}": column[2 * SIDE :] for step, column in columns.items()}
    return Panel(image, run.phrases[place], {"truth": truth, **found})


def _column(path: Path, place: int) -> Image:
    """(3 * SIDE, SIDE, 3): photograph, truth and probability of one phrase."""
    with Pillow.open(path) as picture:
        pixels: Image = np.asarray(picture.convert("RGB"))[:, place * SIDE : (place + 1) * SIDE]
    return pixels


def curve_figure(setting: Setting, splits: Splits, rows: Sequence[Row], say: Say) -> Findings:
    """Figure 7: validation oIoU over training, with and without AT."""
    outcomes = run_rows(setting, splits, rows, _curve, say)
    merged = {row.label: _merge([one for one in outcomes if one.row == row]) for row in rows}
    drawn = {name: curve for name, curve in merged.items() if curve}
    path = setting.out / f"{page_name(setting, 'figure7')}.png"
    draw_bands(path, drawn, "validation oIoU (%)")
    images = setting.train.validation_limit
    text = f"oIoU on {setting.data} {splits.validation.split}" + (f", {images} images" if images else "")
    if any(len(curve) == 1 for curve in drawn.values()):
        text += ". A run was validated at its end alone: for a curve, train with --validate-every N and another --runs"
    section = Section(
        f"Validation on {setting.data} {splits.validation.split} over training",
        f"{text}. Mean ± standard deviation over the seeds. The paper's claims for AT: a higher curve, fewer steps to "
        "the same score, less over-fitting, which is a smaller loss from the best step to the last.",
        ("row", "seeds", "last", "best", "at step", "lost since", "steps to the lower best"),
        _summary(drawn),
        [(path, "mean of the seeds; the band is their standard deviation")],
    )
    return Findings(outcomes, [section], [])


def _curve(trained: TrainedRow) -> list[tuple[int, float]]:
    return curves(trained.folder / METRICS, "validation").get("oIoU", [])


def _merge(outcomes: Sequence[Outcome[list[tuple[int, float]]]]) -> Curve:
    """The values of all seeds at the steps that every seed has."""
    found = [dict(one.value) for one in outcomes if one.value]
    steps = set.intersection(*({*curve} for curve in found)) if found else set()
    return {step: [curve[step] for curve in found] for step in sorted(steps)}


def _summary(drawn: Mapping[str, Curve]) -> list[list[str]]:
    means = {name: {step: statistics.mean(values) for step, values in curve.items()} for name, curve in drawn.items()}
    level = min((max(curve.values()) for curve in means.values()), default=0.0)
    lines = []
    for name, curve in means.items():
        last, best = max(curve), max(curve, key=lambda step: curve[step])
        reached = next((f"{step:,}" for step, value in curve.items() if value >= level), MISSING)
        values = drawn[name]
        lost = f"{curve[best] - curve[last]:.2f}"
        seeds = str(len(values[last]))
        lines.append([name, seeds, spread(values[last]), spread(values[best]), f"{best:,}", lost, reached])
    return lines
