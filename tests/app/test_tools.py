"""The protocols of annotation tools, driven by requests of the shapes that the tools send."""

import base64
import struct
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw

from asgn.app.server import Tools
from asgn.inference.segmenter import Segmenter
from tests.app.conftest import PHRASES, serving

KEY = "a-users-key"
CONFIG = """<View>
  <Image name="img" value="$photo"/>
  <TextArea name="prompt" toName="img" editable="true" maxSubmissions="1"/>
  <BrushLabels name="brush" toName="img"><Label value="thing"/><Label value="star"/></BrushLabels>
</View>"""


class Studio(BaseHTTPRequestHandler):
    """A Label Studio that gives images to those who have the key."""

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        files = self.server.files
        if self.headers["Authorization"] != f"Token {KEY}":
            self.send_error(401)
        elif self.path not in files:
            self.send_error(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(files[self.path])))
            self.end_headers()
            self.wfile.write(files[self.path])


@pytest.fixture(scope="module")
def studio(png) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Studio)
    server.files = {"/data/upload/1/photo.png": png, "/data/upload/1/large.png": bytes(21 * 2**20)}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def tools(segmenter, studio, tmp_path_factory) -> Iterator[httpx.Client]:
    patch = pytest.MonkeyPatch()
    patch.setenv("LABEL_STUDIO_API_KEY", KEY)
    patch.setenv("no_proxy", "*")
    with (
        serving(segmenter, tmp_path_factory.mktemp("tools"), Tools(True, studio)) as running,
        httpx.Client(base_url=running.url, timeout=60) as client,
    ):
        yield client
    patch.undo()


def data_uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def x_anylabeling(image: str, phrase: str = PHRASES[0], model: str = "asgn", **params: object) -> dict:
    """As X-AnyLabeling's `remote_server.py` sends it."""
    settings = {"conf_threshold": 0.0, "iou_threshold": 0.0, "epsilon_factor": 0.001, "text_prompt": phrase}
    return {"model": model, "image": image, "params": settings | params}


def filled(shapes: list[dict], height: int, width: int) -> np.ndarray:
    """Pixels whose centre lies in an odd number of the polygons' windings, drawn four times as large."""
    mask = np.zeros((height, width), dtype=bool)
    for shape in shapes:
        picture = Image.new("1", (4 * width, 4 * height))
        ImageDraw.Draw(picture).polygon([(4 * x - 0.5, 4 * y - 0.5) for x, y in shape["points"]], fill=1)
        mask ^= np.asarray(picture)[2::4, 2::4]
    return mask


def test_x_anylabeling_lists_the_model(tools):
    assert tools.get("/health").json()["models_loaded"] == 1
    listed = tools.get("/v1/models").json()
    assert listed["success"] is True
    assert listed["data"]["asgn"]["batch_processing_mode"] == "text_prompt"
    assert {widget["name"] for widget in listed["data"]["asgn"]["widgets"]} >= {"edit_text", "button_send"}
    assert tools.get("/v1/models/asgn/info").json() == {"success": True, "data": listed["data"]["asgn"]}
    missing = tools.get("/v1/models/other/info")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("encoded", [data_uri, lambda content: base64.b64encode(content).decode()])
def test_x_anylabeling_gets_the_segmenters_own_mask(tools, segmenter, png, pixels, encoded):
    answer = tools.post("/v1/predict", json=x_anylabeling(encoded(png)), headers={"Token": ""}).json()
    own = segmenter(pixels, PHRASES[0])
    assert answer["success"] is True
    shapes = answer["data"]["shapes"]
    assert {(shape["label"], shape["shape_type"]) for shape in shapes} == {(PHRASES[0], "polygon")}
    assert all(shape["points"][0] == shape["points"][-1] for shape in shapes)
    assert shapes[0]["score"] == pytest.approx(own.score, abs=1e-5)
    found = filled(shapes, *own.mask.shape)
    assert (found != own.mask).mean() < 0.01  # Pillow's polygons own their border


def test_a_phrase_with_commas_and_full_stops_is_one(tools, png, monkeypatch):
    asked, call = [], Segmenter.__call__

    def listen(self, image, phrases):
        asked.append(phrases)
        return call(self, image, phrases)

    monkeypatch.setattr(Segmenter, "__call__", listen)
    phrase = "left circle, the red one. next to the star"
    data = tools.post("/v1/predict", json=x_anylabeling(data_uri(png), phrase)).json()["data"]
    assert asked == [[phrase]]
    assert {shape["label"] for shape in data["shapes"]} <= {phrase}


def test_what_x_anylabeling_cannot_have(tools, png):
    image = data_uri(png)
    silent = tools.post("/v1/predict", json=x_anylabeling(image, "")).json()["data"]
    assert silent["description"].startswith("no phrase")
    unknown = tools.post("/v1/predict", json=x_anylabeling(image, "gnarf")).json()
    assert (unknown["success"], unknown["data"]["shapes"]) == (True, [])
    assert "gnarf" in unknown["data"]["description"]
    assert tools.post("/v1/predict", json=x_anylabeling(image, conf_threshold=1.0)).json()["data"]["shapes"] == []
    for body, status, said in [
        (x_anylabeling(image, model="sam"), 404, "no model 'sam'"),
        (x_anylabeling("no base64!"), 422, "not in base64"),
        (x_anylabeling(""), 422, "no image"),
        (x_anylabeling(base64.b64encode(b"a letter").decode()), 422, "not an image"),
        (x_anylabeling(image, 7), 422, "text_prompt must be text"),
        ([1], 422, "no JSON object"),
    ]:
        reply = tools.post("/v1/predict", json=body)
        assert (reply.status_code, reply.json()["success"]) == (status, False), body
        assert said in reply.json()["error"]["message"]


