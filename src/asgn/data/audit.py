"""Leaks: images that a model was trained on and would be scored on.

The backbones' own training counts too: an image is no less known for having been seen without its phrase.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from asgn.data.provenance import (
    BACKBONE_SOURCES,
    EVALUATION_SPLITS,
    benchmark_file,
    benchmark_images,
    collection_of,
    image_keys,
    listed_images,
)
from asgn.data.sample import ReferringDataset
from asgn.variants import BackboneName

Status = Literal["clean", "leaky", "unknown"]


@dataclass(frozen=True)
class SplitAudit:
    """Whether training touched the images of one evaluation split."""

    status: Status
    image_ids: tuple[int, ...] = ()
    """Training images found there, by the ids of the training set."""
    reason: str = ""
    """Why it is leaky or unknown."""
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
            if self.dataset not in EVALUATION_SPLITS or name.split("/")[0] in (self.dataset, "list")
        )

    def of_split(self, dataset: str, split: str) -> SplitAudit:
        """What a score on this split has to say; a split that was never audited is unknown."""
        return self.splits.get(f"{dataset}/{split}", SplitAudit("unknown", reason="this split was not audited"))

    def line(self) -> str:
        """The whole stamp in one line."""
        leaky = [f"{name} ({_count(audit)})" for name, audit in self.splits.items() if audit.status == "leaky"]
        unknown = [name for name, audit in self.splits.items() if audit.status == "unknown"]
        parts = [f"{self.dataset}/{self.split}: {self.status}"]
        parts += [f"leaks into {', '.join(leaky)}"] if leaky else []
        parts += [f"unknown for {', '.join(unknown)}"] if unknown else []
        return "; ".join(parts)

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
    data: ReferringDataset,
    benchmarks: Sequence[Path] = (),
    *,
    lists: Sequence[Path] = (),
    backbone: BackboneName | None = None,
) -> LeakStamp:
    """Compare a training set's images with every evaluation split of the four benchmarks.

    Args:
        data: what is trained on.
        benchmarks: folders that hold any of the benchmarks; their lists of expressions suffice. Later ones are
            looked at for what earlier ones lack.
        lists: text files that name COCO images, each taken as the evaluation split called as its file.
        backbone: whose training images count too.

    Raises:
        DataError: a benchmark or list is there but cannot be read.
    """
    keys = image_keys(data)
    splits = {
        f"{benchmark}/{split}": _audit_split(data, keys, benchmark, split, benchmarks)
        for benchmark, names in EVALUATION_SPLITS.items()
        for split in names
    }
    for path in lists:
        splits[f"list/{path.stem}"] = _compare(keys, listed_images(path), "coco")
    if backbone is not None:
        splits = {name: _with_backbone(name, found, backbone) for name, found in splits.items()}
    return LeakStamp(data.name, data.split, splits)


def _audit_split(
    data: ReferringDataset, keys: Mapping[int, str], benchmark: str, split: str, folders: Sequence[Path]
) -> SplitAudit:
    collection = collection_of(benchmark)
    if all(key and not key.startswith(f"{collection}:") for key in keys.values()):
        return SplitAudit("clean")  # of other collections, every one of them
    for folder in folders:
        if not benchmark_file(benchmark, split, folder).exists():
            continue
        found = _compare(keys, benchmark_images(benchmark, split, folder), collection)
        if found.status == "leaky" and _is_by_design(data, benchmark, split):
            return SplitAudit("leaky", found.image_ids, "the benchmark's own splits share these images", True)
        return found
    wanted = benchmark_file(benchmark, split, Path())
    return SplitAudit("unknown", reason=f"its images are not known: no folder given has {wanted}")


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
        return found  # no backbone's collection holds IAPR photographs
    for source in BACKBONE_SOURCES[backbone]:
        if not source.startswith("COCO"):
            continue
        if "probably" in source and found.status == "clean":
            return SplitAudit("unknown", reason=f"backbone {backbone} was trained on {source}", by_backbone=True)
        if "probably" not in source:
            reason = f"backbone {backbone} was trained on {source}, which holds its images"
            reason = f"{found.reason}; {reason}" if found.image_ids else reason
            return SplitAudit("leaky", found.image_ids, reason, found.by_design, by_backbone=True)
    return found


def _count(audit: SplitAudit) -> str:
    return f"{len(audit.image_ids)} images" if audit.image_ids else audit.reason
