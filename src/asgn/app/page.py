"""The page itself, in gradio: a photograph and phrases at the left, the answer at the right, examples below."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData

from asgn.app.answers import AnswerBook
from asgn.app.examples import Example
from asgn.app.service import Photograph, SegmentService
from asgn.app.viewer import EMPTY, show_answers, show_message, show_ready
from asgn.app.work_queue import WorkQueue
from asgn.errors import UserError

TITLE = "ASGN: segment by phrase"
_HEADING = """# Segment by phrase
Give a photograph and say what to look for. Each phrase gets a mask of its own."""
_SPEAK = """<button type="button" class="asgn-speak" hidden title="Say a phrase: it is added as a line of its own">
<svg aria-hidden="true" viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor" stroke-width="2"
stroke-linecap="round"><rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5 11a7 7 0 0 0 14 0M12 18v3"/></svg>
Speak a phrase</button><span class="asgn-heard" role="status"></span>"""
_KEPT_SECONDS = 3600
_EVENT: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": None, "show_progress": "minimal"}


def read_upload(payload: ImageData | None) -> bytes | None:
    """The content of an uploaded file."""
    return Path(payload.path).read_bytes() if payload is not None and payload.path else None


class Page:
    """What the page's events do."""

    def __init__(self, service: SegmentService, queue: WorkQueue, book: AnswerBook) -> None:
        self._service = service
        self._queue = queue
        self._book = book

    async def look(self, data: bytes | None, text: str | None) -> str:
        """A picture arrived: encode it, and answer if phrases wait for it already."""
        if data is None:
            return EMPTY
        return await self._guarded(data, [] if not text or not text.strip() else text.splitlines())

    async def segment(self, data: bytes | None, text: str | None) -> str:
        """The answer to all phrases."""
        if data is None:
            return show_message("No photograph yet: drop one into the box, or click an example.")
        phrases = [line for line in (text or "").splitlines() if line.strip()]
        return await self._guarded(data, phrases or [""])

    async def _guarded(self, data: bytes, phrases: Sequence[str]) -> str:
        try:
            return await self._queue.run(self._show, data, phrases)
        except UserError as error:
            message = str(error)
            return show_message(message[:1].upper() + message[1:])

    def _show(self, data: bytes, phrases: Sequence[str]) -> str:
        photograph = self._service.receive(data)
        if not phrases:
            return self._show_ready(photograph)
        answers = self._service.answer(photograph, phrases)
        address = self._book.keep(photograph, answers, self._service.segmenter.model.config.variant)
        return show_answers(address, answers)

    def _show_ready(self, photograph: Photograph) -> str:
        address = self._book.keep(photograph, [], "")
        return show_ready(address, photograph.encoded.width, photograph.encoded.height)


def build_page(page: Page, examples: Sequence[Example]) -> gr.Blocks:
    """The gradio page whose events call `page`."""
    blocks = gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, _KEPT_SECONDS))
    with blocks:
        gr.Markdown(_HEADING)
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=300):
                photograph = gr.Image(
                    label="Photograph", sources=["upload", "clipboard"], buttons=[], height=280, elem_id="asgn-photo"
                )
                # The file goes on as it was sent: it is decoded within our own limits, not within gradio's.
                photograph.preprocess = read_upload  # type: ignore[method-assign, assignment]
                phrases = gr.Textbox(
                    label="Phrases, one per line", lines=4, max_lines=16, elem_id="asgn-phrases",
                    placeholder="left person\nthe dog on the sofa\nred car behind the tree",
                )  # fmt: skip
                gr.HTML(_SPEAK, js_on_load=_source("speech.js"), elem_id="asgn-speech")
                button = gr.Button("Segment", variant="primary", elem_id="asgn-segment")
            with gr.Column(scale=7, min_width=320):
                answer = gr.HTML(EMPTY, js_on_load=None, elem_id="asgn-answer")
        if examples:
            gr.Markdown("### Examples")
            with gr.Row(elem_id="asgn-examples"):
                for example in examples:
                    _add_example(example, photograph, phrases, answer, page)
        photograph.upload(page.look, [photograph, phrases], answer, **_EVENT)
        photograph.clear(lambda: EMPTY, None, answer, **_EVENT)
        button.click(page.segment, [photograph, phrases], answer, **_EVENT)
        phrases.submit(page.segment, [photograph, phrases], answer, **_EVENT)
    return blocks


def _add_example(example: Example, photograph: gr.Image, phrases: gr.Textbox, answer: gr.HTML, page: Page) -> None:
    """A button that puts the example into the page and has it answered."""
    path, text = example
    label = ", ".join(text.splitlines())
    button = gr.Button(label, icon=str(path), variant="secondary", size="sm", elem_classes="asgn-example")
    chosen = button.click(lambda: (str(path), text), None, [photograph, phrases], **_EVENT)
    chosen.then(page.segment, [photograph, phrases], answer, **_EVENT)


def style() -> str:
    """The page's style sheet."""
    return _source("page.css")


def _source(name: str) -> str:
    return files("asgn.app").joinpath(name).read_text(encoding="utf-8")
