"""From the records of answers to files: the layout of every output format, written whole or not at all.

| format | files | content |
|---|---|---|
| `png` | `results.jsonl` | a line for each answer, which names its mask, a PNG at the image's size of 0 and 255 |
| `overlay` | `results.jsonl` | likewise, with the picture of the image, its masks in colour, and a legend |
| `rle` | `results.jsonl` | likewise, with area, box (x, y, width, height) and COCO's run-length code |
| `polygon` | `results.jsonl` | likewise, with exact outlines and their holes (see `polygons`) |
| `coco` | `results.json` | a COCO results list: an entry for each answer |
| `coco-dataset` | `annotations.json` | a COCO data set: images, categories, an annotation for each mask |
| `labelstudio` | `labelstudio.json` | tasks with predictions, to be imported by Label Studio |
| `labelme` | `IMAGE.json` | labelme's shapes of kind `mask` |
| `yolo` | `labels/IMAGE.txt`, `data.yaml` | Ultralytics' segments, a line for each mask |
"""

import base64
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, get_args

from PIL import Image as Pillow
from pycocotools import mask as coco_mask

from asgn.data.files.masks import decode_segmentation, encode_rle
from asgn.data.types import Mask
from asgn.files import atomic_write, atomic_write_json, atomic_write_text, safe_relative
from asgn.inference.results.labelstudio import brush_rle
from asgn.inference.results.polygons import mask_polygons, single_ring

OutputFormat = Literal["png", "rle", "coco", "polygon", "overlay", "coco-dataset", "labelstudio", "labelme", "yolo"]
FORMATS: tuple[OutputFormat, ...] = get_args(OutputFormat)

Record = Mapping[str, Any]
"""One answer as JSON values: those of `Segmentation.to_json`, its row, and what the format adds."""


@dataclass(frozen=True)
class Written:
    """What became of the records."""

    path: Path
    segmented: int
    empty: int
    """Of them, those with an empty mask."""


def write_results(
    folder: Path, output_format: OutputFormat, records: Iterable[Record], category: str | None = None
) -> Written:
    """Write all records, those of one image behind each other.

    Args:
        folder: must exist.
        output_format: one of `FORMATS`.
        records: read once, one image's in memory at a time where the format allows it.
        category: the name of what was asked for in formats that have classes; by default each phrase is one.

    Raises:
        OutputError: the disk is full or the folder cannot be written to.
    """
    counts = [0, 0]

    def counted() -> Iterator[Record]:
        for record in records:
            counts[0] += 1
            counts[1] += record["area"] == 0
            yield record

    path = folder / RESULTS[output_format]
    _WRITERS.get(output_format, _write_lines)(path, counted(), category)
    return Written(path, counts[0], counts[1])


RESULTS: dict[OutputFormat, str] = {
    **dict.fromkeys(FORMATS, "results.jsonl"),
    "coco": "results.json",
    "coco-dataset": "annotations.json",
    "labelstudio": "labelstudio.json",
    "labelme": ".",
    "yolo": "data.yaml",
}
"""The file that holds, or leads to, all results of a format."""


def _write_lines(path: Path, records: Iterator[Record], category: str | None) -> None:
    _write_each(path, "", "\n", "", records)


def _write_list(path: Path, records: Iterator[Record], category: str | None) -> None:
    _write_each(path, "[\n", ",\n", "\n]\n", records)


def _write_each(path: Path, head: str, between: str, tail: str, records: Iterator[Record]) -> None:
    """A line for each record; `between` ends them where there is no tail."""

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(head)
            for index, record in enumerate(records):
                file.write(between if index and tail else "")
                file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")))
                file.write("" if tail else between)
            file.write(tail)

    atomic_write(path, write)


def _by_image(records: Iterable[Record]) -> Iterator[tuple[Record, list[Record]]]:
    """The first record of each image, and all of them."""
    for _, of_image in groupby(records, key=lambda record: record["image"]):
        listed = list(of_image)
        yield listed[0], listed


class _Categories(dict[str, int]):
    """Numbers of category names, in the order in which they come first."""

    def __init__(self, name: str | None, first: int) -> None:
        super().__init__()
        self._name, self._first = name, first

    def number(self, record: Record) -> int:
        return self.setdefault(self._name or record["phrase"], self._first + len(self))


