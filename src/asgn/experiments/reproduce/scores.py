"""What a trained row scores and costs on a split, kept beside its run."""

from typing import Any

from asgn.config import ModelConfig
from asgn.data.files.json_file import read_json
from asgn.data.types import Expression, Mask, ReferringDataset
from asgn.evaluation.shape import Shape, compare_shapes, summarise_shapes
from asgn.experiments.reproduce.config import ReproductionConfig
from asgn.experiments.reproduce.trained import TrainedRow
from asgn.experiments.runs.scoring import evaluate
from asgn.experiments.runs.summary import SUMMARY
from asgn.models.complexity import complexity


def score_row(config: ReproductionConfig, trained: TrainedRow, data: ReferringDataset) -> dict[str, Any]:
    """Every score and the rest of an evaluation's JSON, or what an earlier call has found; paired, shapes too.

    Raises:
        DataError: an image or mask cannot be read.
        MissingExtraError: the row has dense CRF, which is not installed.
    """
    scoring, densecrf = config.scoring, trained.row.variant.densecrf
    shapes: dict[str, Shape] = {}

    def keep_shape(item: Expression, mask: Mask, no_target: bool | None) -> None:
        truth = data.mask(item)
        if truth.any():
            shapes[str(item.sentence_id)] = compare_shapes(mask, truth)

    def compute() -> dict[str, Any]:
        keep = keep_shape if config.is_paired else None
        segmenter = trained.segmenter(scoring)
        evaluation = evaluate(segmenter, data, protocol=scoring.protocol, limit=scoring.limit, keep_mask=keep)
        return {
            "variant": str(trained.row.variant),
            "seed": trained.seed,
            "device": scoring.device.type,
            **evaluation.to_json(),
            "predict_seconds": evaluation.predict_seconds,
            "pixels": evaluation.scores.to_json(),
            **({"shapes": shapes, "shape": summarise_shapes(shapes.values())} if config.is_paired else {}),
        }

    name = f"{data.split}-{scoring.protocol}" + ("-shapes" if config.is_paired else "")
    found = trained.remember(name, data, scoring, compute, densecrf=densecrf)
    return {**found, **found["scores"], **found.get("shape", {})}


def cost_row(config: ReproductionConfig, trained: TrainedRow, data: ReferringDataset) -> dict[str, Any]:
    """The scores, and Table V's hours, seconds and memory."""
    found, summary = score_row(config, trained, data), trained.folder / SUMMARY
    return {
        **found,
        "training hours": trained.training_seconds / 3600,
        "test seconds": found["predict_seconds"],
        "memory MB": complexity(ModelConfig(**trained.header["model"])).checkpoint_megabytes,
        "peak GiB in training": read_json(summary)["peak_gibibytes"] if summary.exists() else None,
        "ms a phrase": 1000 * found["seconds_per_phrase"],
    }
