"""The REFER layout of UNC, UNC+ and G-Ref: `instances.json` beside `refs(*).p` (protocol section 1)."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asgn.data.files.coco_instances import Instances, check_image_size, read_instances
from asgn.data.files.collector import collector_paused
from asgn.data.files.faults import Report, phrase_fault, stop
from asgn.data.files.images import load_image
from asgn.data.files.json_file import is_integer, read_bytes
from asgn.data.files.plain_pickle import read_plain_pickle
from asgn.data.files.recent_arrays import RecentArrays
from asgn.data.types import Expression, Image, Mask
from asgn.errors import DataError

_IMAGES_HELD = 8


class ReferFolder:
    """One split of a REFER-layout folder, as a `ReferringDataset`.

    Pairs each sentence of a ref with the ref's object. Image files are named by `instances.json`: the names in
    the refs of the public files carry an annotation suffix. `ann_id` may also be a list of several objects, and
    an empty list or -1 means that the object is absent.
    """

    def __init__(
        self, instances: Path, refs: Path, images: Path, split: str, *, name: str = "own", report: Report = stop
    ) -> None:
        """Open the split.

        Args:
            instances: the COCO-style file.
            refs: the pickle of refs.
            images: the folder that `file_name` entries are relative to.
            split: one of those in the refs.
            name: of the data set on the command line.
            report: takes each faulty entry, which is then left out; the default raises DataError at the first.

        Raises:
            DataError: a file is missing or faulty, or there is no such split.
        """
        self.name = name
        self.split = split
        self.instances = read_instances(instances, report)
        self.expressions: Sequence[Expression] = read_refs(refs, self.instances, split, report)
        self._refs_path = refs
        self._images_root = images
        self._recent: RecentArrays[int, Image] = RecentArrays(_IMAGES_HELD)

    def image_path(self, image_id: int) -> Path:
        """Where the photograph is expected.

        Raises:
            DataError: no image has this id.
        """
        entry = self.instances.images.get(image_id)
        if entry is None:
            raise DataError(f"{self.instances.path}: no image with id {image_id}")
        return self._images_root / entry.file_name

    def image(self, image_id: int) -> Image:
        """(H, W, 3) uint8 RGB.

        Raises:
            DataError: the file is missing or damaged, or not of the size that the annotations were made for.
        """
        return self._recent.get(image_id, lambda: self._read_image(image_id))

    def mask(self, expression: Expression) -> Mask:
        """(H, W) bool: the union of the expression's objects; empty for an absent one.

        Raises:
            DataError: an object is unknown, of another image, or its outline is faulty.
        """
        return union_of_objects(self.instances, expression)

    def fingerprint(self) -> str:
        """SHA-256 over both annotation files and the split's name."""
        digest = hashlib.sha256(self.split.encode())
        for path in (self.instances.path, self._refs_path):
            digest.update(hashlib.sha256(read_bytes(path)).digest())
        return digest.hexdigest()

    def _read_image(self, image_id: int) -> Image:
        path = self.image_path(image_id)
        return check_image_size(load_image(path), self.instances, image_id, path)


def union_of_objects(instances: Instances, expression: Expression) -> Mask:
    """(H, W) bool: all objects of an expression together.

    Raises:
        DataError: the image or an object is unknown, an object is of another image, or its outline is faulty.
    """
    entry = instances.images.get(expression.image_id)
    if entry is None:
        raise DataError(f"{instances.path}: no image with id {expression.image_id}")
    union: Mask = np.zeros((entry.height, entry.width), dtype=bool)
    for annotation_id in expression.annotation_ids:
        mask = instances.mask(annotation_id)
        if mask.shape != union.shape or instances.annotations[annotation_id].image_id != expression.image_id:
            raise DataError(f"{instances.path}: annotation {annotation_id} is not of image {expression.image_id}")
        union |= mask
    return union



