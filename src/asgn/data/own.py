"""Data of the user's own: a REFER-layout folder, or a COCO instances file with a list of expressions."""

from pathlib import Path

from asgn.data.refer import ReferFolder
from asgn.data.sample import ReferringDataset
from asgn.errors import DataError


def open_own(root: Path, split: str) -> ReferringDataset:
    """Open one split of a folder of the user's own.

    Raises:
        DataError: the folder is of no known layout, or its files are faulty.
    """
    refs = sorted(root.glob("refs(*).p"))
    if len(refs) > 1:
        raise DataError(f"{root} has {len(refs)} refs files: keep one of {', '.join(path.name for path in refs)}")
    if refs:
        return ReferFolder(root / "instances.json", refs[0], root / "images", split)
    raise DataError(f"{root} holds no data set of a known layout: it needs instances.json and refs(NAME).p")
