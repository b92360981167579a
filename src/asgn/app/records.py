"""Answers as the JSON of the HTTP API (docs/app.md describes every field)."""

from collections.abc import Sequence
from typing import Any

from asgn.app.service import Photograph, PhraseAnswer


def answer_record(photograph: Photograph, answers: Sequence[PhraseAnswer], model: str) -> dict[str, Any]:
    """One answer to one request."""
    encoded = photograph.encoded
    return {
        "model": model,
        "image": {"id": photograph.id, "width": encoded.width, "height": encoded.height},
        "results": [_phrase_record(answer) for answer in answers],
    }


def _phrase_record(answer: PhraseAnswer) -> dict[str, Any]:
    if answer.result is None:
        return {"phrase": answer.phrase, "error": answer.error}
    return answer.result.to_json()
