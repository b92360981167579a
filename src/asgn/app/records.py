"""Answers as the JSON of the HTTP API (docs/app.md describes every field)."""

from collections.abc import Sequence
from typing import Any

from asgn.app.service import Photograph, PhraseAnswer
from asgn.inference.results.writers import rle_record


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
    result = answer.result
    return {
        **rle_record(result),
        "found": result.found,
        "reason": result.reason,
        "remarks": result.remarks,
        "presence": result.presence,
        "read_as": dict(result.read_as),
        "unknown_words": list(result.unknown),
        "nearest_known": dict(result.reading.nearest),
        "cut_words": list(result.cut),
    }
