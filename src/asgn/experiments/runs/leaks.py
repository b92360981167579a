"""The audit of a run's training images: before training, and in every score of its model."""

from collections.abc import Mapping
from typing import Any

from asgn.checkpoint import Model, ModelDescription
from asgn.data.checks.image_origin import ImageLists
from asgn.data.checks.leaks import LeakStamp, audit
from asgn.data.types import ReferringDataset
from asgn.errors import UserError
from asgn.variants import BackboneName


def check_leaks(data: ReferringDataset, lists: ImageLists, backbone: BackboneName | None, allow: bool) -> LeakStamp:
    """The audit that the checkpoint carries; `backbone` is None where its weights are random.

    Raises:
        UserError: training images are evaluation images, and `allow` is false.
    """
    stamp = audit(data, lists, backbone=backbone)
    if stamp.needs_permission and not allow:
        raise UserError(f"{stamp.leaks()}: choose other images, or add --allow-leak and have every result say so")
    return stamp


def with_start(stamp: LeakStamp, provenance: Mapping[str, Any]) -> LeakStamp:
    """The audit of a run and, where it began from a trained model, of that model's training."""
    if "start" not in provenance:
        return stamp
    earlier = provenance["start"].get("leaks")
    return stamp.joined(LeakStamp("", "") if earlier is None else LeakStamp.from_json(earlier))


def leak_stamp_of(model: Model | ModelDescription, data: ReferringDataset) -> str:
    """What a score of this model on this split has to say of images seen in training."""
    if data.name == "synthetic":
        return "clean: drawn anew"
    if "leaks" not in model.provenance:
        return "unknown: the checkpoint names no audit"
    found = LeakStamp.from_json(model.provenance["leaks"]).of_split(data.name, data.split)
    return f"{found.status}: {found.reason}" if found.reason else found.status
