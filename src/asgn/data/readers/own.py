"""Data of the user's own: a REFER-layout folder, or images with a list of expressions.

The second kind needs `images/` and `expressions.jsonl` (or `.csv`), and where its lines name annotation ids, a COCO
`instances.json`:

    {"image": "park.jpg", "phrase": "the dog on the left", "annotations": 7}
    {"image": "park.jpg", "phrase": "both dogs", "annotations": [7, 9]}
    {"image": "park.jpg", "phrase": "the red ball", "mask": "masks/ball.png", "split": "val"}
    {"image": "park.jpg", "phrase": "a bicycle"}

The last phrase refers to nothing in its image.
"""

import unicodedata
from pathlib import Path

import numpy as np

from asgn.data.files.coco_instances import Instances, origin_by_name, read_instances
from asgn.data.files.faults import EntryError, Report, stop
from asgn.data.files.images import by, image_size, turned_hint
from asgn.data.files.mask_images import load_mask
from asgn.data.readers.expression_list import Entry, read_entries
from asgn.data.readers.folder import ImageFolder
from asgn.data.readers.refer import ReferFolder, splits_of, union_of_objects
from asgn.data.types import Expression, Mask, ReferringDataset
from asgn.errors import DataError


def open_own(root: Path, split: str, report: Report = stop) -> ReferringDataset:
    """Open one split of a folder of the user's own; faults go to `report`, as in `OwnFolder`.

    Raises:
        DataError: the folder is of no known layout, there is no such split, or its files are faulty.
    """
    path = list_file(root)
    if path.suffix == ".p":
        return ReferFolder(root / "instances.json", path, root / "images", split, report=report)
    return OwnFolder(root, split, report)


def splits_of_own(root: Path, report: Report = stop) -> tuple[str, ...]:
    """The splits that a folder of the user's own has; faulty lines go to `report`.

    Raises:
        DataError: the folder is of no known layout, or its files cannot be read.
    """
    path = list_file(root)
    if path.suffix == ".p":
        return splits_of(path, report)
    return tuple(sorted({entry.split for entry in read_entries(path, report)}))


def lists_in(root: Path) -> list[Path]:
    """The files in a folder that say what its images and phrases are: a list of expressions, or a refs pickle."""
    lists = [root / name for name in ("expressions.jsonl", "expressions.csv")]
    return [path for path in lists if path.exists()] + sorted(root.glob("refs(*).p"))


def list_file(root: Path) -> Path:
    """The one such file in a folder.

    Raises:
        DataError: there is none, or there are several, of which the others would go unread.
    """
    found = lists_in(root)
    if not found:
        raise DataError(f"{root} holds no data set: it needs expressions.jsonl, expressions.csv or refs(NAME).p")
    if len(found) > 1:
        raise DataError(f"{root} has both {' and '.join(path.name for path in found)}: keep one")
    return found[0]


class OwnFolder(ImageFolder):
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
        path, annotated = list_file(root), root / "instances.json"
        super().__init__(split, root / "images", (path,), str(annotated))
        self.root = root
        self.instances = read_instances(annotated, report) if annotated.exists() else Instances.none(annotated)
        self._image_ids = self.instances.ids_by_name(report)
        self._file_names = {image_id: entry.file_name for image_id, entry in self.instances.images.items()}
        self._drawn: dict[int, Path] = {}
        self._drawn_ids: dict[str, int] = {}
        self._next_drawn = max(self.instances.annotations, default=0) + 1
        self._next_image = max(self.instances.images, default=0) + 1
        self.expressions = self._read_split(path, report)
        self._lists += (*([annotated] if self.instances.images else []), *self._drawn.values())

    def file_name(self, image_id: int) -> str:
        """The image's path below the image folder. Raises DataError where no image has this id."""
        if image_id not in self._file_names:
            raise DataError(f"{self._lists[0]}: no image with id {image_id}")
        return self._file_names[image_id]

    def size(self, image_id: int) -> tuple[int, int] | None:
        """(height, width) by `instances.json`; None where that does not list the image."""
        entry = self.instances.images.get(image_id)
        return entry.size if entry else None

    def origin(self, image_id: int) -> str:
        """The image's origin (see `ImageEntry`): by `instances.json`, or else by the file's name."""
        entry = self.instances.images.get(image_id)
        return entry.origin if entry else origin_by_name(self.file_name(image_id))

    def drawn_mask(self, expression: Expression) -> Path | None:
        """The image file that the expression's mask is drawn in; None where annotations outline its objects."""
        return next((self._drawn[key] for key in expression.annotation_ids if key in self._drawn), None)

    def mask(self, expression: Expression) -> Mask:
        """(H, W) bool: the union of the expression's objects, or its drawn mask; empty for an absent object.

        Raises:
            DataError: an outline is faulty, or a drawn mask is missing, damaged, empty or of another size.
        """
        path = self.drawn_mask(expression)
        if path is None and expression.annotation_ids:
            return union_of_objects(self.instances, expression)
        image = self.image_path(expression.image_id)
        size = self.size(expression.image_id) or image_size(image)
        if path is None:
            return np.zeros(size, dtype=bool)
        mask = load_mask(path)
        found = (mask.shape[0], mask.shape[1])
        if found != size:
            raise DataError(f"{path} is {by(found)}, but its image is {by(size)}{turned_hint(image, size, found)}")
        if not mask.any():
            raise DataError(f"{path} is empty: for an absent object, leave the mask out")
        return mask

    def _read_split(self, path: Path, report: Report) -> list[Expression]:
        entries = read_entries(path, report)
        splits = {entry.split for entry in entries}
        if self.split not in splits:
            there = ", ".join(sorted(splits)) or "no expressions"
            raise DataError(f"{path} has no split {self.split!r}: it has {there}")
        expressions: list[Expression] = []
        referents: dict[tuple[int, tuple[int, ...]], int] = {}
        for entry in entries:
            # ids are given in the order of the whole file, so that a mask or image has one id in every split
            image_id, objects = self._image_id(entry), self._objects(entry)
            if entry.split != self.split:
                continue
            try:
                self._check_objects(entry, image_id)
            except EntryError as fault:
                report(f"{entry.where}: {fault}")
                continue
            ref_id = referents.setdefault((image_id, objects or (-1 - len(expressions),)), len(referents))
            expressions.append(Expression(len(expressions), ref_id, image_id, objects, entry.phrase))
        return expressions

    def _image_id(self, entry: Entry) -> int:
        image_id = self._image_ids.setdefault(unicodedata.normalize("NFC", entry.image), self._next_image)
        if image_id == self._next_image:
            self._file_names[image_id] = entry.image
            self._next_image += 1
        return image_id

    def _objects(self, entry: Entry) -> tuple[int, ...]:
        if not entry.mask:
            return entry.annotations
        if entry.mask not in self._drawn_ids:
            self._drawn_ids[entry.mask] = self._next_drawn
            self._drawn[self._next_drawn] = self.root / entry.mask
            self._next_drawn += 1
        return (self._drawn_ids[entry.mask],)

    def _check_objects(self, entry: Entry, image_id: int) -> None:
        for annotation_id in entry.annotations:
            annotation = self.instances.annotations.get(annotation_id)
            if annotation is None:
                there = "" if self.instances.images else ", and there is no such file"
                raise EntryError(f"no annotation with id {annotation_id} in instances.json{there}")
            if annotation.image_id != image_id:
                other = self.instances.images[annotation.image_id].file_name
                raise EntryError(f"annotation {annotation_id} is of image {other!r}, not {entry.image!r}")
