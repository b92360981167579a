"""What one reproduction is: a table or figure, its rows and seeds, the data, and how runs are trained and scored."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from asgn.data.checks.image_origin import EVALUATION_SPLITS
from asgn.data.datasets import check_name, open_dataset, splits_of_dataset
from asgn.data.types import ReferringDataset
from asgn.errors import DataError, UserError
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.runs.assembly import RunSettings
from asgn.inference.device import choose_device
from asgn.paper import COUNTS, TABLES

TRAIN_SPLITS = {"referit": "trainval"}
"""Where training is not on `train`."""

ONE_SPLIT = ("table4", "table5", "figure4", "figure5", "figure8")
VALIDATIONS_ALONE = ("figure6", "figure7")
"""Figures of what runs have found while they trained; nothing is scored for them."""

FeatureName = Literal["alexnet", "squeezenet"]


@dataclass(frozen=True)
class Scoring:
    """How trained rows are scored and shown."""

    protocol: Literal["clean", "reference"] = "clean"
    limit: int | None = None
    """Images scored of each split; None is all."""
    panels: int = 6
    """Examples of a figure."""
    features: FeatureName = "alexnet"
    """The network that describes masks for Table IV."""
    feature_weights: Path | None = None
    cpu: bool = False

    @property
    def device(self) -> torch.device:
        """Where a reproduction computes."""
        return choose_device("cpu" if self.cpu else "auto")


@dataclass(frozen=True)
class ReproductionConfig:
    """One reproduction; everything in it holds for all of its rows."""

    what: str
    """Such as `table2` or `figure7`."""
    data: str
    root: Path | None
    out: Path
    """Folder of the pages."""
    runs: Path
    """Folder of the runs, one folder for each row, seed and data set; runs found there are taken."""
    rows: tuple[Row, ...]
    seeds: tuple[int, ...] = (0,)
    splits: tuple[str, ...] = ()
    """Splits to score; none stands for those of the table, or all but the training split."""
    is_paired: bool = False
    """Rows with and without AT go on from one run without it, with the same batches."""
    settings: RunSettings = field(default_factory=RunSettings)
    scoring: Scoring = field(default_factory=Scoring)
    command: str = ""

    @property
    def name(self) -> str:
        """Of the page's files: each data set has a page of its own."""
        return f"{self.what}{'-paired' if self.is_paired else ''}-{self.data}"

    @property
    def samples_seen(self) -> int:
        """Expressions that each row is trained on, repetitions counted."""
        return self.settings.train.steps * self.settings.train.batch_size

    @property
    def budget(self) -> str:
        """The same as text; SNLE's own stages may have other batches."""
        train = self.settings.train
        text = f"{train.steps:,} steps of {train.batch_size} = {self.samples_seen:,} samples seen"
        has_stages = any(row.variant.backbone == "SNLE" for row in self.rows) and train.snle == "stages"
        return text + ("; SNLE's stages have their own batches" if has_stages and train.snle_batches == "own" else "")

    @property
    def compares(self) -> bool:
        """Whether the paper's table has this data set, or for a figure, whether the paper uses it."""
        if self.what in TABLES:
            return any(cell.dataset == self.data for cell in TABLES[self.what].cells)
        return self.data in COUNTS and COUNTS[self.data].expressions is not None


@dataclass(frozen=True)
class Splits:
    """The opened splits of a reproduction."""

    train: ReferringDataset
    validation: ReferringDataset
    scored: tuple[ReferringDataset, ...]


def open_splits(config: ReproductionConfig) -> Splits:
    """Open the training, validation and scored splits.

    Raises:
        DataError: the data set or one of its splits is not there, the training split is to be scored, or several
            splits where one is.
    """
    check_name(config.data)
    names = _wanted_splits(config)
    train = TRAIN_SPLITS.get(config.data, "train")
    if train in names:
        raise DataError(f"split {train!r} is what the rows are trained on: leave it out of --splits")
    return Splits(
        train=open_dataset(config.data, config.root, train),
        validation=open_dataset(config.data, config.root, "val"),
        scored=tuple(open_dataset(config.data, config.root, name) for name in names),
    )


def _wanted_splits(config: ReproductionConfig) -> tuple[str, ...]:
    """Those named, or those of the table or figure; each once."""
    if config.what in VALIDATIONS_ALONE:
        return ()
    named = tuple(dict.fromkeys(config.splits))
    if config.what not in ONE_SPLIT:
        return named or _default_splits(config)
    if len(named) > 1:
        raise DataError(f"{config.what} is of one split: give one with --splits, such as --splits {named[0]}")
    return named or _default_splits(config)[:1]


def _default_splits(config: ReproductionConfig) -> tuple[str, ...]:
    """The splits of the paper's table where it has this data set; else the benchmark's, or all but training's."""
    data, table = config.data, TABLES.get(config.what)
    if printed := [cell.split for cell in table.cells if cell.dataset == data] if table else []:
        return tuple(dict.fromkeys(printed))
    if config.what.startswith("figure"):
        return ("test",) if data == "referit" else ("val",)
    if data in EVALUATION_SPLITS:
        return tuple(name for name in EVALUATION_SPLITS[data] if data != "referit" or name == "test")
    return tuple(name for name in splits_of_dataset(data, config.root) if name != "train")


def check_weights(config: ReproductionConfig) -> None:
    """Refuse weights that the rows could not be trained with. Raises UserError."""
    weights, backbones = config.settings.weights, {row.variant.backbone for row in config.rows}
    if "M" in backbones and weights == "default":
        raise UserError(
            "the backbone M has no weights to download: give DeepLab-MobileNetV2's file with --weights FILE, or "
            "train from scratch with --weights random"
        )
    if isinstance(weights, Path):
        if not weights.is_file():
            raise UserError(f"no weights at {weights}: check --weights")
        if len(backbones) > 1:
            several = ", ".join(sorted(map(str, backbones)))
            raise UserError(f"one file cannot be the weights of {several}: choose one with --backbone or --rows")
