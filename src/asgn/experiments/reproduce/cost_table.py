"""Table V: what the rows cost in time and memory."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from asgn.config import ModelConfig
from asgn.data.files.json_file import read_json
from asgn.experiments.report import Section
from asgn.experiments.reproduce.charts import draw_bars
from asgn.experiments.reproduce.outcomes import Findings, Outcome, Say, run_rows
from asgn.experiments.reproduce.pages import page_name, published_sections
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.runs import TrainedRow
from asgn.experiments.reproduce.scores import score_row
from asgn.experiments.reproduce.setting import Setting, Splits
from asgn.experiments.reproduce.summary import MISSING, difference, number, published_value, spread
from asgn.experiments.runs.summary import SUMMARY
from asgn.models.complexity import complexity

_MEASURES = ("oIoU", "training hours", "test seconds", "memory MB")
"""As the paper has them."""
_EXPLANATION = (
    "Training hours are those of the steps alone, validation left out. Test seconds are spent in the model over the "
    "whole split; each image is encoded once for all of its phrases, where the paper's program encodes it for every "
    "phrase. Memory is the size of a checkpoint with both of Adam's moments, which is what the paper's numbers agree "
    "with (protocol section 0); beside it the peak in use while training. Times are of the machine that made this page "
    "and compare with each other, not with the paper's GTX 1080."
)


def cost_table(setting: Setting, splits: Splits, rows: Sequence[Row], say: Say) -> Findings:
    """Train, score and time the rows on the first scored split."""
    outcomes = run_rows(setting, splits, rows, partial(_measure, setting, splits), say)
    split = splits.scored[0].split
    chart = setting.out / f"{page_name(setting, 'table5')}.png"
    seconds = [_values(outcomes, row, "test seconds") for row in rows]
    labels = [row.label for row in rows]
    draw_bars(chart, labels, {split: seconds}, {split: [None] * len(rows)}, "test time (s)")
    sections = [
        Section(
            f"Measured on {setting.data} {split}",
            _EXPLANATION,
            ("row", "seeds", *_MEASURES, "peak GiB in training", "ms a phrase", "device"),
            [line for row in rows for line in _lines(setting, split, row, outcomes)],
        ),
        Section("Test time", pictures=[(chart, f"seconds over {setting.data} {split}; a dot for each seed")]),
    ]
    sections += published_sections(setting, "table5", rows)
    return Findings(outcomes, sections, [one.value["leak_stamp"] for one in outcomes if one.value is not None])


def _measure(setting: Setting, splits: Splits, trained: TrainedRow) -> dict[str, Any]:
    data = splits.scored[0]
    found = score_row(setting, (data,), trained)[data.split]
    config = ModelConfig(**trained.header["model"])
    summary = trained.folder / SUMMARY
    return {
        "oIoU": found["scores"]["oIoU"],
        "training hours": trained.training_seconds / 3600,
        "test seconds": found["predict_seconds"],
        "memory MB": complexity(config).checkpoint_megabytes,
        "peak": read_json(summary)["peak_gibibytes"] if summary.exists() else None,
        "phrase": 1000 * found["seconds_per_phrase"],
        "device": found["device"],
        "leak_stamp": f"{data.split}: {found['leak_stamp']}",
    }


def _lines(setting: Setting, split: str, row: Row, outcomes: list[Outcome[dict[str, Any]]]) -> list[list[str]]:
    found = [_values(outcomes, row, name) for name in _MEASURES]
    devices = {one.value["device"] for one in outcomes if one.row == row and one.value is not None}
    count = str(len(found[1])) if found[1] else "failed"
    texts = [_spread(values) for values in found]
    further = [_spread(_values(outcomes, row, name)) for name in ("peak", "phrase")]
    lines = [[row.label, count, *texts, *further, "/".join(sorted(devices)) or MISSING]]
    printed = [published_value(row.published, setting.data, split, name) for name in _MEASURES]
    if any(value is not None for value in printed):
        gap = [difference(values, value) for values, value in zip(found, printed, strict=True)]
        lines.append([f"paper: {row.printed}", "", *map(number, printed), "", "", "GTX 1080"])
        lines.append(["difference", "", *gap, "", "", ""])
    return lines


def _spread(values: Sequence[float]) -> str:
    """Four decimals for what is under 1; one value alone where all are the same, as those of memory are."""
    return spread(values if len(set(values)) > 1 else values[:1], 2 if max(values, default=0) >= 1 else 4)


def _values(outcomes: Sequence[Outcome[dict[str, Any]]], row: Row, name: str) -> list[float]:
    values = [one.value[name] for one in outcomes if one.row == row and one.value is not None]
    return [value for value in values if value is not None]