def _write_dataset(path: Path, records: Iterator[Record], category: str | None) -> None:
    """Polygons where they draw the mask back pixel by pixel, else its run-length code, which COCO calls a crowd."""
    images: list[Record] = []
    annotations: list[Record] = []
    categories = _Categories(category, 1)
    for first, of_image in _by_image(records):
        height, width = first["segmentation"]["size"]
        images.append({"id": first["image_id"], "file_name": first["image"], "height": height, "width": width})
        for record in of_image:
            number = categories.number(record)
            if record["area"]:
                polygons = _coco_polygons(_mask_of(record))
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": first["image_id"],
                        "category_id": number,
                        "segmentation": polygons or record["segmentation"],
                        "iscrowd": int(not polygons),
                        "area": record["area"],
                        "bbox": record["bbox"],
                        "score": record["score"],
                        "phrase": record["phrase"],
                    }
                )
    kinds = [{"id": number, "name": name} for name, number in categories.items()]
    atomic_write_text(path, _compact({"images": images, "annotations": annotations, "categories": kinds}))


def _coco_polygons(mask: Mask) -> list[list[int]]:
    """COCO's polygons of a mask, or none where they cannot tell its holes."""
    parts = mask_polygons(mask)
    if any(part.holes for part in parts):
        return []
    flat = [[int(side) for point in part.outer for side in point] for part in parts]
    drawn = coco_mask.merge(coco_mask.frPyObjects(flat, *mask.shape))
    return flat if drawn["counts"].decode() == encode_rle(mask)["counts"] else []


def _write_tasks(path: Path, records: Iterator[Record], category: str | None) -> None:
    tasks = []
    for first, of_image in _by_image(records):
        height, width = first["segmentation"]["size"]
        regions = [
            {
                "id": f"line-{record['line']}",
                "from_name": "tag",
                "to_name": "image",
                "type": "brushlabels",
                "original_width": width,
                "original_height": height,
                "image_rotation": 0,
                "score": record["score"],
                "value": {
                    "format": "rle",
                    "rle": brush_rle(_mask_of(record)),
                    "brushlabels": [category or record["phrase"]],
                },
            }
            for record in of_image
            if record["area"]
        ]
        score = max((region["score"] for region in regions), default=0.0)
        prediction = {"model_version": first["model"], "score": score, "result": regions}
        tasks.append({"data": {"image": first["image"]}, "predictions": [prediction]})
    atomic_write_text(path, _compact(tasks))


def _write_labelme(path: Path, records: Iterator[Record], category: str | None) -> None:
    for first, of_image in _by_image(records):
        height, width = first["segmentation"]["size"]
        shapes = [_labelme_shape(record, category or record["phrase"]) for record in of_image if record["area"]]
        value = {
            "version": "5.5.0",
            "flags": {},
            "shapes": shapes,
            "imagePath": first["path"],
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        atomic_write_json(path / file_of_image(first["image"], ".json"), value)


def _labelme_shape(record: Record, label: str) -> dict[str, Any]:
    x, y, width, height = record["bbox"]
    file = io.BytesIO()
    Pillow.fromarray(_mask_of(record)[y : y + height, x : x + width]).save(file, "PNG")
    return {
        "label": label,
        "points": [[x, y], [x + width - 1, y + height - 1]],
        "group_id": None,
        "description": record["phrase"],
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(file.getvalue()).decode("ascii"),
    }


def _write_yolo(path: Path, records: Iterator[Record], category: str | None) -> None:
    """A line is one ring, so that parts and holes are joined by seams of no width."""
    categories = _Categories(category, 0)
    for first, of_image in _by_image(records):
        height, width = first["segmentation"]["size"]
        lines = []
        for record in of_image:
            number, ring = categories.number(record), single_ring(_mask_of(record))
            if ring:
                lines.append(f"{number} " + " ".join(f"{x / width:.6f} {y / height:.6f}" for x, y in ring))
        label = path.parent / "labels" / file_of_image(first["image"], ".txt")
        atomic_write_text(label, "".join(f"{line}\n" for line in lines))
    named = "".join(f"  {number}: {json.dumps(name)}\n" for name, number in categories.items())
    atomic_write_text(path, f"path: .\ntrain: images\nval: images\nnames:\n{named}")


_WRITERS: dict[OutputFormat, Callable[[Path, Iterator[Record], str | None], None]] = {
    "coco": _write_list,
    "coco-dataset": _write_dataset,
    "labelstudio": _write_tasks,
    "labelme": _write_labelme,
    "yolo": _write_yolo,
}


def file_of_image(image: str, suffix: str) -> Path:
    """The file of an image's own results, called as the image is: tools find one by the other."""
    return Path(image if safe_relative(image) else Path(image).name).with_suffix(suffix)


def _mask_of(record: Record) -> Mask:
    height, width = record["segmentation"]["size"]
    return decode_segmentation(record["segmentation"], height, width, record["image"])


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
