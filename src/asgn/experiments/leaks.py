"""The audit of a run's training images: before training, and in every score of its model."""

from asgn.checkpoint import Model
from asgn.data.audit import LeakStamp, audit
from asgn.data.provenance import ImageLists
from asgn.data.sample import ReferringDataset
from asgn.errors import UserError
from asgn.variants import BackboneName


def check_leaks(data: ReferringDataset, lists: ImageLists, backbone: BackboneName, allow: bool) -> LeakStamp:
    """The audit that the checkpoint carries.

    Raises:
        UserError: training images are evaluation images, and `allow` is false.
    """
    stamp = audit(data, lists, backbone=backbone)
    if stamp.needs_permission and not allow:
        raise UserError(f"{stamp.leaks()}: choose other images, or add --allow-leak and have every result say so")
    return stamp


def leak_stamp_of(model: Model, data: ReferringDataset) -> str:
    """What a score of this model on this split has to say of images seen in training."""
    if data.name == "synthetic":
        return "clean: drawn anew"
    if "leaks" not in model.provenance:
        return "unknown: the checkpoint names no audit"
    found = LeakStamp.from_json(model.provenance["leaks"]).of_split(data.name, data.split)
    return f"{found.status}: {found.reason}" if found.reason else found.status
