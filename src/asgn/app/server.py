"""The whole server: HTTP API, page and limits on one port."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asgn.app.limits import MIB, Limits
from asgn.errors import MissingExtraError, UserError
from asgn.inference.segmenter import Segmenter

if TYPE_CHECKING:
    from starlette.routing import Route

    from asgn.app.service import SegmentService
    from asgn.app.work_queue import WorkQueue

_FORM_BYTES = MIB
"""Room beside the picture for phrases and the form itself."""


@dataclass(frozen=True)
class Tools:
    """Tools whose protocols are answered beside the page and the HTTP API."""

    x_anylabeling: bool = False
    label_studio: str = ""
    """Its address, from which images are fetched with the key in LABEL_STUDIO_API_KEY; empty for none."""
    mcp: bool = False
    """The Model Context Protocol, by which assistants call tools."""


def build_server(
    segmenter: Segmenter, folder: Path, limits: Limits | None = None, tools: Tools | None = None
) -> Any:
    """The ASGI application.

    Args:
        segmenter: the model that answers.
        folder: private to this server; gradio keeps uploads in it for an hour, and drawn examples lie there.
        limits: other bounds than the usual ones.
        tools: whose protocols are answered beside the page and the HTTP API.

    Raises:
        MissingExtraError: the extra `app`, or `mcp` for its tool, is not installed.
    """
    prepare_gradio(folder)
    import gradio as gr
    from fastapi import FastAPI
    from gradio.events import api
    from starlette.exceptions import HTTPException
    from starlette.routing import Mount

    from asgn.app.answers import AnswerBook
    from asgn.app.api import SegmentApi, show_error
    from asgn.app.body_limit import BodyLimit
    from asgn.app.examples import make_examples
    from asgn.app.mcp_tool import SegmentTool, require_mcp
    from asgn.app.page import Page, build_page, style
    from asgn.app.service import SegmentService
    from asgn.app.work_queue import WorkQueue

    limits, tools = limits or Limits(), tools or Tools()
    if tools.mcp:
        require_mcp()
    service, queue, book = SegmentService(segmenter, limits), WorkQueue(limits.waiting), AnswerBook(limits.answer_bytes)
    handlers: dict[Any, Callable[..., Any]] = dict.fromkeys((UserError, HTTPException, Exception), show_error)
    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, exception_handlers=handlers)
    server.router.routes += [*SegmentApi(service, queue).routes(), *book.routes()]
    server.router.routes += tool_routes(service, queue, tools)
    most = limits.file_bytes if tools == Tools() else -(-4 * limits.file_bytes // 3)  # tools send base64
    server.add_middleware(BodyLimit, most=most + _FORM_BYTES, message=limits.too_many_bytes)
    page = build_page(Page(service, queue, book), make_examples(folder, segmenter.vocabulary))
    if tools.mcp:
        with page:
            api(SegmentTool(service, queue, book, folder).segment_image, queue=False, concurrency_limit=None)
    page.queue(max_size=limits.waiting, default_concurrency_limit=None)
    mounted = gr.mount_gradio_app(
        server, page, path="/", footer_links=[], run_history=False, pwa=False, mcp_server=tools.mcp, ssr_mode=False,
        enable_monitoring=False, max_file_size=limits.file_bytes, css=style(), show_error=False,
        theme=gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
    )  # fmt: skip
    for route in mounted.routes:
        if isinstance(route, Mount) and isinstance(route.app, FastAPI):  # the page's own paths answer alike
            for status in (404, 405):
                route.app.add_exception_handler(status, show_error)
    return mounted


def tool_routes(service: "SegmentService", queue: "WorkQueue", tools: Tools) -> "list[Route]":
    """What is served for annotation tools; gradio itself serves assistants."""
    from asgn.app.health import HEALTH
    from asgn.app.labelstudio import LabelStudio, LabelStudioApi
    from asgn.app.xanylabeling import XAnyLabelingApi

    routes = [HEALTH] if tools.x_anylabeling or tools.label_studio else []
    if tools.x_anylabeling:
        routes += XAnyLabelingApi(service, queue).routes()
    if tools.label_studio:
        source = LabelStudio(tools.label_studio.rstrip("/"), os.environ.get("LABEL_STUDIO_API_KEY", ""))
        routes += LabelStudioApi(service, queue, source).routes()
    return routes


def serve(segmenter: Segmenter, folder: Path, listener: socket.socket, tools: Tools | None = None) -> None:
    """Answer on a bound socket until interrupted."""
    server = build_server(segmenter, folder, tools=tools)
    import uvicorn

    config = uvicorn.Config(server, log_level="warning", timeout_graceful_shutdown=5)
    uvicorn.Server(config).run(sockets=[listener])


def bind(host: str, port: int) -> socket.socket:
    """A socket for the server; port 0 takes a free one. Raises UserError where the address cannot be had."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"cannot listen on {host}, port {port} ({reason}): choose another --port or --host") from error


def prepare_gradio(folder: Path) -> None:
    """Tell gradio to keep uploads in `folder` and to report nothing to anybody; it reads this when it is imported.

    Raises:
        MissingExtraError: the extra `app` is not installed.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("gradio", "app") from error
