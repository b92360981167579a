"""Data of the user's own: a REFER-layout folder, or images with a list of expressions.

The second kind needs `images/` and `expressions.jsonl` (or `.csv`), and where its lines name annotation ids, a COCO
`instances.json`:

    {"image": "park.jpg", "phrase": "the dog on the left", "annotations": 7}
    {"image": "park.jpg", "phrase": "both dogs", "annotations": [7, 9]}
    {"image": "park.jpg", "phrase": "the red ball", "mask": "masks/ball.png", "split": "val"}
    {"image": "park.jpg", "phrase": "a bicycle"}

The last phrase refers to nothing in its image.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asgn.data.files.coco_instances import Instances, check_image_size, read_instances
from asgn.data.files.faults import Report, stop
from asgn.data.files.images import image_size, load_image
from asgn.data.files.json_file import read_bytes
from asgn.data.files.mask_images import load_mask
from asgn.data.files.recent_arrays import RecentArrays
from asgn.data.readers.expression_list import Entry, read_entries
from asgn.data.readers.refer import ReferFolder, splits_of, union_of_objects
from asgn.data.types import Expression, Image, Mask, ReferringDataset
from asgn.errors import DataError

_IMAGES_HELD = 8


def open_own(root: Path, split: str, report: Report = stop) -> ReferringDataset:
    """Open one split of a folder of the user's own; faults go to `report`, as in `OwnFolder`.

    Raises:
        DataError: the folder is of no known layout, there is no such split, or its files are faulty.
    """
    refs = refs_file(root)
    if refs is not None:
        return ReferFolder(root / "instances.json", refs, root / "images", split, report=report)
    return OwnFolder(root, split, report)


def splits_of_own(root: Path) -> tuple[str, ...]:
    """The splits that a folder of the user's own has.

    Raises:
        DataError: the folder is of no known layout, or its files cannot be read.
    """
    refs = refs_file(root)
    if refs is not None:
        return tuple(sorted(splits_of(refs)))
    entries = read_entries(expressions_file(root), lambda fault: None)
    return tuple(sorted({entry.split for entry in entries}))


def refs_file(root: Path) -> Path | None:
    """The refs pickle that makes a folder one of the REFER layout.

    Raises:
        DataError: there are several.
    """
    found = sorted(root.glob("refs(*).p"))
    if len(found) > 1:
        raise DataError(f"{root} has {len(found)} refs files ({', '.join(path.name for path in found)}): keep one")
    return found[0] if found else None


def expressions_file(root: Path) -> Path:
    """The list of expressions in a folder.

    Raises:
        DataError: there is none, or there are two.
    """
    found = [root / name for name in ("expressions.jsonl", "expressions.csv") if (root / name).exists()]
    if not found:
        raise DataError(f"{root} holds no data set: it needs expressions.jsonl, expressions.csv or refs(NAME).p")
    if len(found) > 1:
        raise DataError(f"{root} has both expressions.jsonl and expressions.csv: keep one")
    return found[0]


class OwnFolder:
    """One split of a folder with `images/` and a list of expressions, as a `ReferringDataset`."""

    name = "own"

    def __init__(self, root: Path, split: str, report: Report = stop) -> None:
        """Open the split.

        Args:
            root: the folder.
            split: one of those in the list of expressions.
            report: takes each faulty line, which is then left out; the default raises DataError at the first.

        Raises:
            DataError: there is no such split, or files are missing or faulty.
        """
        self.split = split
        self.root = root
        self._list = expressions_file(root)
        instances = root / "instances.json"
        self.instances = read_instances(instances, report) if instances.exists() else Instances.none(instances)
        self._image_ids = {entry.file_name: image_id for image_id, entry in self.instances.images.items()}
        self._drawn: dict[int, Path] = {}
        self._drawn_ids: dict[str, int] = {}
        self._next_drawn = max(self.instances.annotations, default=0) + 1
        self._next_image = max(self.instances.images, default=0) + 1
        self.expressions: Sequence[Expression] = self._read_split(report)
        self._file_names = {image_id: name for name, image_id in self._image_ids.items()}
        self._recent: RecentArrays[int, Image] = RecentArrays(_IMAGES_HELD)

    def image_path(self, image_id: int) -> Path:
        """Where the photograph is expected.

        Raises:
            DataError: no image has this id.
        """
        if image_id not in self._file_names:
            raise DataError(f"{self._list}: no image with id {image_id}")
        return self.root / "images" / self._file_names[image_id]

    def image(self, image_id: int) -> Image:
        """(H, W, 3) uint8 RGB.

        Raises:
            DataError: the file is missing or damaged, or not of the size in `instances.json`.
        """
        return self._recent.get(image_id, lambda: self._read_image(image_id))

    def mask(self, expression: Expression) -> Mask:
        """(H, W) bool: the union of the expression's objects, or its drawn mask; empty for an absent object.

        Raises:
            DataError: an outline is faulty, or a drawn mask is missing, damaged, empty or of another size.
        """
        if any(annotation in self._drawn for annotation in expression.annotation_ids):
            return self._read_drawn(expression)
        if expression.annotation_ids:
            return union_of_objects(self.instances, expression)
        entry = self.instances.images.get(expression.image_id)
        size = (entry.height, entry.width) if entry else image_size(self.image_path(expression.image_id))
        return np.zeros(size, dtype=bool)

    def fingerprint(self) -> str:
        """SHA-256 over the list of expressions, the instances file, the drawn masks and the split's name."""
        digest = hashlib.sha256(self.split.encode())
        annotated = [self.instances.path] if self.instances.images else []
        for path in [self._list, *annotated, *self._drawn.values()]:
            digest.update(hashlib.sha256(read_bytes(path)).digest())
        return digest.hexdigest()

    def _read_split(self, report: Report) -> list[Expression]:
        entries = read_entries(self._list, report)
        splits = {entry.split for entry in entries}
        if self.split not in splits:
            there = ", ".join(sorted(splits)) or "no expressions"
            raise DataError(f"{self._list} has no split {self.split!r}: it has {there}")
        expressions: list[Expression] = []
        referents: dict[tuple[int, tuple[int, ...]], int] = {}
        for entry in entries:
            # ids are given in the order of the whole file, so that a mask or image has one id in every split
            image_id, objects = self._image_id(entry), self._objects(entry)
            fault = self._fault(entry, image_id)
            if entry.split != self.split:
                continue
            if fault:
                report(f"{entry.where}: {fault}")
                continue
            ref_id = referents.setdefault((image_id, objects or (-1 - len(expressions),)), len(referents))
            expressions.append(Expression(len(expressions), ref_id, image_id, objects, entry.phrase))
        return expressions

    def _image_id(self, entry: Entry) -> int:
        if entry.image not in self._image_ids:
            self._image_ids[entry.image] = self._next_image
            self._next_image += 1
        return self._image_ids[entry.image]

    def _objects(self, entry: Entry) -> tuple[int, ...]:
        if not entry.mask:
            return entry.annotations
        if entry.mask not in self._drawn_ids:
            self._drawn_ids[entry.mask] = self._next_drawn
            self._drawn[self._next_drawn] = self.root / entry.mask
            self._next_drawn += 1
        return (self._drawn_ids[entry.mask],)

    def _fault(self, entry: Entry, image_id: int) -> str:
        for annotation_id in entry.annotations:
            annotation = self.instances.annotations.get(annotation_id)
            if annotation is None:
                there = "" if self.instances.images else ", and there is no such file"
                return f"no annotation with id {annotation_id} in instances.json{there}"
            if annotation.image_id != image_id:
                other = self.instances.images[annotation.image_id].file_name
                return f"annotation {annotation_id} is of image {other!r}, not {entry.image!r}"
        return ""

    def _read_image(self, image_id: int) -> Image:
        path = self.image_path(image_id)
        image = load_image(path)
        return check_image_size(image, self.instances, image_id, path) if image_id in self.instances.images else image

    def _read_drawn(self, expression: Expression) -> Mask:
        path = self._drawn[expression.annotation_ids[0]]
        mask = load_mask(path)
        entry = self.instances.images.get(expression.image_id)
        size = (entry.height, entry.width) if entry else image_size(self.image_path(expression.image_id))
        if mask.shape != size:
            raise DataError(f"{path} is {mask.shape[1]}x{mask.shape[0]}, but its image is {size[1]}x{size[0]}")
        if not mask.any():
            raise DataError(f"{path} is empty: for an absent object, leave the mask out")
        return mask