def read_refs(path: Path, instances: Instances, split: str, report: Report = stop) -> list[Expression]:
    """The expressions of one split, in the order of the file.

    Args:
        path: the pickle: a list of {"ref_id", "image_id", "ann_id", "split", "sentences": [{"sent_id", "sent"}]}.
        instances: the images and objects that the refs may name.
        split: one of those in the file.
        report: takes each faulty ref or sentence, which is then left out; the default raises DataError.

    Raises:
        DataError: the file cannot be read, or no ref is of this split; the message lists those there.
    """
    with collector_paused():
        return _read_split(path, read_plain_pickle(path), instances, split, report)


def _read_split(path: Path, refs: Any, instances: Instances, split: str, report: Report) -> list[Expression]:
    if not isinstance(refs, list) or not all(isinstance(ref, dict) for ref in refs):
        raise DataError(f"{path} is not a refs file: it should hold a list of refs")
    splits = Counter(str(ref.get("split")) for ref in refs)
    if split not in splits:
        raise DataError(f"{path} has no split {split!r}: it has {', '.join(sorted(splits)) or 'none'}")
    expressions: list[Expression] = []
    seen_refs: set[int] = set()
    seen_sentences: set[int] = set()
    for number, ref in enumerate(refs):
        if ref.get("split") != split:
            continue
        fault = _ref_fault(ref, instances, seen_refs)
        if fault:
            report(f"{path}: ref entry {number + 1} (ref_id {ref.get('ref_id')!r}): {fault}")
            continue
        seen_refs.add(ref["ref_id"])
        expressions += _sentences(ref, path, seen_sentences, report)
    return expressions


def splits_of(path: Path) -> dict[str, int]:
    """The number of refs of each split in a refs file.

    Raises:
        DataError: the file cannot be read.
    """
    refs = read_plain_pickle(path)
    entries = refs if isinstance(refs, list) else []
    return dict(Counter(str(ref.get("split")) for ref in entries if isinstance(ref, dict)))


def _ref_fault(ref: dict[str, Any], instances: Instances, seen: set[int]) -> str:
    ref_id, image_id = ref.get("ref_id"), ref.get("image_id")
    if not is_integer(ref_id):
        return "it has no integer ref_id"
    if ref_id in seen:
        return "the ref_id is there twice"
    if not is_integer(image_id) or image_id not in instances.images:
        return f"no image with id {image_id!r} in {instances.path.name}"
    objects = _object_ids(ref.get("ann_id"))
    if objects is None:
        return f"ann_id {ref.get('ann_id')!r} is neither an annotation id nor a list of them"
    for annotation_id in objects:
        annotation = instances.annotations.get(annotation_id)
        if annotation is None:
            return f"no annotation with id {annotation_id} in {instances.path.name}"
        if annotation.image_id != image_id:
            return f"annotation {annotation_id} is of image {annotation.image_id}, not {image_id}"
    return "" if isinstance(ref.get("sentences"), list) else "it has no list of sentences"


def _object_ids(value: Any) -> tuple[int, ...] | None:
    ids = value if isinstance(value, list) else [value]
    if not all(map(is_integer, ids)):
        return None
    return () if ids == [-1] else tuple(ids)


def _sentences(ref: dict[str, Any], path: Path, seen: set[int], report: Report) -> Iterator[Expression]:
    objects = _object_ids(ref["ann_id"]) or ()
    ref_id, image_id = ref["ref_id"], ref["image_id"]
    for sentence in ref["sentences"]:
        key: Any = sentence.get("sent_id") if isinstance(sentence, dict) else None
        if not is_integer(key):
            report(f"{path}: ref {ref_id}: a sentence without an integer sent_id")
        elif key in seen:
            report(f"{path}: ref {ref_id}: the sent_id {key} is there twice")
        elif fault := phrase_fault(sentence.get("sent")):
            report(f"{path}: ref {ref_id}: sentence {key}: {fault}")
        else:
            seen.add(key)
            yield Expression(key, ref_id, image_id, objects, sentence["sent"])
