"""The JSON object that a request of an annotation tool carries, and the image in it."""

import base64
import binascii
import json
from typing import Any

from starlette.requests import Request

from asgn.app.limits import RefusalError


async def json_object(request: Request) -> dict[str, Any]:
    """The body of a request. Raises RefusalError, 422, where it is no JSON object."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise RefusalError(422, "the body is no JSON") from error
    if not isinstance(body, dict):
        raise RefusalError(422, "the body is no JSON object")
    return body


def decode_image(text: object) -> bytes:
    """A file given as base64 or as a data URI. Raises RefusalError, 422, where it is neither."""
    if not isinstance(text, str) or not text:
        raise RefusalError(422, "no image: send a file as base64 or as a data URI")
    head, comma, content = text.partition(",")
    if text.startswith("data:") and not (comma and head.endswith(";base64")):
        raise RefusalError(422, "the image is a data URI that is not in base64")
    try:
        return base64.b64decode(content if text.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusalError(422, "the image is not in base64") from error
