"""The scores of trained rows, kept beside their runs."""

from collections.abc import Mapping
from typing import Any

from asgn.data.types import ReferringDataset
from asgn.experiments.reproduce.outcomes import Outcome, remember
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.runs import TrainedRow
from asgn.experiments.reproduce.setting import Setting
from asgn.experiments.reproduce.walk import device_of
from asgn.experiments.runs.leaks import leak_stamp_of
from asgn.experiments.runs.scoring import evaluate
from asgn.inference.segmenter import Segmenter

ScoresBySplit = dict[str, dict[str, Any]]
"""The JSON of an evaluation, by split."""


def score_row(setting: Setting, data: tuple[ReferringDataset, ...], trained: TrainedRow) -> ScoresBySplit:
    """Score a row on every split, or read what an earlier call has found.

    Raises:
        DataError: an image or mask cannot be read.
        MissingExtraError: the row has dense CRF, which is not installed.
    """
    return {split.split: _score(setting, split, trained) for split in data}


def _score(setting: Setting, data: ReferringDataset, trained: TrainedRow) -> dict[str, Any]:
    densecrf = trained.row.variant.densecrf
    key = {
        "weights": trained.identity,
        "fingerprint": data.fingerprint(),
        "protocol": setting.protocol,
        "limit": setting.limit,
        "densecrf": densecrf,
    }
    name = f"{data.split}-{setting.protocol}" + ("-densecrf" if densecrf else "")

    def compute() -> dict[str, Any]:
        device = device_of(setting)
        segmenter = Segmenter(trained.model, device, densecrf)
        evaluation = evaluate(segmenter, data, protocol=setting.protocol, limit=setting.limit)
        return {
            "variant": str(trained.row.variant),
            "seed": trained.seed,
            "device": device.type,
            **evaluation.to_json(),
            "predict_seconds": evaluation.predict_seconds,
            "pixels": evaluation.scores.to_json(),
        }

    return remember(trained.folder / "scores" / f"{name}.json", key, compute)


def leak_stamp(trained: TrainedRow, data: ReferringDataset) -> str:
    """What the checkpoint's audit has to say of a score on this split."""
    return f"{data.split}: {leak_stamp_of(trained.model, data)}"


def values_of(outcomes: list[Outcome[ScoresBySplit]], row: Row, split: str, metric: str) -> dict[int, float]:
    """One measure of a row, by seed; seeds that failed or do not define it are left out."""
    found: Mapping[int, Any] = {
        outcome.seed: outcome.value[split]["scores"][metric]
        for outcome in outcomes
        if outcome.row == row and outcome.value is not None
    }
    return {seed: float(value) for seed, value in found.items() if value is not None}
