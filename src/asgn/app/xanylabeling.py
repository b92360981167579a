"""The protocol of X-AnyLabeling's remote server, so that the desktop tool can ask this model (docs/app.md)."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from asgn.app.json_body import decode_image, json_object
from asgn.app.limits import RefusalError
from asgn.app.service import SegmentService
from asgn.app.work_queue import WorkQueue
from asgn.errors import UserError
from asgn.inference.results.polygons import mask_polygons, single_ring
from asgn.inference.results.segmentation import Segmentation

MODEL_ID = "asgn"
_NO_PHRASE = "no phrase: type what to segment, such as left person"


class XAnyLabelingApi:
    """The routes of the protocol over one service."""

    def __init__(self, service: SegmentService, queue: WorkQueue) -> None:
        self._service = service
        self._queue = queue

    def routes(self) -> list[Route]:
        """What is served under /v1."""
        return [
            Route("/v1/models", _answered(self.models), methods=["GET"]),
            Route("/v1/models/{model}/info", _answered(self.info), methods=["GET"]),
            Route("/v1/predict", _answered(self.predict), methods=["POST"]),
        ]

    async def models(self, _: Request) -> Any:
        """The one model, by its id."""
        return {MODEL_ID: self._description()}

    async def info(self, request: Request) -> Any:
        """The same of one id."""
        _check_model(request.path_params["model"])
        return self._description()

    async def predict(self, request: Request) -> Any:
        """The polygons of one phrase, which is taken whole: commas and full stops in it are its own."""
        body = await json_object(request)
        _check_model(body.get("model"))
        params = body.get("params") or {}
        if not isinstance(params, dict):
            raise RefusalError(422, "params is no object")
        phrase, threshold = params.get("text_prompt") or "", params.get("conf_threshold") or 0.0
        if not isinstance(phrase, str) or not isinstance(threshold, int | float):
            raise RefusalError(422, "text_prompt must be text, and conf_threshold a number")
        if not phrase.strip():
            return {"shapes": [], "description": _NO_PHRASE}
        return await self._queue.run(self._answer, decode_image(body.get("image")), phrase, float(threshold))

    def _description(self) -> dict[str, Any]:
        variant = self._service.segmenter.model.config.variant
        return {
            "model_id": MODEL_ID,
            "display_name": f"ASGN ({variant})",
            "widgets": [
                {"name": "edit_text", "value": None},
                {"name": "button_send", "value": None},
                {"name": "input_conf", "value": None},
                {"name": "edit_conf", "value": 0.0},
                {"name": "toggle_preserve_existing_annotations", "value": False},
            ],
            "params": {"conf_threshold": 0.0},
            "capabilities": {},
            "batch_processing_mode": "text_prompt",
        }

    def _answer(self, data: bytes, phrase: str, threshold: float) -> dict[str, Any]:
        (answer,) = self._service.answer(self._service.receive(data), [phrase])
        if answer.result is None:
            return {"shapes": [], "description": answer.error}
        result = answer.result
        said = [*([result.reason] if result.reason else []), *result.remarks]
        return {"shapes": _shapes(result) if result.score >= threshold else [], "description": "; ".join(said)}


def _shapes(result: Segmentation) -> list[dict[str, Any]]:
    """A closed polygon for each part; all in one, joined by seams of no width, where a part has holes."""
    parts = mask_polygons(result.mask)
    rings = [single_ring(result.mask)] if any(part.holes for part in parts) else [part.outer for part in parts]
    group = {"group_id": 1} if len(rings) > 1 else {}
    return [
        {
            "label": result.phrase,
            "shape_type": "polygon",
            "points": [[float(x), float(y)] for x, y in (*ring, ring[0])],
            "score": float(result.score),
            "description": result.phrase,
            **group,
        }
        for ring in rings
    ]


def _check_model(name: object) -> None:
    if name != MODEL_ID:
        raise RefusalError(404, f"no model {str(name)[:80]!r}: there is {MODEL_ID!r}")


def _answered(work: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    """Success and refusal as this protocol has them."""

    async def answer(request: Request) -> Response:
        try:
            return JSONResponse({"success": True, "data": await work(request)})
        except UserError as error:
            status = error.status if isinstance(error, RefusalError) else 422
            detail = {"code": HTTPStatus(status).name, "message": str(error)}
            return JSONResponse({"success": False, "error": detail}, status)

    return answer
