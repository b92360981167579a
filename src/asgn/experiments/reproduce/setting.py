"""What all rows of one reproduction have in common: data, budget, training, scoring."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from asgn.config import LossConfig, TrainConfig
from asgn.data.checks.image_origin import EVALUATION_SPLITS, ImageLists
from asgn.data.datasets import check_name, open_dataset, splits_of_dataset
from asgn.data.types import ReferringDataset
from asgn.data.vocabulary import Vocabulary
from asgn.errors import DataError, UserError
from asgn.experiments.reproduce.paper import COUNTS, TABLES
from asgn.models.pretrained import Weights
from asgn.variants import BackboneName

TRAIN_SPLITS = {"referit": "trainval"}
"""Where training is not on `train`."""

ONE_SPLIT = ("table4", "table5", "figure4", "figure5", "figure8")
VALIDATIONS_ALONE = ("figure6", "figure7")
"""Figures of what runs have found while they trained; nothing is scored for them."""

FeatureName = Literal["alexnet", "squeezenet"]


@dataclass(frozen=True)
class Features:
    """The network that describes masks for Table IV."""

    name: FeatureName = "alexnet"
    weights: Path | None = None


@dataclass(frozen=True)
class Setting:
    """One reproduction; everything in it holds for all of its rows."""

    data: str
    root: Path | None
    out: Path
    """Folder of the pages."""
    runs: Path
    """Folder of the runs, one folder for each row, seed and data set; runs found there are taken."""
    backbone: BackboneName | None = None
    """Put in the place of each row's own."""
    rows: tuple[str, ...] = ()
    """Rows wanted; none stands for all of the table."""
    splits: tuple[str, ...] = ()
    """Splits to score; none stands for those of the table, or all but the training split."""
    seeds: tuple[int, ...] = (0,)
    train: TrainConfig = field(default_factory=TrainConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    reductions: tuple[str, ...] = ("sum",)
    """Of the cross entropy; Table VI may have both."""
    model_changes: dict[str, Any] = field(default_factory=dict)
    vocabulary: Vocabulary | None = None
    weights: Weights = "default"
    features: Features = field(default_factory=Features)
    image_lists: ImageLists = field(default_factory=ImageLists)
    packed: Path | None = None
    """Folder of packed splits (see RunConfig)."""
    allow_leak: bool = False
    protocol: Literal["clean", "reference"] = "clean"
    limit: int | None = None
    """Images scored of each split; None is all."""
    panels: int = 6
    """Examples of a figure."""
    command: str = ""
    cpu: bool = False
    quiet: bool = False

    @property
    def samples_seen(self) -> int:
        """Expressions that each run is trained on, repetitions counted."""
        return self.train.steps * self.train.batch_size

    def compares(self, what: str) -> bool:
        """Whether the paper's table has this data set, or for a figure, whether the paper uses it."""
        if what in TABLES:
            return any(cell.dataset == self.data for cell in TABLES[what].cells)
        return self.data in COUNTS


@dataclass(frozen=True)
class Splits:
    """The opened splits of a reproduction."""

    train: ReferringDataset
    validation: ReferringDataset
    scored: tuple[ReferringDataset, ...]


def open_splits(setting: Setting, what: str) -> Splits:
    """Open the training, validation and scored splits.

    Raises:
        DataError: the data set or one of its splits is not there, the training split is to be scored, or several
            splits where one is.
    """
    check_name(setting.data)
    names = _wanted_splits(setting, what)
    train = TRAIN_SPLITS.get(setting.data, "train")
    if train in names:
        raise DataError(f"split {train!r} is what the rows are trained on: leave it out of --splits")
    return Splits(
        train=open_dataset(setting.data, setting.root, train),
        validation=open_dataset(setting.data, setting.root, "val"),
        scored=tuple(open_dataset(setting.data, setting.root, name) for name in names),
    )


def _wanted_splits(setting: Setting, what: str) -> tuple[str, ...]:
    """Those named, or those of the table or figure; each once."""
    if what in VALIDATIONS_ALONE:
        return ()
    named = tuple(dict.fromkeys(setting.splits))
    if what not in ONE_SPLIT:
        return named or scored_splits(setting, what)
    if len(named) > 1:
        raise DataError(f"{what} is of one split: give one with --splits, such as --splits {named[0]}")
    return named or scored_splits(setting, what)[:1]


def scored_splits(setting: Setting, what: str) -> tuple[str, ...]:
    """The splits of the paper's table where it has this data set; else the benchmark's, or all but training's."""
    table = TABLES.get(what)
    printed = [cell.split for cell in table.cells if cell.dataset == setting.data] if table else []
    if printed:
        return tuple(dict.fromkeys(printed))
    if what.startswith("figure"):
        return ("test",) if setting.data == "referit" else ("val",)
    if setting.data in EVALUATION_SPLITS:
        return tuple(name for name in EVALUATION_SPLITS[setting.data] if setting.data != "referit" or name == "test")
    found = splits_of_dataset(setting.data, setting.root)
    return tuple(name for name in found if name != "train")


def check_setting(setting: Setting, what: str, backbones: set[BackboneName]) -> None:
    """Refuse what no row could be trained with.

    Raises:
        UserError: such as weights that are not there, or both reductions outside Table VI.
    """
    if "M" in backbones and setting.weights == "default":
        raise UserError(
            "the backbone M has no weights to download: give DeepLab-MobileNetV2's file with --weights FILE, or "
            "train from scratch with --weights random"
        )
    if isinstance(setting.weights, Path):
        if not setting.weights.is_file():
            raise UserError(f"no weights at {setting.weights}: check --weights")
        if len(backbones) > 1:
            several = ", ".join(sorted(backbones))
            raise UserError(f"one file cannot be the weights of {several}: choose one with --backbone or --rows")
    if len(setting.reductions) > 1 and what != "table6":
        raise UserError(f"--ce-reduction both is for table6 alone: choose sum or mean for {what}")

