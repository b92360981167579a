"""From a data set's name on the command line to its reader: the one place that knows both."""

import difflib
from pathlib import Path

from asgn.data.files.faults import Report, stop
from asgn.data.types import ReferringDataset
from asgn.errors import DataError

GENERALISED = ("grefcoco", "ref-zom")
"""Sets with phrases that mean no object or several."""

ROBUST = ("r-refcoco", "r-refcoco+", "r-refcocog")
"""RefCOCO's three sets with further sentences of each ref that mean nothing."""

NAMES = ("unc", "unc+", "gref", "gref-umd", "referit", *GENERALISED, *ROBUST, "own", "synthetic")

_REFER_SETS = {
    "unc": (("refcoco",), ("refs(unc).p",)),
    "unc+": (("refcoco+",), ("refs(unc).p",)),
    "gref": (("refcocog",), ("refs(google).p",)),
    "gref-umd": (("refcocog",), ("refs(umd).p",)),
    "grefcoco": (("grefcoco",), ("grefs(unc).json", "grefs(unc).p")),
    "ref-zom": (("ref-zom", "refzom"), ("refs(final).p", "Ref-ZOM(final).p", "Ref_ZOM.p")),
    "r-refcoco": (("rrefcoco",), ("refs(unc).p",)),
    "r-refcoco+": (("rrefcoco+",), ("refs(unc).p",)),
    "r-refcocog": (("rrefcocog",), ("refs(umd).p", "refs(unc).p", "refs(google).p")),
}
"""The folder that each set's annotations lie in and its refs file; where copies differ, all names in use."""

_ANNOTATION_FOLDERS = ("", "data", "refer/data")
_TRAINVAL_FOLDERS = ("images/trainval2014", "data/images/trainval2014")
_COCO_FOLDERS = (
    "images/train2014", "images/mscoco/images/train2014", "images/mscoco/train2014",
    "data/images/mscoco/images/train2014", "data/images/mscoco/train2014",
)  # fmt: skip


def open_dataset(name: str, root: Path | None, split: str, *, seed: int = 0, report: Report = stop) -> ReferringDataset:
    """Open one split of a data set.

    Args:
        name: one of `NAMES`.
        root: the folder it lies in; `synthetic` needs none.
        split: such as `train`, `val` or `testA`.
        seed: of `synthetic`; the others do not depend on it.
        report: takes each faulty entry, which is then left out; the default raises DataError at the first.

    Raises:
        DataError: the name or split is unknown, or files are missing or faulty.
    """
    check_name(name)
    if name == "synthetic":
        from asgn.data.synthetic.dataset import SyntheticDataset

        return SyntheticDataset(split, seed=seed)
    folder = check_root(name, root)
    if name in _REFER_SETS:
        from asgn.data.readers.grefcoco import GeneralisedFolder
        from asgn.data.readers.refer import ReferFolder

        instances, refs, images = refer_files(name, folder)
        reader = GeneralisedFolder if name in GENERALISED else ReferFolder
        return reader(instances, refs, images, split, name=name, report=report)
    if name == "referit":
        from asgn.data.readers.referit import ReferItGame

        return ReferItGame(folder, split, report)
    from asgn.data.readers.own import open_own

    return open_own(folder, split, report)


def splits_of_dataset(name: str, root: Path | None, report: Report = stop) -> tuple[str, ...]:
    """The splits that a data set has; what is faulty goes to `report`, and so does that there are none.

    Raises:
        DataError: the name is unknown, or the file that lists the splits is missing or faulty.
    """
    check_name(name)
    if name == "synthetic":
        from asgn.data.synthetic.dataset import SPLITS

        return tuple(SPLITS)
    folder = check_root(name, root)
    if name in _REFER_SETS:
        from asgn.data.readers.refer import splits_of

        found = splits_of(refer_files(name, folder)[1], report)
    elif name == "referit":
        from asgn.data.readers.referit import available_splits

        found = available_splits(folder)
    else:
        from asgn.data.readers.own import splits_of_own

        found = splits_of_own(folder, report)
    if not found:
        report(f"{folder} holds no expression that can be read")
    return found


def check_name(name: str) -> str:
    """The name itself.

    Raises:
        DataError: there is no such data set; the message gives the nearest.
    """
    if name not in NAMES:
        nearest = difflib.get_close_matches(name.lower(), NAMES, n=1, cutoff=0.0)[0]
        raise DataError(f"unknown data set {name!r}: did you mean {nearest!r}? There are {', '.join(NAMES)}")
    return name


def check_root(name: str, root: Path | None) -> Path:
    """The data folder, which must exist.

    Raises:
        DataError: none was given, or it is not there.
    """
    if root is None:
        raise DataError(f"data set {name} needs its folder: give it with --root")
    if not root.is_dir():
        raise DataError(f"no folder {root}: give the folder of data set {name} with --root")
    return root


def refer_files(name: str, root: Path) -> tuple[Path, Path, Path]:
    """The instances file, the refs file and the image folder of a set of the REFER layout below `root`.

    The layouts taken are `<root>/refcoco` and, as the public REFER code has it, `<root>/data/refcoco`; images in
    `images/train2014`, `images/mscoco/images/train2014` or `images/mscoco/train2014` below either, those of Ref-ZOM
    also in a `trainval2014`. Where nothing is there, the first of each is named, so that opening says what is missing.
    """
    folders, refs = _REFER_SETS[name]
    annotations = first_existing([root / base / folder for base in _ANNOTATION_FOLDERS for folder in folders])
    both = [root / base for base in _TRAINVAL_FOLDERS if name == "ref-zom" and (root / base).exists()]
    images = first_existing([*both, *(root / base for base in _COCO_FOLDERS)])
    return annotations / "instances.json", first_existing([annotations / each for each in refs]), images


def first_existing(candidates: list[Path]) -> Path:
    """The first path that exists, or else the first."""
    return next((path for path in candidates if path.exists()), candidates[0])
