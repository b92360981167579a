"""`GET /health`, which annotation tools ask before anything else."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


async def _health(_: Request) -> Response:
    """What X-AnyLabeling and Label Studio look for, in one answer."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return JSONResponse({"status": "UP", "model_class": "asgn", "models_loaded": 1, "timestamp": now})


HEALTH = Route("/health", _health, methods=["GET"])
