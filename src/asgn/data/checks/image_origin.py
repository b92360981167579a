"""Which image an image id means, so that the images of different data sets can be compared.

A key is `coco:ID` (COCO numbers its images through all years and splits), `iapr:ID` for ReferItGame's images,
`synthetic:ID`, or `SOURCE:ID` of a collection that a user's instances file declares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from asgn.data.by_image import image_ids
from asgn.data.datasets import ROBUST, refer_files
from asgn.data.files.coco_instances import listed_origins
from asgn.data.files.json_file import read_bytes, whole_number
from asgn.data.readers.own import OwnFolder
from asgn.data.readers.refer import ReferFolder, read_refs
from asgn.data.readers.referit import queries_path, read_queries
from asgn.data.types import ReferringDataset
from asgn.errors import DataError
from asgn.variants import BackboneName

EVALUATION_SPLITS: Mapping[str, tuple[str, ...]] = {
    "unc": ("val", "testA", "testB"),
    "unc+": ("val", "testA", "testB"),
    "gref": ("val",),
    "gref-umd": ("val", "test"),
    "referit": ("val", "test"),
}
"""What the four benchmarks are scored on."""

GENERALISED_SPLITS: Mapping[str, tuple[str, ...]] = {
    "grefcoco": ("val", "testA", "testB"),
    "ref-zom": ("test",),
    **dict.fromkeys(ROBUST, ("val",)),
}
"""What the generalised benchmarks are scored on; audited only where they are trained on or their files are there."""

BENCHMARKS = {**EVALUATION_SPLITS, **GENERALISED_SPLITS}

BACKBONE_SOURCES: Mapping[BackboneName, tuple[str, ...]] = {
    "R": ("ImageNet",),
    "D": ("ImageNet", "COCO train2017"),
    "M": ("ImageNet", "VOC 2012", "COCO (probably)"),
    "N": ("COCO train2017",),
    "MN": ("ImageNet", "VOC 2012", "COCO train2017"),
    "V": ("collections not known to exclude COCO, such as LVD-142M, images chosen from the web",),
    "SNLE": ("ImageNet",),
}
"""The image collections that each backbone's published weights were trained on."""

PERHAPS_COCO = (BACKBONE_SOURCES["M"][-1], BACKBONE_SOURCES["V"][-1])
"""Those of them of which nobody outside can tell whether COCO's images are among them."""


@runtime_checkable
class _Derived(Protocol):
    """A split made from another one, whose images it shows."""

    source: ReferringDataset


@dataclass(frozen=True)
class ImageLists:
    """Where the images of evaluation splits are named."""

    folders: tuple[Path, ...] = ()
    """Folders that hold any of the benchmarks; their lists of expressions suffice."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Text files that name COCO images, by the split that they list: `unc/val`, or `list/NAME` of another."""

    @classmethod
    def parse(cls, given: Sequence[str], root: Path | None = None) -> "ImageLists":
        """From what a user gives, each a folder, a file, or BENCHMARK/SPLIT=FILE; and `root`, one more folder.

        Raises:
            DataError: nothing is there, or no benchmark over COCO has such a split.
        """
        folders: list[Path] = []
        files: dict[str, Path] = {}
        for text in given:
            name, equals, file = text.rpartition("=")
            path = Path(file if equals and not Path(text).exists() else text)
            if not path.exists():
                raise DataError(
                    f"nothing at {path}: give --against a folder of benchmarks, a file that names COCO images, or "
                    "BENCHMARK/SPLIT=FILE"
                )
            if path.is_dir():
                folders.append(path)
            else:
                files[_checked_split(name) if name and path != Path(text) else f"list/{path.stem}"] = path
        return cls((*folders, *([] if root is None else [root])), files)


def _checked_split(name: str) -> str:
    """The name of an evaluation split over COCO's images, as BENCHMARK/SPLIT."""
    known = [f"{set_name}/{split}" for set_name, splits in BENCHMARKS.items() for split in splits]
    known = [each for each in known if collection_of(each.split("/")[0]) == "coco"]
    if name not in known:
        raise DataError(f"no evaluation split {name!r} over COCO: there are {', '.join(known)}")
    return name


def collection_of(benchmark: str) -> str:
    """The collection that a benchmark's images are from."""
    return "iapr" if benchmark == "referit" else "coco"


def image_keys(data: ReferringDataset) -> dict[int, str]:
    """The key of each image of a split; empty for an image whose origin nothing tells."""
    if isinstance(data, _Derived):
        return image_keys(data.source)
    ids = image_ids(data.expressions)
    if data.name == "synthetic":
        return {image_id: f"synthetic:{image_id}" for image_id in ids}
    if data.name in BENCHMARKS:
        return {image_id: f"{collection_of(data.name)}:{image_id}" for image_id in ids}
    if isinstance(data, ReferFolder | OwnFolder):
        return {image_id: data.origin(image_id) for image_id in ids}
    return dict.fromkeys(ids, "")


def benchmark_file(benchmark: str, split: str, root: Path) -> Path:
    """The list of expressions that names the images of an evaluation split."""
    return queries_path(root, split) if benchmark == "referit" else refer_files(benchmark, root)[1]


def benchmark_images(benchmark: str, split: str, root: Path) -> frozenset[str]:
    """The keys of the images of an evaluation split, from its lists of expressions alone.

    Raises:
        DataError: those lists are not below `root`, or are faulty.
    """
    path = benchmark_file(benchmark, split, root)
    if benchmark == "referit":
        return frozenset(f"iapr:{expression.image_id}" for expression in read_queries(path, {}))
    ids = {whole_number(ref.get("image_id")) for ref in read_refs(path) if ref.get("split") == split}
    if not ids or None in ids:
        raise DataError(f"{path} has no images of split {split!r}")
    return frozenset(f"coco:{image_id}" for image_id in ids)


def listed_images(path: Path) -> frozenset[str]:
    """The keys of all COCO images that a text file names, in whatever form it is.

    Raises:
        DataError: the file cannot be read or names none.
    """
    keys = listed_origins(read_bytes(path))
    if not keys:
        raise DataError(f"{path} names no COCO image, such as COCO_train2014_000000000009.jpg")
    return keys
