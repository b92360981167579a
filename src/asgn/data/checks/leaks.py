"""Leaks: images that a model was trained on and would be scored on.

The backbones' own training counts too: an image is no less known for having been seen without its phrase.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from asgn.data.checks.image_origin import (
    BACKBONE_SOURCES,
    BENCHMARKS,
    EVALUATION_SPLITS,
    PERHAPS_COCO,
    ImageLists,
    benchmark_file,
    benchmark_images,
    collection_of,
    image_keys,
    listed_images,
)
from asgn.data.types import ReferringDataset
from asgn.variants import BackboneName

Status = Literal["clean", "leaky", "unknown"]

_WORST_FIRST: tuple[Status, ...] = ("leaky", "unknown", "clean")


@dataclass(frozen=True)
class SplitAudit:
    """Whether training touched the images of one evaluation split."""

    status: Status
    image_ids: tuple[int, ...] = ()
    """Training images found there, by the ids of the training set."""
    reason: str = ""
    """Why it is leaky or unknown, or by what list it is clean."""
    by_design: bool = False
    """The benchmark itself shares these images between its splits, so every result on it has this leak."""
    by_backbone: bool = False
    """The backbone saw images of this split before any training here."""


@dataclass(frozen=True)
class LeakStamp:
    """The audit of one training set, and of the backbone with it; stamped into checkpoints and score files."""

    dataset: str
    split: str
    splits: Mapping[str, SplitAudit] = field(default_factory=dict)
    """By `benchmark/split`."""

    @property
    def status(self) -> Status:
        """Leaky if any split is, but for leaks by design alone; else unknown if any split is; else clean."""
        statuses = {audit.status for audit in self.splits.values() if audit.by_backbone or not audit.by_design}
        return "leaky" if "leaky" in statuses else "unknown" if "unknown" in statuses else "clean"

    @property
    def needs_permission(self) -> bool:
        """Whether training needs `--allow-leak`.

        A benchmark is trained on to be scored on itself, so only leaks into its own splits count: UNC's training
        images are among G-Ref's evaluation images, which only a score on G-Ref has to say. For any other set,
        every leak counts. What the backbone saw is stamped, but needs no permission: it is part of the row's name.
        """
        return any(
            bool(audit.image_ids) and not audit.by_design
            for name, audit in self.splits.items()
            if self.dataset not in BENCHMARKS or name.split("/")[0] in (self.dataset, "list")
        )

    def of_split(self, dataset: str, split: str) -> SplitAudit:
        """What a score on this split has to say; a split that was never audited is unknown."""
        return self.splits.get(f"{dataset}/{split}", SplitAudit("unknown", reason="this split was not audited"))

    def joined(self, earlier: "LeakStamp") -> "LeakStamp":
        """The stamp of training that began from a model trained on other images: of each split the worse is said."""
        names = [*self.splits, *(name for name in earlier.splits if name not in self.splits)]
        worse = {}
        for name in names:
            both = (self.of_split(*name.split("/", 1)), earlier.of_split(*name.split("/", 1)))
            worse[name] = min(both, key=lambda audit: _WORST_FIRST.index(audit.status))
        return replace(self, splits=worse)

    def line(self) -> str:
        """The whole stamp in one line: the verdict, and every split with what is known of it."""
        clean = [name for name, audit in self.splits.items() if audit.status == "clean"]
        if len(clean) == len(self.splits):
            return f"{self.dataset}/{self.split}: clean against {_names(clean)}"
        parts = [f"clean against {_names(clean)}"] if clean else []
        parts += [self._leaks_into()] if "leaky" in {audit.status for audit in self.splits.values()} else []
        of_reason: dict[str, list[str]] = {}
        for name, audit in self.splits.items():
            if audit.status == "unknown":
                of_reason.setdefault(audit.reason, []).append(name)
        parts += [f"unknown against {_names(names)} ({reason})" for reason, names in of_reason.items()]
        return f"{self.dataset}/{self.split}: {self.status}: {'; '.join(parts)}"

    def leaks(self) -> str:
        """The leaks alone in one line."""
        return f"{self.dataset}/{self.split} {self._leaks_into()}"

    def _leaks_into(self) -> str:
        leaky = [f"{name} ({_count(audit)})" for name, audit in self.splits.items() if audit.status == "leaky"]
        return f"leaks into {', '.join(leaky)}"

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        splits = {name: asdict(audit) for name, audit in self.splits.items()}
        return {"dataset": self.dataset, "split": self.split, "status": self.status, "splits": splits}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "LeakStamp":
        """The stamp that `to_json` wrote."""
        splits = {
            name: SplitAudit(**{**audit, "image_ids": tuple(audit["image_ids"])})
            for name, audit in value["splits"].items()
        }
        return cls(value["dataset"], value["split"], splits)


def audit(
    data: ReferringDataset, lists: ImageLists | None = None, *, backbone: BackboneName | None = None
) -> LeakStamp:
    """Compare a training set's images with every evaluation split of the benchmarks.

    Those of gRefCOCO, Ref-ZOM and R-RefCOCO count where they are trained on, or where a folder or file names their
    images.

    Args:
        data: what is trained on.
        lists: where the evaluation splits' images are named. A file goes before folders, which are looked at in
            turn; what is named nowhere is unknown, unless no training image is of its collection.
        backbone: whose training images count too.

    Raises:
        DataError: a benchmark or list is there but cannot be read.
    """
    keys = image_keys(data)
    lists = lists or ImageLists()
    splits = {
        f"{benchmark}/{split}": _audit_split(data, keys, benchmark, split, lists)
        for benchmark, names in BENCHMARKS.items()
        for split in names
        if benchmark in EVALUATION_SPLITS or _is_wanted(data, benchmark, split, lists)
    }
    splits |= {name: _by_list(keys, path) for name, path in lists.files.items() if name not in splits}
    if backbone is not None:
        splits = {name: _with_backbone(name, found, backbone) for name, found in splits.items()}
    return LeakStamp(data.name, data.split, splits)


def _is_wanted(data: ReferringDataset, benchmark: str, split: str, lists: ImageLists) -> bool:
    if data.name == benchmark or f"{benchmark}/{split}" in lists.files:
        return True
    return any(benchmark_file(benchmark, split, folder).exists() for folder in lists.folders)


def _audit_split(
    data: ReferringDataset, keys: Mapping[int, str], benchmark: str, split: str, lists: ImageLists
) -> SplitAudit:
    collection = collection_of(benchmark)
    if all(key and not key.startswith(f"{collection}:") for key in keys.values()):
        return SplitAudit("clean")  # of other collections, every one of them
    if f"{benchmark}/{split}" in lists.files:
        return _by_list(keys, lists.files[f"{benchmark}/{split}"])
    for folder in lists.folders:
        if not benchmark_file(benchmark, split, folder).exists():
            continue
        found = _compare(keys, benchmark_images(benchmark, split, folder), collection)
        if found.status == "leaky" and _is_by_design(data, benchmark, split):
            return SplitAudit("leaky", found.image_ids, "the benchmark's own splits share these images", True)
        return found
    wanted = benchmark_file(benchmark, split, Path())
    return SplitAudit("unknown", reason=f"images not known: no folder given has {wanted}")


def _by_list(keys: Mapping[int, str], path: Path) -> SplitAudit:
    """A list may be of a part of the split only, so that a clean answer says how much it names."""
    there = listed_images(path)
    found = _compare(keys, there, "coco")
    return replace(found, reason=f"by the {len(there):,} images that {path.name} names") if not found.reason else found


def _compare(keys: Mapping[int, str], there: frozenset[str], collection: str) -> SplitAudit:
    found = tuple(sorted(image_id for image_id, key in keys.items() if key in there))
    if found:
        return SplitAudit("leaky", found, f"{len(found)} of its {len(there)} images are trained on")
    unnamed = sum(not key for key in keys.values())
    if unnamed:
        return SplitAudit("unknown", reason=f"nothing tells whether {unnamed} training images are from {collection}")
    return SplitAudit("clean")


def _is_by_design(data: ReferringDataset, benchmark: str, split: str) -> bool:
    """G-Ref's Google split divides objects, not images; ReferItGame's trainval holds its val."""
    if data.name != benchmark:
        return False
    return benchmark == "gref" or (data.split, split) == ("trainval", "val")


def _with_backbone(name: str, found: SplitAudit, backbone: BackboneName) -> SplitAudit:
    if name.startswith("referit/"):
        return found  # no backbone's collection holds IAPR images
    for source in BACKBONE_SOURCES[backbone]:
        if "COCO" not in source:
            continue
        is_certain = source not in PERHAPS_COCO
        if not is_certain and found.status == "clean":
            return SplitAudit("unknown", reason=f"backbone {backbone} was trained on {source}", by_backbone=True)
        if is_certain:
            reason = f"backbone {backbone} was trained on {source}, which holds its images"
            reason = f"{found.reason}; {reason}" if found.image_ids else reason
            return SplitAudit("leaky", found.image_ids, reason, found.by_design, by_backbone=True)
    return found


def _names(splits: Sequence[str]) -> str:
    """`unc val testA, gref val` for unc/val, unc/testA and gref/val."""
    of_benchmark: dict[str, list[str]] = {}
    for name in splits:
        benchmark, _, split = name.partition("/")
        of_benchmark.setdefault(benchmark, []).append(split)
    return ", ".join(f"{benchmark} {' '.join(names)}" for benchmark, names in of_benchmark.items())


def _count(audit: SplitAudit) -> str:
    return f"{len(audit.image_ids)} images" if audit.image_ids else audit.reason
