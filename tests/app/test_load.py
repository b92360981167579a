"""A short version of `benchmarks.app_load`, and the upload that gradio itself serves to the page."""

import asyncio
from pathlib import Path

from benchmarks.app_load import drive_users


def test_32_users_at_once_are_all_answered(served):
    load = asyncio.run(drive_users(served.url, users=32, seconds=3))
    assert set(load.statuses) == {"200"}
    assert len(load.first) >= 32


def test_gradios_own_upload_keeps_to_its_folder_and_limit(client, served):
    """The page sends pictures there. A name like a path must not lead anywhere, nor a large file be stored."""
    escaped = client.post("/gradio_api/upload", files={"files": ("../../../escaped.png", b"x")})
    assert escaped.status_code == 200
    assert served.folder in Path(escaped.json()[0]).resolve().parents
    large = client.post("/gradio_api/upload", files={"files": ("large.png", bytes(40_000_000))})
    assert large.status_code == 413
    assert "at most 20 MB" in large.json()["error"]
