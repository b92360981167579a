"""The HTTP API: `POST /api/segment` and `GET /api/model` (docs/app.md)."""

import json
import logging
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from asgn import __version__
from asgn.app.limits import RefusalError, check_plain_name
from asgn.app.records import answer_record
from asgn.app.service import SegmentService
from asgn.app.work_queue import WorkQueue
from asgn.errors import UserError

_FIELDS = ("image", "image_id", "phrases")
_METHODS = {"/api/segment": "POST", "/api/model": "GET"}
_log = logging.getLogger(__name__)


class SegmentApi:
    """The routes of the HTTP API over one service."""

    def __init__(self, service: SegmentService, queue: WorkQueue) -> None:
        self._service = service
        self._queue = queue

    def routes(self) -> list[BaseRoute]:
        """What is served under /api."""
        return [
            Route("/api/segment", self.segment, methods=["POST"]),
            Route("/api/model", self.model, methods=["GET"]),
            Mount("/api", app=_refuse_unknown),
        ]

    async def segment(self, request: Request) -> Response:
        """Answer a form of a picture (or the id of one sent before) and phrases."""
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            raise RefusalError(415, "send multipart/form-data with the fields image (a file) and phrases")
        async with request.form(max_files=1, max_fields=2 * self._service.limits.phrases) as form:
            _check_fields(form)
            phrases = [phrase for text in form.getlist("phrases") for phrase in _phrases_in(str(text))]
            key, data = str(form.get("image_id", "")), await _read_picture(form)
        return JSONResponse(await self._queue.run(self._answer, key, data, phrases))

    async def model(self, _: Request) -> Response:
        """Which model answers, and the limits of a request."""
        config, limits = self._service.segmenter.model.config, self._service.limits
        return JSONResponse(
            {
                "asgn": __version__,
                "model": config.variant,
                "words": len(self._service.segmenter.vocabulary),
                "limits": {
                    "file_bytes": limits.file_bytes,
                    "pixels": limits.pixels,
                    "phrases": limits.phrases,
                    "phrase_characters": limits.phrase_characters,
                },
            }
        )

    def _answer(self, key: str, data: bytes | None, phrases: list[str]) -> dict[str, Any]:
        service = self._service
        photograph = service.recall(key) if data is None else service.receive(data)
        answers = service.answer(photograph, phrases)
        return answer_record(photograph, answers, service.segmenter.model.config.variant)


async def show_error(_: Request, error: Exception) -> Response:
    """Any error as {"error": one line}; only what nobody foresaw is a 500, and its cause stays in the log."""
    if isinstance(error, RefusalError):
        return JSONResponse({"error": str(error)}, error.status)
    if isinstance(error, UserError):
        return JSONResponse({"error": str(error)}, 422)
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    _log.error("a request failed", exc_info=error)
    return JSONResponse({"error": "the server failed on this request; its log says why"}, 500)


async def _refuse_unknown(scope: Scope, receive: Receive, send: Send) -> None:
    """What no route took: another method of a path, or another path."""
    method = _METHODS.get(scope["path"])
    if method is not None:
        raise HTTPException(405, f"{scope['path']} takes {method}, not {scope['method']}", {"Allow": method})
    known = " and ".join(f"{method} {path}" for path, method in _METHODS.items())
    raise HTTPException(404, f"there is no {scope['path'][:80]}: the API has {known}")


def _phrases_in(text: str) -> list[str]:
    """The phrases of one field: one a line, or a JSON list of texts."""
    if text.lstrip().startswith("["):
        try:
            listed = json.loads(text)
        except ValueError:  # words in brackets, then
            listed = None
        if listed is not None:
            if not isinstance(listed, list) or not all(isinstance(phrase, str) for phrase in listed):
                raise RefusalError(422, "phrases is a JSON list, but not of texts: send phrases alone")
            return listed or [""]
    return text.splitlines() or [""]


def _check_fields(form: FormData) -> None:
    unknown = sorted(set(form) - set(_FIELDS))
    if unknown:
        raise RefusalError(422, f"unknown field {unknown[0][:80]!r}: the fields are {', '.join(_FIELDS)}")
    if "phrases" not in form:
        raise RefusalError(422, "no phrase: send the field phrases, one phrase a line, or once for each phrase")
    if ("image" in form) == ("image_id" in form):
        raise RefusalError(422, "send either image, a file, or image_id, the id of one sent before")


async def _read_picture(form: FormData) -> bytes | None:
    if "image" not in form:
        return None
    upload = form["image"]
    if not isinstance(upload, UploadFile):
        raise RefusalError(422, "image is text: send it as a file")
    check_plain_name(upload.filename or "")
    return await upload.read()
