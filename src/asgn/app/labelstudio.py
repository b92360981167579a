"""The protocol of Label Studio's ML backends, so that a project can ask this model for brush masks (docs/app.md)."""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from asgn.app.json_body import decode_image, json_object
from asgn.app.limits import RefusalError
from asgn.app.service import SegmentService
from asgn.app.work_queue import WorkQueue
from asgn.inference.results.labelstudio import brush_rle
from asgn.inference.results.segmentation import Segmentation

_TIMEOUT = 30.0


@dataclass(frozen=True)
class LabelStudio:
    """The Label Studio that images are fetched from, and no other server."""

    url: str
    """Such as http://localhost:8080."""
    key: str = ""
    """Of a user who may see the images."""

    async def image(self, address: object, most_bytes: int) -> bytes:
        """The file of a task: a data URI, a path on this Label Studio, or an address there.

        Raises:
            RefusalError: 422, it lies elsewhere or cannot be fetched; 413, it has too many bytes.
        """
        if isinstance(address, str) and address.startswith("data:"):
            return decode_image(address)
        named = f"the image {str(address)[:200]!r}"
        whole = self._address(address)
        if not whole:
            raise RefusalError(422, f"{named} is not on {self.url}: images come from there alone")
        headers = {"Authorization": f"Token {self.key}"} if self.key else {}
        content = bytearray()
        try:
            async with (
                httpx.AsyncClient(follow_redirects=True, timeout=_TIMEOUT) as client,
                client.stream("GET", whole, headers=headers) as reply,
            ):
                reply.raise_for_status()
                async for chunk in reply.aiter_bytes():
                    content += chunk
                    if len(content) > most_bytes:
                        raise RefusalError(413, f"{named} has more than {most_bytes:,} bytes")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise RefusalError(422, f"cannot fetch {named} ({reason})") from error
        return bytes(content)

    def _address(self, address: object) -> str:
        """The whole address of an image on this Label Studio; empty for any other."""
        if not isinstance(address, str) or not address:
            return ""
        try:
            whole = urljoin(f"{self.url}/", address)
            return whole if urlsplit(whole)[:2] == urlsplit(self.url)[:2] else ""
        except ValueError:
            return ""


@dataclass(frozen=True)
class _Tags:
    """The names in a project's labelling configuration that an answer has to repeat."""

    brush: str
    image: str
    field: str
    """Under which a task has its image."""
    labels: tuple[str, ...]

    @classmethod
    def read(cls, config: object) -> "_Tags":
        """From the XML. Raises RefusalError, 422, where it has no image with a brush."""
        try:
            tree = ElementTree.fromstring(config) if isinstance(config, str) else None
        except ElementTree.ParseError as error:
            raise RefusalError(422, f"label_config is no XML: {error}") from error
        brush = None if tree is None else tree.find(".//BrushLabels")
        image = None if tree is None else tree.find(".//Image")
        if brush is None or image is None:
            raise RefusalError(422, "label_config needs an Image and BrushLabels for it")
        labels = tuple(label.get("value", "") for label in brush.iter("Label"))
        name = brush.get("name", "tag")
        return cls(name, brush.get("toName", "image"), image.get("value", "$image").lstrip("$"), labels)

    def label(self, phrase: str) -> str:
        """The label that the phrase names; else the first."""
        words = phrase.lower()
        named = [label for label in self.labels if label and label.lower() in words]
        return max(named, key=len, default=self.labels[0] if self.labels else phrase)


class LabelStudioApi:
    """The routes of the protocol over one service."""

    def __init__(self, service: SegmentService, queue: WorkQueue, source: LabelStudio) -> None:
        self._service = service
        self._queue = queue
        self._source = source

    def routes(self) -> list[Route]:
        """What Label Studio calls, besides /health."""
        return [
            Route("/setup", self.setup, methods=["POST"]),
            Route("/predict", self.predict, methods=["POST"]),
            Route("/webhook", self.webhook, methods=["POST"]),
        ]

    async def setup(self, request: Request) -> Response:
        """Take note of nothing: every prediction brings its own configuration."""
        await json_object(request)
        return JSONResponse({"model_version": self._version})

    async def webhook(self, request: Request) -> Response:
        """Events are acknowledged; this model does not learn from them."""
        await json_object(request)
        return JSONResponse({}, 201)

    async def predict(self, request: Request) -> Response:
        """A brush mask for each task, of the phrase that the annotator typed; without one, no result."""
        body = await json_object(request)
        tasks, phrase = body.get("tasks"), _phrase_of(body)
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise RefusalError(422, "tasks is no list of tasks")
        if len(tasks) > self._service.limits.phrases:
            raise RefusalError(413, f"{len(tasks)} tasks are too many: at most {self._service.limits.phrases} at once")
        results = []
        if phrase:
            tags = _Tags.read(body.get("label_config"))
            for task in tasks:
                fields = task.get("data")
                address = fields.get(tags.field) if isinstance(fields, dict) else None
                data = await self._source.image(address, self._service.limits.file_bytes)
                results.append(await self._queue.run(self._answer, data, phrase, tags))
        return JSONResponse({"results": results, "model_version": self._version})

    @property
    def _version(self) -> str:
        return f"asgn {self._service.segmenter.model.config.variant}"

    def _answer(self, data: bytes, phrase: str, tags: _Tags) -> dict[str, Any]:
        (answer,) = self._service.answer(self._service.receive(data), [phrase])
        if answer.result is None:
            raise RefusalError(422, answer.error)
        regions = [_region(answer.result, tags)] if answer.result.found else []
        return {"result": regions, "score": float(answer.result.score), "model_version": self._version}


def _phrase_of(body: dict[str, Any]) -> str:
    """What the annotator typed into the project's text area, or nothing."""
    value: Any = body
    for key in ("params", "context", "result", 0, "value", "text"):
        if isinstance(key, int):
            value = value[key] if isinstance(value, list) and len(value) > key else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    texts = value if isinstance(value, list) else [value]
    return texts[0].strip() if texts and isinstance(texts[0], str) else ""


def _region(result: Segmentation, tags: _Tags) -> dict[str, Any]:
    height, width = result.mask.shape
    return {
        "id": "asgn",
        "from_name": tags.brush,
        "to_name": tags.image,
        "type": "brushlabels",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "score": float(result.score),
        "readonly": False,
        "value": {"format": "rle", "rle": brush_rle(result.mask), "brushlabels": [tags.label(result.phrase)]},
    }
