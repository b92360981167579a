"""A trained model's scores on a split."""

from accelerate.utils import gather_object
from torch import distributed

from asgn.data.types import Image, ReferringDataset
from asgn.evaluation.evaluate import Answers, Evaluation, KeepMask, Shard
from asgn.evaluation.evaluate import evaluate as evaluate_masks
from asgn.experiments.runs.leaks import leak_stamp_of
from asgn.inference.segmenter import Segmenter
from asgn.progress import Progress, silent


def evaluate(
    segmenter: Segmenter,
    data: ReferringDataset,
    *,
    protocol: str = "clean",
    control_seed: int | None = None,
    limit: int | None = None,
    keep_mask: KeepMask | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Score a model on a split; several processes share its images, and all get the scores.

    Masks are scored whether or not the model finds its phrase's object present; that a presence is under the model's
    threshold is its flag that a phrase has no target, for the generalised scores.

    Args:
        segmenter: the model.
        data: the split, such as of `open_dataset`.
        protocol: `clean` resizes logits, then binarises; `reference` binarises first (protocol section 5).
        control_seed: when given, the masks of phrases shuffled with this seed are scored too.
        limit: score at most this many images, spread evenly over the split.
        keep_mask: called with each expression, the mask that was scored for it, and the flag.
        progress: called after each image with the images done and their total.

    Raises:
        DataError: the split is empty, or an image or mask cannot be read.
        UserError: the protocol is unknown.
    """
    threshold = segmenter.presence_threshold

    def answer(image: Image, phrases: list[str]) -> Answers:
        masks, presences = segmenter.predict(image, phrases, protocol)
        return Answers(masks, [presence < threshold for presence in presences])

    return evaluate_masks(
        answer,
        data,
        protocol=protocol,
        no_target_flag=f"the presence is under {threshold:.3f}",
        control_seed=control_seed,
        limit=limit,
        leak_stamp=leak_stamp_of(segmenter.model, data),
        keep_mask=keep_mask,
        shard=own_shard(),
        progress=progress,
    )


def own_shard() -> Shard:
    """This process's part of an evaluation."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return Shard()
    return Shard(distributed.get_rank(), distributed.get_world_size(), gather_object)
