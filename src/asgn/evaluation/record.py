"""What a score needs beside it to be compared with another one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Self

from asgn.data.types import Expression, ReferringDataset
from asgn.evaluation.gres import gres_summary
from asgn.evaluation.metrics import SegmentationScores

FLAG_BY_MASK = "the mask is empty"
"""How a mask without a flag of its own says that its phrase has no target."""


def versions() -> dict[str, str]:
    """The versions that a score depends on."""
    return {package: version(package) for package in ("asgn", "torch", "numpy")}


@dataclass(frozen=True, kw_only=True)
class ScoreRecord:
    """The scores of masks on one split, and all that is needed to know what they are scores of."""

    scores: SegmentationScores
    gres: Mapping[str, Any]
    """The measures of generalised referring segmentation (see `gres`), at the image's own size."""
    no_target_flag: str
    """What counts as the answer that a phrase has no target, for `gres`."""
    protocol: str
    dataset: str
    split: str
    fingerprint: str
    images: int
    refs: int
    leak_stamp: str | None = None
    """What is known of the masks' maker having seen these images in training."""
    versions: Mapping[str, str] = field(default_factory=versions)

    @classmethod
    def of(
        cls,
        dataset: ReferringDataset,
        expressions: Sequence[Expression],
        scores: SegmentationScores,
        **others: Any,
    ) -> Self:
        """The record of these expressions' scores, in one order; `others` are the fields that neither tells."""
        return cls(
            scores=scores,
            gres=gres_summary(scores, expressions),
            dataset=dataset.name,
            split=dataset.split,
            fingerprint=dataset.fingerprint(),
            images=len({expression.image_id for expression in expressions}),
            refs=len({expression.ref_id for expression in expressions}),
            **others,
        )

    def to_json(self) -> dict[str, Any]:
        """The scores in percent and everything else, as JSON values."""
        return {
            "dataset": self.dataset,
            "split": self.split,
            "protocol": self.protocol,
            "scores": self.scores.summary(),
            "gres": {"no_target_flag": self.no_target_flag, **self.gres},
            "images": self.images,
            "refs": self.refs,
            "expressions": len(self.scores),
            "leak_stamp": self.leak_stamp,
            "fingerprint": self.fingerprint,
            "versions": dict(self.versions),
        }
