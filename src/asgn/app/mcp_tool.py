"""The tool that assistants see where `asgn app --mcp` answers the Model Context Protocol (docs/app.md)."""

import json
from pathlib import Path
from urllib.parse import unquote

from asgn.app.answers import AnswerBook
from asgn.app.json_body import decode_image
from asgn.app.limits import RefusalError
from asgn.app.records import answer_record
from asgn.app.service import SegmentService
from asgn.app.work_queue import WorkQueue
from asgn.errors import MissingExtraError

_UPLOADED = "/gradio_api/file="


class SegmentTool:
    """One method, whose signature and docstring gradio shows to assistants, lines after `Returns` joined by commas."""

    def __init__(self, service: SegmentService, queue: WorkQueue, book: AnswerBook, folder: Path) -> None:
        self._service = service
        self._queue = queue
        self._book = book
        self._folder = folder.resolve()

    async def segment_image(self, image: str, phrases: list[str]) -> str:
        """Find what each phrase refers to in an image: one mask a phrase, or a reason why there is none. A phrase names
        one thing or several by kind, look, place or neighbours, such as "white car on the right". If the user gives a
        file, use the upload_file_to_gradio tool, if present, and pass the address that it returns; every answer has the
        image.id by which the same image can be asked about again.

        Args:
            image: Address of an uploaded file (.../gradio_api/file=...), a data URI (at most 3 MB), or a known image.id
            phrases: What to look for in English, at most 16 phrases

        Returns:
            JSON with image (id, width, height)
            overlay (path on this server of a PNG with all masks drawn)
            and results, one a phrase: found, score and presence from 0 to 1, area in pixels
            bbox [x, y, width, height], segmentation (the mask, COCO run-length code)
            reason where nothing was found, remarks on how the phrase was read
        """
        return await self._queue.run(self._answer, image.strip(), phrases)

    def _answer(self, image: str, phrases: list[str]) -> str:
        service, model = self._service, self._service.segmenter.model.config.variant
        is_id = len(image) == 64 and all(letter in "0123456789abcdef" for letter in image)
        photograph = service.recall(image) if is_id else service.receive(self._file(image))
        answers = service.answer(photograph, phrases)
        overlay = f"{self._book.keep(photograph, answers, model)}/overlay.png"
        return json.dumps(answer_record(photograph, answers, model) | {"overlay": overlay}, ensure_ascii=False)

    def _file(self, image: str) -> bytes:
        """The content of a file that was sent or uploaded. Raises RefusalError, 422, for any other address."""
        if not image.startswith(("http://", "https://")):
            return decode_image(image)
        path = Path(unquote(image.partition(_UPLOADED)[2])).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            raise RefusalError(
                422, f"the image {image[:200]!r} was not uploaded here: send it as a data URI, or upload it first"
            )
        return path.read_bytes()


def require_mcp() -> None:
    """Raises MissingExtraError where the extra `mcp` is not installed."""
    try:
        import mcp  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("mcp", "mcp") from error
