"""Write what phrases found in images: mask PNGs, RLE, COCO results, polygons, or pictures to look at.

| format | files | content |
|---|---|---|
| `png` | `IMAGE-PHRASE.png` for each phrase | the mask at the image's size, 8 bit grey, 0 or 255 |
| `rle` | `IMAGE.rle.json` | phrase, score, area, box (x, y, width, height) and COCO's compressed RLE |
| `coco` | `results.json` for all images | a COCO results list: one entry for each image and phrase |
| `polygon` | `IMAGE.polygons.json` | phrase, score and exact outlines with their holes (see `polygons`) |
| `overlay` | `IMAGE.overlay.png` | the photograph with coloured masks and a legend |

Every file appears whole or not at all. A phrase that found nothing is written too, with an empty mask.
"""

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from asgn.data.files.masks import encode_rle
from asgn.errors import OutputError
from asgn.files import atomic_write_text, ensure_writable_folder
from asgn.inference.results.overlay import PhraseMask, draw_overlay
from asgn.inference.results.pictures import mask_picture, write_picture
from asgn.inference.results.polygons import mask_polygons

OutputFormat = Literal["png", "rle", "coco", "polygon", "overlay"]
FORMATS: tuple[OutputFormat, ...] = get_args(OutputFormat)

_LONGEST_NAME = 80


class ResultWriter:
    """Writes the results of a run over any number of images into one folder.

    Use it as a context manager: `coco` is one file for all images and is written at the end, when no error came
    before.

    Args:
        folder: made if needed.
        output_format: one of `FORMATS`.
        photographs: files that are never written over, whatever results are called.

    Raises:
        OutputError: the format is unknown or the folder cannot be written to.
    """

    def __init__(self, folder: Path, output_format: OutputFormat, photographs: Iterable[Path] = ()) -> None:
        if output_format not in FORMATS:
            raise OutputError(f"unknown output format {output_format!r}: choose one of {', '.join(FORMATS)}")
        self.folder = ensure_writable_folder(folder)
        self.output_format = output_format
        self._names = FileNames()
        self._photographs = {path.resolve() for path in photographs}
        self._entries: list[dict[str, Any]] = []

    def __enter__(self) -> "ResultWriter":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self.close()

    def write(
        self,
        image: NDArray[np.uint8],
        name: str,
        results: Sequence[PhraseMask],
        image_id: int | None = None,
    ) -> list[Path]:
        """Write what the phrases found in one image (H, W, 3) and return the files written now.

        Args:
            image: RGB photograph, shown by `overlay`.
            name: the image's file name; the files are called after its stem.
            results: one for each phrase.
            image_id: what COCO results call the image; without it they carry `file_name` instead.
        """
        if self.output_format == "coco":
            self._entries += coco_results(results, name if image_id is None else image_id)
            return []
        stem = self._names.take(Path(name).stem)
        if self.output_format == "png":
            paths = [self.folder / f"{self._names.take(f'{stem}-{item.phrase}')}.png" for item in results]
            refuse_photographs(paths, self._photographs)
            for path, item in zip(paths, results, strict=True):
                write_picture(path, mask_picture(item.mask))
            return paths
        if self.output_format == "overlay":
            path = self.folder / f"{stem}.overlay.png"
            refuse_photographs([path], self._photographs)
            write_picture(path, draw_overlay(image, results))
            return [path]
        height, width = image.shape[:2]
        record: dict[str, Any] = {"image": name, "height": height, "width": width}
        if self.output_format == "rle":
            path = self.folder / f"{stem}.rle.json"
            record["results"] = [rle_record(item) for item in results]
        else:
            path = self.folder / f"{stem}.polygons.json"
            record["results"] = [polygon_record(item) for item in results]
        _write_compact_json(path, record)
        return [path]

    def close(self) -> list[Path]:
        """Write what waits for the end of the run: the COCO results."""
        if self.output_format != "coco":
            return []
        path = self.folder / "results.json"
        _write_compact_json(path, self._entries)
        return [path]


def refuse_photographs(paths: Iterable[Path], photographs: Collection[Path]) -> None:
    """Raise OutputError if a result would be written over one of the photographs, whose paths are resolved."""
    for path in paths:
        if path.resolve() in photographs:
            raise OutputError(f"a result would be written over the photograph {path}: choose another folder with -o")


class FileNames:
    """Gives every text a file name of its own, the same again for the same texts in the same order.

    Names hold lower-case letters, digits, `-` and `_` only, so they stay in their folder and do not collide
    where a file system ignores case.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}

    def take(self, text: str) -> str:
        """A name not taken before, numbered from -2 when texts come out alike."""
        plain = slug(text)
        name = plain
        while name in self._taken:
            self._numbers[plain] = self._numbers.get(plain, 1) + 1
            name = f"{plain}-{self._numbers[plain]}"
        self._taken.add(name)
        return name


def slug(text: str) -> str:
    """A text as a file name without suffix, of at most 80 bytes; letters of any script are kept."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())
    name = re.sub(r"\W+", "-", folded).strip("-_")
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore").strip("-_") or "unnamed"


def rle_record(result: PhraseMask) -> dict[str, Any]:
    """Phrase, score, area in pixels, box (x, y, width, height) and RLE."""
    segmentation = encode_rle(result.mask)
    return {
        "phrase": result.phrase,
        "score": float(result.score),
        "area": int(np.count_nonzero(result.mask)),
        "bbox": [int(side) for side in coco_mask.toBbox(segmentation)],
        "segmentation": segmentation,
    }


def polygon_record(result: PhraseMask) -> dict[str, Any]:
    """Phrase, score and the outlines of the mask's parts."""
    polygons = [polygon.to_json() for polygon in mask_polygons(result.mask)]
    return {"phrase": result.phrase, "score": float(result.score), "polygons": polygons}


def coco_results(results: Sequence[PhraseMask], image: int | str) -> list[dict[str, Any]]:
    """Entries of a COCO results list: `image_id` for a number or `file_name` for a name, category 1, RLE."""
    key = "image_id" if isinstance(image, int) else "file_name"
    return [{key: image, "category_id": 1, **rle_record(item)} for item in results]


def _write_compact_json(path: Path, value: Any) -> None:
    atomic_write_text(path, json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
