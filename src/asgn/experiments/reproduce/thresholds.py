"""The threshold delta of Section IV-E: oIoU at the six values that the paper tried, read in both ways.

The paper binarises at delta = 1e-9. On the logit that is one half of probability, as its base code has it; on the
probability it would mark nearly everything (protocol section 5).
"""

import math
from typing import Any

from asgn.config import LossConfig
from asgn.data.by_image import by_image
from asgn.data.transforms import crop_and_resize
from asgn.data.types import ReferringDataset
from asgn.evaluation.metrics import SegmentationScores
from asgn.experiments.report import Section
from asgn.experiments.reproduce.config import Scoring
from asgn.experiments.reproduce.results import Results, over_seeds, spread
from asgn.experiments.reproduce.trained import TrainedRow
from asgn.inference.segmenter import Segmenter
from asgn.paper import THRESHOLDS

READINGS = ("logit", "probability")


def threshold_sections(results: Results) -> list[Section]:
    """The thresholds of the first row with the paper's lambda, on the first scored split; none without such a row."""
    config, data = results.config, results.splits.scored[0]
    losses = {row: row.losses(config.settings.losses) for row in config.rows}
    row = next((row for row in config.rows if losses[row].ce_weight == LossConfig().ce_weight), None)
    if row is None:
        return []
    trained = [one.trained for one in results.done if one.row == row and one.trained is not None]
    found = [_threshold_scores(config.scoring, data, one)["oIoU"] for one in trained]
    lines = []
    for reading in READINGS:
        values = [[one[reading][f"{delta:g}"] for one in found] for delta in THRESHOLDS]
        defined = [[value for value in column if value is not None] for column in values]
        lines.append([f"delta on the {reading}", *map(spread, defined)])
    text = (
        f"oIoU of {row.label} in percent, {over_seeds(config.seeds)}. The paper found its six values comparable "
        "and prints no numbers; delta on the logit is what its base code does."
    )
    header = ("", *(f"{delta:g}" for delta in THRESHOLDS))
    return [Section(f"The threshold delta on {config.data} {data.split}", text, header, lines)]


def _threshold_scores(scoring: Scoring, data: ReferringDataset, trained: TrainedRow) -> dict[str, Any]:
    """The oIoU of each reading and threshold, by their names; kept beside the run."""

    def compute() -> dict[str, Any]:
        segmenter = Segmenter(trained.model, scoring.device)
        levels = {(reading, delta): as_logit(reading, delta) for reading in READINGS for delta in THRESHOLDS}
        scores = {name: SegmentationScores() for name in levels}
        for group in by_image(data.expressions, scoring.limit):
            encoded = segmenter.encode(data.image(group[0].image_id))
            texts = [segmenter.vocabulary.encode(item.text) for item in group]
            for item, square in zip(group, segmenter.pixel_logits(encoded, texts), strict=True):
                logits, truth = crop_and_resize(square, encoded.height, encoded.width), data.mask(item)
                for name, level in levels.items():
                    scores[name].add(item.sentence_id, (logits >= level).numpy(), truth)
        return {
            "oIoU": {
                reading: {f"{delta:g}": scores[reading, delta].summary()["oIoU"] for delta in THRESHOLDS}
                for reading in READINGS
            }
        }

    return trained.remember(f"thresholds-{data.split}", data, scoring, compute)


def as_logit(reading: str, delta: float) -> float:
    """The logit from which a pixel is marked."""
    return delta if reading == "logit" else math.log(delta) - math.log1p(-delta)
