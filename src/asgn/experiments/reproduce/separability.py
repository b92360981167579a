"""Table IV: how well a linear SVM tells the masks of rows with and without AT from true ones."""

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
from asgn.experiments.reproduce.config import ReproductionConfig, Scoring
from asgn.experiments.reproduce.results import Results, spread
from asgn.experiments.reproduce.trained import TrainedRow
from asgn.models.weights_file import sha256_of

_NETWORKS = {"alexnet": "AlexNet's fc7", "squeezenet": "SqueezeNet 1.1's last layer, averaged over positions"}


def open_network(scoring: Scoring) -> FeatureNetwork:
    """The network that describes masks.

    Raises:
        UserError: it needs a file that was not given, or its weights cannot be downloaded or read.
    """
    if scoring.features == "squeezenet":
        if scoring.feature_weights is None:
            raise UserError("squeezenet needs its weights: give them with --weights-features FILE")
        return squeezenet_pooled(scoring.feature_weights)
    try:
        return alexnet_fc7(scoring.feature_weights)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            f"cannot download AlexNet's weights ({error}): give them with --weights-features FILE, or take "
            "--features squeezenet with a file of its own"
        ) from error


def separability_row(config: ReproductionConfig, trained: TrainedRow, data: ReferringDataset) -> dict[str, Any]:
    """The SVMs' accuracies on the masks of a row, and how many of those are empty."""
    scoring = config.scoring
    images = min(IMAGES, scoring.limit or IMAGES)

    def compute() -> dict[str, Any]:
        segmenter, network = trained.segmenter(scoring), open_network(scoring)
        pairs = collect_pairs(
            lambda image, phrases: segmenter.predict_masks(image, phrases, scoring.protocol), data, images=images
        )
        empty = 100 * float((~pairs.predicted.any(axis=(1, 2))).mean())
        found = measure_separability(pairs, network).to_json()
        return found | {"images": len(pairs.true), "empty": empty, "leak_stamp": trained.leak_stamp(data)}

    weights = scoring.feature_weights
    name = f"separability-{data.split}-{scoring.features}"
    features = None if weights is None else sha256_of(weights)
    found = trained.remember(name, data, scoring, compute, images=images, features=features)
    return {**found, "SVM accuracy": found["mean"], "empty predictions (%)": found["empty"]}


def separability_text(results: Results) -> str:
    """What the numbers of Table IV are."""
    split = results.splits.scored[0].split
    images = next((values["images"] for row in results.config.rows for values in results.of(row, split).values()), 0)
    return (
        f"A linear SVM learns from half of {images:,} images to tell predicted masks from true ones and is tested on "
        f"the other half; both masks of an image are in one half. Masks are described by "
        f"{_NETWORKS[results.config.scoring.features]}. 50 % is chance; the lower, the more predictions look like true "
        f"masks. Mean ± standard deviation over the trained seeds, of the means over {len(SEEDS)} SVMs. An empty "
        "prediction is told from a true mask without any skill, so its share is given too."
    )


def model_sections(results: Results) -> list[Section]:
    """The accuracies of each trained model."""
    split = results.splits.scored[0].split
    lines = [
        [row.label, str(seed), spread(found["accuracies"]), f"{found['training_masks']:,}", f"{found['test_masks']:,}"]
        for row in results.config.rows
        for seed, found in results.of(row, split).items()
    ]
    text = "Mean ± standard deviation over five SVMs, each with another division of the images."
    header = ("row", "seed", "accuracy (%)", "training masks", "test masks")
    return [Section("Each trained model", text, header, lines)]
