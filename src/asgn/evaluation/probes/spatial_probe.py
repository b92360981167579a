"""Left, right, top and bottom: of two objects of one kind, does the phrase choose the right one?"""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from asgn.data.by_image import image_ids
from asgn.data.expressions import templates
from asgn.data.expressions.predicates import SIDES, SceneObject, is_clearly_before
from asgn.data.files.coco_instances import Instances
from asgn.data.files.masks import iou
from asgn.data.photographs.quality import Sources
from asgn.data.photographs.scene_objects import Names
from asgn.data.types import ReferringDataset
from asgn.errors import DataError
from asgn.evaluation.evaluate import Predict
from asgn.evaluation.probes.binomial import Share
from asgn.progress import Progress, silent

MIN_AREA = 0.005
"""Share of the image that either object of a pair covers at least."""


@dataclass(frozen=True)
class SideQuestion:
    """A phrase that means one of two objects of a kind by the side on which it lies."""

    image_id: int
    side: str
    text: str
    meant: int
    """Annotation id of the object that the phrase means."""
    other: int
    """Annotation id of the one that it does not mean."""


def instances_of(dataset: ReferringDataset) -> Instances:
    """The annotated objects behind a split. Raises DataError for a data set without any."""
    instances = getattr(dataset, "instances", None)
    if not isinstance(instances, Instances) or not instances.annotations:
        raise DataError(f"data set {dataset.name!r} has no instances.json, which the questions are made from")
    return instances


def side_questions(dataset: ReferringDataset, seed: int = 0) -> list[SideQuestion]:
    """Both phrases for every pair of things of one kind that lie clearly apart, in the split's images.

    A pair is all there is of its kind in an image whose objects are all annotated, so that "left cat" can mean
    nothing else. The wording of a phrase depends on the seed and the object alone.

    Raises:
        DataError: the data set has no annotated objects, or an outline is faulty.
    """
    instances = instances_of(dataset)
    names, sources = Names(instances), Sources(instances)
    of_image: dict[int, list[int]] = defaultdict(list)
    for annotation_id, annotation in instances.annotations.items():
        of_image[annotation.image_id].append(annotation_id)
    questions: list[SideQuestion] = []
    for image_id in sorted(image_ids(dataset.expressions)):
        if not sources.is_partial(image_id):
            for pair in _pairs(instances, of_image[image_id], names):
                questions += _of_pair(image_id, *pair, seed)
    return questions


def score_sides(
    predict: Predict, dataset: ReferringDataset, questions: Sequence[SideQuestion], progress: Progress = silent
) -> dict[str, Share]:
    """How often the mask for a question overlaps the object meant more (higher IoU) than the other one, by side.

    A mask that overlaps neither is wrong.

    Args:
        predict: the model.
        dataset: the split that the questions are of.
        questions: from `side_questions`.
        progress: called after each image with the images done and their total.
    """
    instances = instances_of(dataset)
    shares = {side: Share(0, 0) for side in SIDES}
    groups: dict[int, list[SideQuestion]] = defaultdict(list)
    for question in questions:
        groups[question.image_id].append(question)
    for done, (image_id, group) in enumerate(groups.items(), start=1):
        masks = predict(dataset.image(image_id), [question.text for question in group])
        for question, mask in zip(group, masks, strict=True):
            meant, other = instances.mask(question.meant), instances.mask(question.other)
            shares[question.side] += Share(int(iou(mask, meant) > iou(mask, other)), 1)
        progress(done, len(groups))
    return shares


def _pairs(instances: Instances, annotation_ids: Sequence[int], names: Names) -> list[tuple[SceneObject, SceneObject]]:
    """The two things of every kind that has just two, where neither is a crowd or tiny, by annotation id."""
    kinds: dict[str, list[int]] = defaultdict(list)
    for annotation_id in sorted(annotation_ids):
        annotation = instances.annotations[annotation_id]
        if not names.is_stuff.get(annotation.category_id, False):
            kinds[names.of(annotation).name].append(annotation_id)
    pairs = []
    for ids in kinds.values():
        if len(ids) != 2 or any(instances.annotations[key].crowd for key in ids):
            continue
        masks = [instances.mask(key) for key in ids]
        if min(float(mask.mean()) for mask in masks) >= MIN_AREA:
            noun = names.of(instances.annotations[ids[0]])
            first, second = (SceneObject.from_mask(mask, key, noun) for mask, key in zip(masks, ids, strict=True))
            pairs.append((first, second))
    return pairs


def _of_pair(image_id: int, first: SceneObject, second: SceneObject, seed: int) -> list[SideQuestion]:
    questions = []
    for side in SIDES:
        for meant, other in ((first, second), (second, first)):
            if is_clearly_before(meant, other, side):
                rng = random.Random(f"side {seed} {meant.annotation_id} {side}")
                target = ((meant.noun.name, meant.noun.plural),)
                text = templates.phrase(side, rng, target, s=side)
                questions.append(SideQuestion(image_id, side, text, meant.annotation_id, other.annotation_id))
    return questions
