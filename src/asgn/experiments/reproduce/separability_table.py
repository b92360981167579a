"""Table IV: how well a linear SVM tells the masks of rows with and without AT from true ones."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from asgn.data.types import ReferringDataset
from asgn.errors import CheckpointError, UserError
from asgn.evaluation.separability import (
    IMAGES,
    SEEDS,
    FeatureNetwork,
    alexnet_fc7,
    collect_pairs,
    measure_separability,
    squeezenet_pooled,
)
from asgn.experiments.report import Section
from asgn.experiments.reproduce.charts import draw_bars
from asgn.experiments.reproduce.outcomes import Findings, Outcome, Say, remember, run_rows
from asgn.experiments.reproduce.pages import page_name, published_sections
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.runs import TrainedRow
from asgn.experiments.reproduce.scores import leak_stamp
from asgn.experiments.reproduce.setting import Features, Setting, Splits
from asgn.experiments.reproduce.summary import difference, number, published_value, spread
from asgn.experiments.reproduce.walk import device_of
from asgn.inference.segmenter import Segmenter
from asgn.models.weights_file import sha256_of

_METRIC = "SVM accuracy"
_NETWORKS = {"alexnet": "AlexNet's fc7", "squeezenet": "SqueezeNet 1.1's last layer, averaged over positions"}


def separability_table(setting: Setting, splits: Splits, rows: Sequence[Row], say: Say) -> Findings:
    """Train and measure the rows on the first scored split.

    Raises:
        UserError: the network that describes masks cannot be had.
    """
    network, data = open_network(setting.features), splits.scored[0]
    outcomes = run_rows(setting, splits, rows, partial(_measure, setting, data, network), say)
    stamps = [one.value["leak_stamp"] for one in outcomes if one.value is not None]
    return Findings(outcomes, _sections(setting, data, rows, outcomes), stamps)


def open_network(features: Features) -> FeatureNetwork:
    """The network that describes masks.

    Raises:
        UserError: it needs a file that was not given, or its weights cannot be downloaded or read.
    """
    if features.name == "squeezenet":
        if features.weights is None:
            raise UserError("squeezenet needs its weights: give them with --weights-features FILE")
        return squeezenet_pooled(features.weights)
    try:
        return alexnet_fc7(features.weights)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            f"cannot download AlexNet's weights ({error}): give them with --weights-features FILE, or take "
            "--features squeezenet with a file of its own"
        ) from error


def _measure(setting: Setting, data: ReferringDataset, network: FeatureNetwork, trained: TrainedRow) -> dict[str, Any]:
    weights = setting.features.weights
    images = min(IMAGES, setting.limit or IMAGES)
    key = {
        "weights": trained.identity,
        "fingerprint": data.fingerprint(),
        "protocol": setting.protocol,
        "images": images,
        "features": None if weights is None else sha256_of(weights),
    }

    def compute() -> dict[str, Any]:
        segmenter = Segmenter(trained.model, device_of(setting), trained.row.variant.densecrf)
        pairs = collect_pairs(
            lambda image, phrases: segmenter.predict_masks(image, phrases, setting.protocol), data, images=images
        )
        empty = 100 * float((~pairs.predicted.any(axis=(1, 2))).mean())
        found = measure_separability(pairs, network).to_json()
        return found | {"images": len(pairs.true), "empty": empty, "leak_stamp": leak_stamp(trained, data)}

    name = f"separability-{data.split}-{setting.features.name}.json"
    return remember(trained.folder / "scores" / name, key, compute)


def _sections(
    setting: Setting, data: ReferringDataset, rows: Sequence[Row], outcomes: list[Outcome[dict[str, Any]]]
) -> list[Section]:
    found = {row.label: [one for one in outcomes if one.row == row and one.value is not None] for row in rows}
    printed = [published_value(row.published, setting.data, data.split, _METRIC) for row in rows]
    if setting.features.name != "alexnet":
        printed = [None] * len(rows)
    compares = any(value is not None for value in printed)
    sections = [
        Section(
            f"Measured on {setting.data} {data.split}",
            _explanation(setting, outcomes),
            ("row", "seeds", "accuracy (%)", "empty predictions (%)", *(("paper", "difference") if compares else ())),
            [_row_line(row, found[row.label], value, compares) for row, value in zip(rows, printed, strict=True)],
        ),
        Section(
            "Each trained model",
            "Mean ± standard deviation over five SVMs, each with another division of the images.",
            ("row", "seed", "accuracy (%)", "training masks", "test masks"),
            [
                [row.label, str(one.seed), spread(one.value["accuracies"]), *_masks(one.value)]
                for row in rows
                for one in found[row.label]
                if one.value is not None
            ],
        ),
        Section("Accuracy of the rows", pictures=[_chart(setting, data.split, rows, found, printed)]),
    ]
    return sections + published_sections(setting, "table4", rows)


def _explanation(setting: Setting, outcomes: Sequence[Outcome[dict[str, Any]]]) -> str:
    images = next((one.value["images"] for one in outcomes if one.value is not None), 0)
    return (
        f"A linear SVM learns from half of {images:,} images to tell predicted masks from true ones and is tested on "
        f"the other half; both masks of an image are in one half. Masks are described by "
        f"{_NETWORKS[setting.features.name]}. 50 % is chance; the lower, the more predictions look like true masks. "
        f"Mean ± standard deviation over the trained seeds, of the means over {len(SEEDS)} SVMs. An empty prediction "
        "is told from a true mask without any skill, so its share is given too."
    )


def _row_line(row: Row, found: Sequence[Outcome[dict[str, Any]]], printed: float | None, compares: bool) -> list[str]:
    values = [one.value["mean"] for one in found if one.value is not None]
    empty = [one.value["empty"] for one in found if one.value is not None]
    line = [row.label, str(len(values)) if values else "failed", spread(values), spread(empty, 1)]
    return [*line, number(printed, _METRIC), difference(values, printed)] if compares else line


def _masks(value: dict[str, Any]) -> list[str]:
    return [f"{value['training_masks']:,}", f"{value['test_masks']:,}"]


def _chart(
    setting: Setting,
    split: str,
    rows: Sequence[Row],
    found: dict[str, list[Outcome[dict[str, Any]]]],
    printed: Sequence[float | None],
) -> tuple[Any, str]:
    path = setting.out / f"{page_name(setting, 'table4')}.png"
    bars = [[one.value["mean"] for one in found[row.label] if one.value is not None] for row in rows]
    labels = [row.label for row in rows]
    draw_bars(path, labels, {split: bars}, {split: printed}, "SVM accuracy (%)", levels={"chance": 50})
    return path, "accuracy of the SVM; a dot for each trained seed"
