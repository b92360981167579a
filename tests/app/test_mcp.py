"""`asgn app --mcp`, asked by the protocol's own client as an assistant asks it."""

import asyncio
import json
import sys

import httpx
import pytest

from asgn.app.server import Tools, build_server
from asgn.errors import MissingExtraError
from tests.app.conftest import PHRASES, serving
from tests.app.test_tools import data_uri, header_of


@pytest.fixture(scope="module")
def server(segmenter, tmp_path_factory):
    pytest.importorskip("mcp", reason="the extra mcp is not installed")
    with serving(segmenter, tmp_path_factory.mktemp("mcp"), Tools(mcp=True)) as running:
        yield running


def call(server, work):
    """What `work` gives with a session of a client."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def session():
        async with (
            streamable_http_client(f"{server.url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            return await work(client)

    return asyncio.run(session())


def segment(server, image, phrases=PHRASES[:1]):
    arguments = {"image": image, "phrases": list(phrases)}
    return call(server, lambda client: client.call_tool("segment_image", arguments))


def test_one_tool_is_listed_with_its_arguments(server):
    (tool,) = call(server, lambda client: client.list_tools()).tools
    assert tool.name == "segment_image"
    assert "one mask a phrase" in tool.description
    assert "bbox [x, y, width, height]" in tool.description
    fields = tool.inputSchema["properties"]
    assert fields["image"]["type"] == "string"
    assert fields["image"]["description"].endswith("or a known image.id")
    assert (fields["phrases"]["type"], fields["phrases"]["items"]["type"]) == ("array", "string")
    assert sorted(tool.inputSchema["required"]) == ["image", "phrases"]


def test_the_tool_gives_the_segmenters_own_masks(server, segmenter, png, pixels):
    with httpx.Client(base_url=server.url) as client:
        path = client.post("/gradio_api/upload", files={"files": ("photo.png", png)}).json()[0]
    uploaded = segment(server, f"{server.url}/gradio_api/file={path}", PHRASES)
    answer = json.loads(uploaded.content[0].text)
    for one in (uploaded, segment(server, data_uri(png), PHRASES), segment(server, answer["image"]["id"], PHRASES)):
        assert not one.isError
        found = json.loads(one.content[0].text)
        assert found["image"] == answer["image"]
        for result, own in zip(found["results"], segmenter(pixels, list(PHRASES)), strict=True):
            assert result["phrase"] == own.phrase
            assert result["segmentation"] == own.rle
    overlay = httpx.get(server.url + answer["overlay"])
    assert (overlay.status_code, overlay.headers["content-type"]) == (200, "image/png")


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("http://127.0.0.1:1/secret.png", "was not uploaded here"),
        ("http://127.0.0.1:1/gradio_api/file=/etc/passwd", "was not uploaded here"),
        ("/etc/passwd", "not in base64"),
        ("0" * 64, "send the file again"),
        (data_uri(b"a letter"), "not an image"),
        (data_uri(header_of(5000)), "too large"),
    ],
)
def test_what_the_tool_cannot_have_is_one_line(server, image, said):
    refused = segment(server, image)
    assert refused.isError
    assert said in refused.content[0].text
    assert "\n" not in refused.content[0].text


def test_a_phrase_that_cannot_be_answered_says_why(server, png):
    (result,) = json.loads(segment(server, data_uri(png), ["gnarf"]).content[0].text)["results"]
    assert "gnarf" in result["error"]
    assert "no phrase" in segment(server, data_uri(png), []).content[0].text


def test_without_its_flag_there_is_none(client):
    assert client.post("/gradio_api/mcp/", json={}).status_code in (404, 405)


def test_without_the_extra_it_is_named(segmenter, tmp_path, monkeypatch):
    pytest.importorskip("gradio", reason="the extra app is not installed")
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(MissingExtraError, match=r"mcp is not installed: run `pip install 'asgn\[mcp\]'`"):
        build_server(segmenter, tmp_path, tools=Tools(mcp=True))
