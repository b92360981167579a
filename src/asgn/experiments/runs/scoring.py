"""A trained model's scores on a split."""


import torch
from accelerate.utils import gather_object
from torch import distributed

from asgn.checkpoint import Model
from asgn.data.types import ReferringDataset
from asgn.evaluation.evaluate import Evaluation, KeepMask, Progress, Share, evaluate
from asgn.experiments.runs.leaks import leak_stamp_of
from asgn.inference.segmenter import Segmenter


def evaluate_model(
    model: Model,
    data: ReferringDataset,
    *,
    device: torch.device,
    protocol: str = "clean",
    densecrf: bool = False,
    control_seed: int | None = None,
    limit: int | None = None,
    keep_mask: KeepMask | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score a model on a split (see `evaluate`); several processes share its images, and all get the scores."""
    segmenter = Segmenter(model, device, densecrf)
    return evaluate(
        lambda image, phrases: segmenter.predict_masks(image, phrases, protocol),
        data,
        protocol=protocol,
        control_seed=control_seed,
        limit=limit,
        leak_stamp=leak_stamp_of(model, data),
        keep_mask=keep_mask,
        share=own_share(),
        progress=progress,
    )


def own_share() -> Share:
    """This process's part of an evaluation."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return Share()
    return Share(distributed.get_rank(), distributed.get_world_size(), gather_object)


