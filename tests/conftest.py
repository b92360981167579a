"""Small things that many tests share: a tiny model, a few drawn scenes, a short run."""

import os
import threading
from collections.abc import Callable, Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the networks here are tiny: threads would only wait for each other

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from asgn.checkpoint import Model
from asgn.config import LossConfig, ModelConfig, TrainConfig
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.data.vocabulary import Vocabulary
from asgn.experiments.runs.assembly import RunConfig
from asgn.models.build import build_generator
from asgn.variants import Variant
from tests.data.mirror import Mirror

TINY = {"image_size": 64, "embedding_size": 8, "language_size": 8, "visual_size": 8, "fusion_size": 8, "detail_size": 4}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of few and long tests come first: at the end of a run one worker would be alone with them."""
    items.sort(key=lambda item: "kill" not in item.path.name)


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = Path(os.environ.get("ASGN_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}: set ASGN_SHARED")
    return folder


@pytest.fixture(scope="session")
def shared_data(shared: Path) -> Callable[[str], Path]:
    """The folder of one of the shared data sets."""

    def folder(name: str) -> Path:
        if not (shared / "data" / name).is_dir():
            pytest.skip(f"no {shared / 'data' / name}: set ASGN_SHARED to the folder that holds data/{name}")
        return shared / "data" / name

    return folder


@pytest.fixture(scope="session")
def accelerator() -> Accelerator:
    return Accelerator(cpu=True)


@pytest.fixture(scope="session")
def scenes() -> SyntheticDataset:
    return SyntheticDataset("train", scenes=6, size=64)


@pytest.fixture
def tiny_model(scenes: SyntheticDataset) -> Model:
    torch.manual_seed(0)
    vocabulary = Vocabulary.build([item.text for item in scenes.expressions] + ["left circle"])
    config = ModelConfig.for_variant(Variant.parse("M+LSTM+DE+SE+AT"), len(vocabulary), **TINY)
    return Model(build_generator(config).to(memory_format=torch.channels_last), config, vocabulary, {})


@pytest.fixture
def plan_of(scenes: SyntheticDataset, tmp_path: Path):
    """A plan of a tiny run; keyword arguments change its training."""

    def make(folder: str = "run", variant: str = "M+LSTM+DE+SE+AT", resume: bool = False, **train: object) -> RunConfig:
        settings = {"steps": 6, "batch_size": 4, "phrases_per_image": 2, "workers": 0, "finetune": True} | train
        return RunConfig(
            variant=Variant.parse(variant),
            train_data=scenes,
            validation_data=SyntheticDataset("val", scenes=2, size=64),
            folder=tmp_path / folder,
            train=TrainConfig(**settings),
            losses=LossConfig(),
            model_changes=TINY,
            weights="random",
            resume=resume,
            quiet=True,
        )

    return make


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("no_proxy", "*")
    server = Mirror()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.stop.set()
    server.shutdown()
    thread.join()
    server.server_close()
