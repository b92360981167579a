"""Tiny reproductions on a few drawn scenes; trained runs are shared by the tests of a session."""

import dataclasses
import importlib.util
from pathlib import Path

import pytest

from asgn.config import TrainConfig
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.experiments.reproduce import config as config_module
from asgn.experiments.reproduce.command import reproduce
from asgn.experiments.reproduce.config import ReproductionConfig, Scoring
from asgn.experiments.reproduce.rows import rows_of, seeds_of
from asgn.experiments.runs.assembly import RunSettings
from tests.conftest import TINY

STEPS = 2


class Scenes(SyntheticDataset):
    """Drawn scenes under the name of any data set."""

    def __init__(self, name: str, split: str) -> None:
        super().__init__({"train": "train", "val": "val"}.get(split, "test"), scenes=5, size=64, absent=False)
        self.name = name
        self.split = split

    def image_ids(self) -> range:
        first = {"train": 0, "val": 100_000_000}.get(self.split, 200_000_000)
        return range(first, first + self.scenes)


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch):
    monkeypatch.setattr(config_module, "open_dataset", lambda name, root, split: Scenes(name, split))


@pytest.fixture(scope="session")
def shared_runs(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def config_of(tmp_path, shared_runs):
    """A tiny reproduction; keyword arguments change it, its scoring, its runs or their training."""

    def make(what: str = "table2", rows: tuple[str, ...] = (), **changes: object) -> ReproductionConfig:
        common = {
            "data": "synthetic", "root": None, "backbone": "M", "weights": "random", "limit": 3, "panels": 2,
            "out": tmp_path / "pages", "runs": shared_runs, "steps": STEPS, "batch_size": 2, "workers": 0,
            "validate_every": 1, "validation_limit": 1, "model_changes": TINY, "cpu": True, "quiet": True,
            "reductions": ("sum",), "seeds": (0,),
        } | changes  # fmt: skip

        def taken(kind: type) -> dict[str, object]:
            return {one.name: common.pop(one.name) for one in dataclasses.fields(kind) if one.name in common}

        backbone, reductions = common.pop("backbone"), common.pop("reductions")
        train = TrainConfig(**taken(TrainConfig))
        settings = RunSettings(train=train, **taken(RunSettings))
        scoring = Scoring(**taken(Scoring))
        return ReproductionConfig(
            what=what,
            rows=tuple(rows_of(what, backbone, rows, reductions)),
            seeds=seeds_of(what, common.pop("seeds")),
            settings=settings,
            scoring=scoring,
            **common,
        )

    return make


WITHOUT_CRF = None if importlib.util.find_spec("pydensecrf") else "run `pip install 'asgn[crf]'`"
"""What a row with dense CRF says where that extra, which needs a compiler, is not installed."""


@pytest.fixture
def page_of():
    """Reproduce, expect no failure, and give the Markdown page."""

    def make(config: ReproductionConfig) -> str:
        result = reproduce(config, lambda line: None)
        assert [line for line in result.failed if WITHOUT_CRF is None or WITHOUT_CRF not in line] == []
        html, markdown, *pictures = result.files
        assert html.read_text(encoding="utf-8").count("<img") == len(pictures)
        assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
        return markdown.read_text(encoding="utf-8")

    return make
