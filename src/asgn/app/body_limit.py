"""Refusing a request that is too large before it is stored anywhere."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PATIENCE = 30.0
"""Seconds for which the rest of a refused body is read and thrown away."""


class BodyLimit:
    """ASGI middleware: a body of more than `most` bytes is answered by 413 and `message`.

    The rest of the body is read and thrown away first: a client that is cut off in the middle of sending reports a
    broken connection instead of the message.
    """

    def __init__(self, app: ASGIApp, most: int, message: str) -> None:
        self.app = app
        self.most = most
        self.message = message

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif _announced_length(scope) > self.most:
            await _discard(receive)
            await JSONResponse({"error": self.message}, 413)(scope, receive, send)
        else:
            await self.app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        """Bodies sent in chunks do not announce their length: count as they come."""
        total = 0

        async def count() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self.most:
                if message.get("more_body"):
                    await _discard(receive)
                raise HTTPException(413, self.message)
            return message

        return count


def _announced_length(scope: MutableMapping[str, Any]) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _discard(receive: Receive) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            while (await receive()).get("more_body"):
                pass
    except TimeoutError:
        return
