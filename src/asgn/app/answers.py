"""Answers kept for the page: its pictures and downloads, under names that nobody can guess."""

import io
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image as Pillow
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from asgn.app.layers import draw_layer, read_layer
from asgn.app.limits import RefusalError
from asgn.app.records import answer_record
from asgn.app.service import Photograph, PhraseAnswer, preview_pixels
from asgn.data.files.recent import RecentItems
from asgn.data.types import Mask
from asgn.inference.results.overlay import draw_overlay, phrase_colour

_TYPES = {"jpg": "image/jpeg", "png": "image/png", "json": "application/json"}


@dataclass(frozen=True)
class ShownPhrase:
    """One phrase of an answer as it is laid over the picture."""

    phrase: str
    mask: Mask
    score: float


@dataclass(frozen=True)
class ShownAnswer:
    """An answer in the form in which browsers fetch it."""

    photo: bytes
    layers: tuple[bytes, ...]
    """PNGs of the phrases that were answered, in their order."""
    phrases: tuple[tuple[str, float], ...]
    """Those phrases with their scores."""
    json: bytes

    def overlay(self) -> bytes:
        """Picture, masks and legend in one PNG."""
        shown = [
            ShownPhrase(phrase, read_layer(layer), score)
            for (phrase, score), layer in zip(self.phrases, self.layers, strict=True)
        ]
        file = io.BytesIO()
        draw_overlay(preview_pixels(self.photo), shown).save(file, "PNG")
        return file.getvalue()


class AnswerBook:
    """The answers given last, and the route on which browsers fetch their parts."""

    def __init__(self, capacity: int) -> None:
        self._answers: RecentItems[str, ShownAnswer] = RecentItems(capacity)

    def keep(self, photograph: Photograph, answers: Sequence[PhraseAnswer], model: str) -> str:
        """Store an answer and return the address under which its parts lie."""
        with Pillow.open(io.BytesIO(photograph.preview)) as picture:
            width, height = picture.size
        results = [answer.result for answer in answers if answer.result is not None]
        layers = [draw_layer(item.mask, phrase_colour(index), width, height) for index, item in enumerate(results)]
        record = json.dumps(answer_record(photograph, answers, model), ensure_ascii=False, indent=1).encode()
        phrases = tuple((item.phrase, item.score) for item in results)
        shown = ShownAnswer(photograph.preview, tuple(layers), phrases, record)
        key = secrets.token_urlsafe(16)
        self._answers.put(key, shown, len(shown.photo) + len(record) + sum(map(len, layers)))
        return f"/answers/{key}"

    def routes(self) -> list[Route]:
        """Where the parts lie: photo.jpg, 0.png and so on, overlay.png, answer.json."""
        return [Route("/answers/{key}/{name}", self._fetch, methods=["GET"])]

    def _fetch(self, request: Request) -> Response:
        answer = self._answers.get(request.path_params["key"])
        if answer is None:
            raise RefusalError(404, "this answer is not kept any more: press Segment again")
        name = request.path_params["name"]
        content = _part(answer, name)
        headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
        if name in ("overlay.png", "answer.json"):
            headers["Content-Disposition"] = f'attachment; filename="asgn-{name}"'
        return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers=headers)


def _part(answer: ShownAnswer, name: str) -> bytes:
    parts = {f"{index}.png": layer for index, layer in enumerate(answer.layers)}
    parts |= {"photo.jpg": answer.photo, "answer.json": answer.json}
    if name == "overlay.png":
        return answer.overlay()
    if name not in parts:
        raise RefusalError(404, f"an answer has no part {name[:80]!r}")
    return parts[name]