def header_of(side: int) -> bytes:
    """A PNG that promises side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**5)))


def test_oversized_images_are_refused_by_either_protocol(tools):
    for content in (header_of(5000), bytes(20 * 2**20 + 1)):
        uri = data_uri(content)
        first = tools.post("/v1/predict", json=x_anylabeling(uri))
        second = tools.post("/predict", json=label_studio(uri))
        assert (first.status_code, second.status_code) == (413, 413)
        assert "too large" in first.json()["error"]["message"]
        assert "too large" in second.json()["error"]
    assert tools.post("/v1/predict", json=x_anylabeling("A" * 40_000_000)).status_code == 413


def label_studio(image: str, phrase: str | None = PHRASES[0], config: str = CONFIG) -> dict:
    """As Label Studio sends it while somebody labels."""
    region = {"id": "x1", "type": "textarea", "from_name": "prompt", "to_name": "img", "value": {"text": [phrase]}}
    context = None if phrase is None else {"result": [region], "draft_id": 0}
    return {
        "tasks": [{"id": 17, "data": {"photo": image}, "project": 3}],
        "model_version": "asgn",
        "project": "3.1760000000",
        "label_config": config,
        "params": {"login": None, "password": None, "context": context},
    }


def brush_pixels(code: list[int]) -> np.ndarray:
    """The bytes of a brush's run-length code, read bit by bit as its format says."""
    bits = "".join(f"{byte:08b}" for byte in code)
    place = 0

    def take(count: int) -> int:
        nonlocal place
        place += count
        return int(bits[place - count : place], 2)

    size, word = take(32), take(5) + 1
    runs = [take(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < size:
        is_run = take(1)
        length = take(runs[take(2)]) + 1
        values += [take(word)] * length if is_run else [take(word) for _ in range(length)]
    return np.array(values, dtype=np.uint8)


def test_label_studio_gets_the_segmenters_own_mask(tools, segmenter, png, pixels, studio):
    assert tools.get("/health").json()["status"] == "UP"
    setup = {"project": "3.1760000000", "schema": CONFIG, "extra_params": ""}
    version = tools.post("/setup", json=setup).json()["model_version"]
    assert tools.post("/webhook", json={"action": "PROJECT_UPDATED"}).status_code == 201
    own = segmenter(pixels, "the star")
    for image in ("/data/upload/1/photo.png", f"{studio}/data/upload/1/photo.png", data_uri(png)):
        answer = tools.post("/predict", json=label_studio(image, "the star")).json()
        (prediction,) = answer["results"]
        (region,) = prediction["result"]
        assert prediction["model_version"] == answer["model_version"] == version
        assert (region["from_name"], region["to_name"], region["type"]) == ("brush", "img", "brushlabels")
        assert (region["original_height"], region["original_width"]) == own.mask.shape
        assert region["value"]["brushlabels"] == ["star"]
        drawn = brush_pixels(region["value"]["rle"]).reshape(*own.mask.shape, 4)
        np.testing.assert_array_equal(drawn == 255, np.repeat(own.mask[:, :, None], 4, axis=2))
    other = tools.post("/predict", json=label_studio(data_uri(png))).json()
    assert other["results"][0]["result"][0]["value"]["brushlabels"] == ["thing"]


def test_what_label_studio_cannot_have(tools, png, studio):
    assert tools.post("/predict", json=label_studio(data_uri(png), None)).json()["results"] == []
    for body, status, said in [
        (label_studio("http://127.0.0.1:1/secret.png"), 422, "images come from there alone"),
        (label_studio(f"{studio}@127.0.0.1:1/secret.png"), 422, "images come from there alone"),
        (label_studio("file:///etc/passwd"), 422, "images come from there alone"),
        (label_studio("//[::1/x"), 422, "images come from there alone"),
        (label_studio("/data/upload/1/none.png"), 422, "cannot fetch"),
        (label_studio("/data/upload/1/large.png"), 413, "more than"),
        (label_studio(data_uri(png), "gnarf"), 422, "gnarf"),
        (label_studio(data_uri(png), config="<View>"), 422, "no XML"),
        (label_studio(data_uri(png), config="<View/>"), 422, "BrushLabels"),
        ({"tasks": 3}, 422, "no list of tasks"),
        (label_studio(data_uri(png)) | {"tasks": [{}] * 17}, 413, "at most 16"),
    ]:
        reply = tools.post("/predict", json=body)
        assert reply.status_code == status, (body, reply.text)
        assert said in reply.json()["error"]
        assert "\n" not in reply.json()["error"]


def test_without_its_flag_neither_is_there(client, png):
    for path in ("/health", "/v1/models"):
        assert client.get(path).status_code == 404
    assert client.post("/v1/predict", json=x_anylabeling(data_uri(png))).status_code >= 400
