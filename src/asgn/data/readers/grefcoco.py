"""gRefCOCO and Ref-ZOM: the REFER layout with phrases that mean no object, one or several.

gRefCOCO (Liu et al., CVPR 2023) says by `no_target` that a ref means nothing, its `ann_id` then being [-1], and has
refs without sentences, which are left out. Ref-ZOM (Hu et al., ICCV 2023) says it by a `source` of `zero`, and keeps
the ids of objects that such a ref does not mean. In both, images go by `image_id`: a ref's `file_name` may have the
suffix of one object.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from asgn.data.files.faults import EntryError, Report, flag_of, shown, stop
from asgn.data.readers.refer import ReferFolder, object_ids, union_of_objects
from asgn.data.types import Expression, Mask

_SOURCES = ("zero", "one", "many")


class GeneralisedFolder(ReferFolder):
    """One split of gRefCOCO or Ref-ZOM, as a `ReferringDataset`."""

    def __init__(
        self, instances: Path, refs: Path, images: Path, split: str, *, name: str, report: Report = stop
    ) -> None:
        """Open the split (see `ReferFolder`); images of COCO's val2014 may lie in a folder of that name beside."""
        super().__init__(instances, refs, images, split, name=name, report=report, objects_of=_objects_of)

    def image_path(self, image_id: int) -> Path:
        """Where the image is expected. Raises DataError where no image has this id."""
        path = super().image_path(image_id)
        if "_val2014_" not in path.name or path.exists():
            return path
        return path.parent.with_name("val2014") / path.name

    def mask(self, expression: Expression) -> Mask:
        """(H, W) bool: the union of the expression's objects, crowds left out, as ReLA's reader has it.

        Raises:
            DataError: as `ReferFolder.mask`.
        """
        annotations = self.instances.annotations
        parts = tuple(key for key in expression.annotation_ids if key not in annotations or not annotations[key].crowd)
        return union_of_objects(self.instances, replace(expression, annotation_ids=parts))


def _objects_of(ref: dict[str, Any]) -> tuple[int, ...] | None:
    if ref.get("sentences") in ([], ()):
        return None
    source = ref.get("source")
    if source is not None and source not in _SOURCES:
        raise EntryError(f"source {shown(source)} is none of {', '.join(_SOURCES)}")
    ids = () if source == "zero" else object_ids(ref)
    if source not in (None, "zero") and not ids:
        raise EntryError(f"source is {source!r}, but ann_id {shown(ref.get('ann_id'))} names no object")
    if flag_of(ref, "no_target", default=not ids) != (not ids):
        raise EntryError(f"no_target is {ref['no_target']}, but ann_id {shown(ref.get('ann_id'))}")
    return ids
