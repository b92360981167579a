"""A running server with a tiny network, on a port of its own."""

import asyncio
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from asgn.app.server import Tools, bind, build_server
from asgn.checkpoint import Model
from asgn.config import ModelConfig
from asgn.data.vocabulary import Vocabulary
from asgn.inference.segmenter import Segmenter
from asgn.models.build import build_generator
from asgn.variants import Variant
from tests.conftest import TINY

PHRASES = ("left circle", "the star")


@dataclass(frozen=True)
class Served:
    """Where the server listens, the model in it, and where it keeps uploads."""

    url: str
    segmenter: Segmenter
    folder: Path


@pytest.fixture(scope="session")
def segmenter(scenes) -> Segmenter:
    torch.manual_seed(3)
    vocabulary = Vocabulary.build([item.text for item in scenes.expressions] + list(PHRASES) + ["the red circle"])
    config = ModelConfig.for_variant(Variant.parse("M+LSTM+DE+SE"), len(vocabulary), **TINY)
    return Segmenter(Model(build_generator(config), config, vocabulary, {}))


@contextmanager
def serving(segmenter: Segmenter, folder: Path, tools: Tools | None = None) -> Iterator[Served]:
    """A server in a thread of its own."""
    pytest.importorskip("gradio", reason="the extra app is not installed")
    import uvicorn

    listener = bind("127.0.0.1", 0)

    async def build():
        return build_server(segmenter, folder, tools=tools)

    application = asyncio.run(build())  # without a running loop gradio makes loops that it never closes
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", segmenter, folder)
    server.should_exit = True
    thread.join(timeout=20)
    listener.close()


@pytest.fixture(scope="session")
def served(segmenter, tmp_path_factory) -> Iterator[Served]:
    with serving(segmenter, tmp_path_factory.mktemp("app")) as running:
        yield running


@pytest.fixture(scope="session")
def client(served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 90, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def png(pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
