"""The threshold delta of Section IV-E: oIoU at the six values that the paper tried, read in both ways.

The paper binarises at delta = 1e-9. On the logit that is one half of probability, as its base code has it; on the
probability it would mark nearly everything (protocol section 5).
"""

import math
from collections.abc import Sequence
from typing import Any

from asgn.data.by_image import by_image
from asgn.data.transforms import crop_and_resize
from asgn.data.types import ReferringDataset
from asgn.evaluation.metrics import SegmentationScores
from asgn.experiments.report import Section
from asgn.experiments.reproduce.outcomes import Outcome, remember
from asgn.experiments.reproduce.paper import THRESHOLDS
from asgn.experiments.reproduce.runs import TrainedRow
from asgn.experiments.reproduce.setting import Setting
from asgn.experiments.reproduce.summary import over_seeds, spread
from asgn.experiments.reproduce.walk import device_of
from asgn.inference.segmenter import Segmenter

READINGS = ("logit", "probability")


def threshold_scores(setting: Setting, data: ReferringDataset, trained: TrainedRow) -> dict[str, Any]:
    """The oIoU of each reading and threshold, by their names; kept beside the run."""
    key = {"weights": trained.identity, "fingerprint": data.fingerprint(), "limit": setting.limit}
    path = trained.folder / "scores" / f"thresholds-{data.split}.json"
    return remember(path, key, lambda: {"oIoU": _measure(setting, data, trained)})


def _measure(setting: Setting, data: ReferringDataset, trained: TrainedRow) -> dict[str, dict[str, float | None]]:
    segmenter = Segmenter(trained.model, device_of(setting))
    levels = {(reading, delta): as_logit(reading, delta) for reading in READINGS for delta in THRESHOLDS}
    scores = {name: SegmentationScores() for name in levels}
    for group in by_image(data.expressions, setting.limit):
        encoded = segmenter.encode(data.image(group[0].image_id))
        texts = [segmenter.vocabulary.encode(item.text) for item in group]
        for item, square in zip(group, segmenter.pixel_logits(encoded, texts), strict=True):
            logits, truth = crop_and_resize(square, encoded.height, encoded.width), data.mask(item)
            for name, level in levels.items():
                scores[name].add(item.sentence_id, (logits >= level).numpy(), truth)
    return {
        reading: {f"{delta:g}": scores[reading, delta].summary()["oIoU"] for delta in THRESHOLDS}
        for reading in READINGS
    }


def as_logit(reading: str, delta: float) -> float:
    """The logit from which a pixel is marked."""
    return delta if reading == "logit" else math.log(delta) - math.log1p(-delta)


def threshold_section(setting: Setting, split: str, label: str, outcomes: Sequence[Outcome[dict[str, Any]]]) -> Section:
    """The thresholds of one row, whose lambda is the paper's choice."""
    rows = []
    for reading in READINGS:
        found = [outcome.value["oIoU"][reading] for outcome in outcomes if outcome.value is not None]
        values = [[one[f"{delta:g}"] for one in found if one[f"{delta:g}"] is not None] for delta in THRESHOLDS]
        rows.append([f"delta on the {reading}", *map(spread, values)])
    return Section(
        f"The threshold delta on {setting.data} {split}",
        f"oIoU of {label} in percent, {over_seeds(setting.seeds)}. The paper found its six values comparable "
        "and prints no numbers; delta on the logit is what its base code does.",
        ("", *(f"{delta:g}" for delta in THRESHOLDS)),
        rows,
    )
