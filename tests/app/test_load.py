"""Short versions of `benchmarks.app_load` and `tool_load`, and the upload that gradio itself serves to the page."""

import asyncio
from pathlib import Path

import pytest

from asgn.app.server import Tools
from benchmarks import tool_load
from benchmarks.app_load import drive_users
from tests.app.conftest import PHRASES, serving


def test_32_users_at_once_are_all_answered(served):
    load = asyncio.run(drive_users(served.url, users=32, seconds=3))
    assert set(load.statuses) == {"200"}
    assert len(load.first) >= 32


@pytest.mark.parametrize("protocol", tool_load.PROTOCOLS)
def test_16_users_of_a_tool_are_all_answered_and_a_large_image_refused(protocol, segmenter, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with serving(segmenter, tmp_path, Tools(True, "http://127.0.0.1:1")) as running:
        statuses = asyncio.run(tool_load.drive(running.url, protocol, users=16, seconds=2, phrases=PHRASES))
        assert statuses.keys() == {"200"}
        assert statuses.total() >= 16
        assert tool_load.refusal(running.url, protocol) == 413


def test_gradios_own_upload_keeps_to_its_folder_and_limit(client, served):
    """The page sends pictures there. A name like a path must not lead anywhere, nor a large file be stored."""
    escaped = client.post("/gradio_api/upload", files={"files": ("../../../escaped.png", b"x")})
    assert escaped.status_code == 200
    assert served.folder in Path(escaped.json()[0]).resolve().parents
    large = client.post("/gradio_api/upload", files={"files": ("large.png", bytes(40_000_000))})
    assert large.status_code == 413
    assert "at most 20 MB" in large.json()["error"]
