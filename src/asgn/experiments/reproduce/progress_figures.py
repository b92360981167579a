"""Figures 6 and 7: predictions and validation scores over the steps of training, with and without AT."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from asgn.data.files.json_file import read_json
from asgn.data.types import Image, ReferringDataset
from asgn.errors import UserError
from asgn.experiments.report import Panel, Section, draw_panels
from asgn.experiments.reproduce.charts import draw_bands
from asgn.experiments.reproduce.config import ReproductionConfig
from asgn.experiments.reproduce.results import MISSING, Results, spread
from asgn.experiments.reproduce.trained import TrainedRow
from asgn.experiments.runs.validation_panel import SIDE
from asgn.training.recorder import METRICS, read_metrics

COLUMNS = 5
"""Steps shown in Figure 6."""


def picture_row(config: ReproductionConfig, trained: TrainedRow, data: ReferringDataset) -> dict[str, Any]:
    """The validation panels of one run: phrases, and a picture for each step (see `ValidationPanel`)."""
    folder = trained.folder / "panel"
    found = {int(path.stem.removeprefix("step-")): path for path in sorted(folder.glob("step-*.png"))}
    if not found:
        raise UserError(f"{trained.folder} has no panels: train it again, with --validate-every N")
    return {"phrases": [str(entry["phrase"]) for entry in read_json(folder / "phrases.json")], "pictures": found}


def picture_sections(results: Results) -> list[Section]:
    """Figure 6: the probability that each row gives at five steps, from the panels that its run drew."""
    config, split = results.config, results.splits.validation.split
    done = [(one.row, one.values[split]) for one in results.done if one.values is not None]
    if not done:
        return []
    steps = spread_steps(set.intersection(*({*run["pictures"]} for _, run in done)), COLUMNS)
    panels = []
    for place in range(min(config.scoring.panels, len(done[0][1]["phrases"]))):
        for row, run in done:
            columns = {step: _column(run["pictures"][step], place) for step in steps}
            image, truth = (columns[steps[-1]][part * SIDE : (part + 1) * SIDE] for part in (0, 1))
            found = {f"{row.label}, step {step:,}": column[2 * SIDE :] for step, column in columns.items()}
            panels.append(Panel(image, run["phrases"][place], {"truth": truth, **found}))
    path = config.out / f"{config.name}.png"
    draw_panels(path, panels)
    names = ", then ".join(row.label for row, _ in done)
    return [
        Section(
            f"Predictions on {config.data} {split} while training proceeds",
            f"For each phrase a line of each row: {names}. Image, truth, and the probability after so many steps, dark "
            f"for 0 and bright for 1. The phrases lie evenly over the split. Trained with seed {config.seeds[0]}.",
            pictures=[(path, f"{names}: probability after {', '.join(f'{step:,}' for step in steps)} steps")],
        )
    ]


def spread_steps(steps: set[int], count: int) -> list[int]:
    """At most `count` of the steps, evenly spread, the last among them."""
    ordered = sorted(steps)
    count = min(count, len(ordered))
    return [ordered[(place + 1) * len(ordered) // count - 1] for place in range(count)]


def _column(path: Path, place: int) -> Image:
    """(3 * SIDE, SIDE, 3): image, truth and probability of one phrase."""
    with Pillow.open(path) as picture:
        pixels: Image = np.asarray(picture.convert("RGB"))[:, place * SIDE : (place + 1) * SIDE]
    return pixels


def curve_row(config: ReproductionConfig, trained: TrainedRow, data: ReferringDataset) -> dict[str, Any]:
    """The oIoU of each validation of a run, by its step and the number of expressions validated on."""
    lines = [line for line in read_metrics(trained.folder / METRICS) if line["kind"] == "validation"]
    return {"curve": {(line["step"], line.get("expressions")): line["oIoU"] for line in lines if "oIoU" in line}}


def curve_sections(results: Results) -> list[Section]:
    """Figure 7: validation oIoU over training, with and without AT, where all were validated on the same images."""
    config, split = results.config, results.splits.validation.split
    curves = {row.label: [run["curve"] for run in results.of(row, split).values()] for row in config.rows}
    every = [curve for found in curves.values() for curve in found]
    shared = sorted(set.intersection(*({*curve} for curve in every))) if every else []
    drawn = {name: {step: [c[step, n] for c in found] for step, n in shared} for name, found in curves.items() if found}
    title, images = f"Validation on {config.data} {split} over training", {count for _, count in shared}
    if len(images) != 1:
        why = "The runs share no step at which all were validated on the same images, so their curves do not compare"
        return [Section(title, f"{why}: train them with one --validate-every and --validation-limit, in other --runs.")]
    path = config.out / f"{config.name}.png"
    draw_bands(path, drawn, "validation oIoU (%)")
    (count,) = images
    counted = "expressions that the runs did not count" if count is None else f"{count:,} expressions"
    text = f"oIoU on {config.data} {split}, {counted}, at the {len(shared):,} steps that every run was validated at"
    if len(shared) == 1:
        text += ". A run was validated at its end alone: for a curve, train with --validate-every N and another --runs"
    return [
        Section(
            title,
            f"{text}. Mean ± standard deviation over the seeds. The paper's claims for AT: a higher curve, fewer steps "
            "to the same score, less over-fitting, which is a smaller loss from the best step to the last.",
            ("row", "seeds", "last", "best", "at step", "lost since", "steps to the lower best"),
            _summary(drawn),
            [(path, "mean of the seeds; the band is their standard deviation")],
        )
    ]


def _summary(drawn: Mapping[str, Mapping[int, Sequence[float]]]) -> list[list[str]]:
    means = {name: {step: statistics.mean(values) for step, values in curve.items()} for name, curve in drawn.items()}
    level = min((max(curve.values()) for curve in means.values()), default=0.0)
    lines = []
    for name, curve in means.items():
        last, best = max(curve), max(curve, key=lambda step: curve[step])
        reached = next((f"{step:,}" for step, value in curve.items() if value >= level), MISSING)
        values = drawn[name]
        seeds, lost = str(len(values[last])), f"{curve[best] - curve[last]:.2f}"
        lines.append([name, seeds, spread(values[last]), spread(values[best]), f"{best:,}", lost, reached])
    return lines
