"""Looking through a whole data set: every file, image, mask and line, and its counts against the published ones."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asgn.data.by_image import by_referent, image_ids
from asgn.data.datasets import open_dataset, splits_of_dataset
from asgn.data.files.images import exif_orientation
from asgn.data.files.mask_images import read_drawn_mask
from asgn.data.readers.own import OwnFolder
from asgn.data.types import Expression, ImagesOnDisk, ReferringDataset
from asgn.errors import DataError
from asgn.paper import COUNTS, Counts, PublishedCounts
from asgn.progress import Progress, silent

_TURNED = "turned by EXIF; they are read upright, and outlines and masks are taken to be of the upright image"
_SHOWN_FILES = 3


@dataclass(frozen=True)
class SplitReport:
    """What one split holds, and what it should."""

    split: str
    images: int
    refs: int
    expressions: int
    published: Counts | None

    @property
    def differences(self) -> list[str]:
        """One line for each count that differs from the published one."""
        lines = []
        for what in ("refs", "expressions"):
            expected = getattr(self.published, what, None)
            found = getattr(self, what)
            if expected is not None and expected != found:
                lines.append(f"split {self.split} has {found:,} {what}; published are {expected:,}")
        return lines


@dataclass
class Verification:
    """The outcome of `verify`."""

    name: str
    root: str
    splits: list[SplitReport] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """One line for everything missing or faulty."""
    notes: tuple[str, ...] = ()
    """Known causes of counts that differ from what one may read elsewhere, and what may be meant otherwise."""

    @property
    def differences(self) -> list[str]:
        """One line for each count that differs, or published split that is not there."""
        there = {report.split for report in self.splits}
        missing = [split for split in _published(self.name).splits if split not in there]
        lines = [f"split {split} is not there" for split in missing]
        return lines + [line for report in self.splits for line in report.differences]

    @property
    def ok(self) -> bool:
        """Whether nothing is faulty; counts may still differ, as in a part or miniature of a benchmark."""
        return not self.faults


def verify(
    name: str, root: Path | None, *, pixels: bool = True, progress: Progress = silent
) -> Verification:
    """Look through all splits of a data set. One in which nothing can be read is faulty too.

    Args:
        name: of the data set.
        root: its folder.
        pixels: whether to decode every image and mask too, rather than annotations alone.
        progress: called with every image.

    Raises:
        DataError: the name is unknown, or nothing that lists the splits can be read.
    """
    result = Verification(name, str(root or ""))
    seen: set[str] = set()
    remarks: dict[str, dict[str, None]] = {}

    def add(fault: str) -> None:
        if fault not in seen:  # faults of instances.json would come once a split
            seen.add(fault)
            result.faults.append(fault)

    for split in splits_of_dataset(name, root, add):
        try:
            data = open_dataset(name, root, split, report=add)
        except DataError as error:
            add(str(error))
            continue
        result.splits.append(_count(data))
        if not data.expressions:
            add(f"split {split} holds no expression that can be read")
        if pixels:
            _check_pixels(data, add, progress)
            _collect_remarks(data, remarks)
    result.notes = (*_published(name).notes, *(_remark(text, list(files)) for text, files in remarks.items()))
    return result


def _published(name: str) -> PublishedCounts:
    return COUNTS.get(name, PublishedCounts(None, None, {}))


def _count(data: ReferringDataset) -> SplitReport:
    return SplitReport(
        split=data.split,
        images=len(image_ids(data.expressions)),
        refs=len({expression.ref_id for expression in data.expressions}),
        expressions=len(data.expressions),
        published=_published(data.name).splits.get(data.split),
    )


def _check_pixels(data: ReferringDataset, add: Callable[[str], None], progress: Progress) -> None:
    of_image = by_referent(data.expressions)
    for done, (image_id, expressions) in enumerate(of_image.items(), 1):
        shape = None
        try:
            shape = data.image(image_id).shape[:2]
        except DataError as error:
            add(str(error))
        for expression in expressions.values():
            _check_mask(data, expression, shape, add)
        progress(done, len(of_image), f"{data.split}: images")


def _check_mask(
    data: ReferringDataset, expression: Expression, shape: tuple[int, ...] | None, add: Callable[[str], None]
) -> None:
    named = f"{data.name}/{data.split}: objects {list(expression.annotation_ids)} of image {expression.image_id}"
    try:
        mask = data.mask(expression)
    except DataError as error:
        add(str(error))
        return
    if shape is not None and mask.shape != shape:
        add(f"{named}: the mask is {mask.shape[1]}x{mask.shape[0]}, the image {shape[1]}x{shape[0]}")
    elif expression.annotation_ids and not mask.any():
        add(f"{named}: the mask is empty, or lies outside the image")


def _collect_remarks(data: ReferringDataset, remarks: dict[str, dict[str, None]]) -> None:
    """Add what is no fault, but may be meant otherwise, with the files that it is about."""
    if isinstance(data, ImagesOnDisk):
        for image_id in image_ids(data.expressions):
            with contextlib.suppress(DataError):  # named among the faults
                path = data.image_path(image_id)
                if exif_orientation(path) != 1:
                    remarks.setdefault(_TURNED, {})[path.name] = None
    if isinstance(data, OwnFolder):
        drawn = {data.drawn_mask(expression): None for expression in data.expressions}
        for mask in filter(None, drawn):
            with contextlib.suppress(DataError):
                remark = read_drawn_mask(mask).remark
                if remark:
                    remarks.setdefault(remark, {})[mask.name] = None


def _remark(text: str, files: Sequence[str]) -> str:
    more = ", ..." if len(files) > _SHOWN_FILES else ""
    return f"{len(files)} files ({', '.join(files[:_SHOWN_FILES])}{more}): {text}"
