"""All benchmarks in miniature, in their true formats, for tests that need them on disk."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from scipy.io import savemat

from asgn.data.files.plain_pickle import read_plain_pickle

SIZE = 48, 64
"""Height and width of every photograph."""

FOLDERS = {
    "unc": "refcoco", "unc+": "refcoco+", "gref": "refcocog", "gref-umd": "refcocog", "grefcoco": "grefcoco",
    "ref-zom": "ref-zom",
}  # fmt: skip
REFS = {"unc": "refs(unc).p", "unc+": "refs(unc).p", "gref": "refs(google).p", "gref-umd": "refs(umd).p"}
SPLITS = {
    "unc": ("train", "val", "testA", "testB"),
    "unc+": ("train", "val", "testA", "testB"),
    "gref": ("train", "val"),
    "gref-umd": ("train", "val", "test"),
    "referit": ("train", "val", "trainval", "test"),
    "grefcoco": ("train", "val", "testA", "testB"),
    "ref-zom": ("train", "test"),
}
SCORED_SPLIT = dict.fromkeys(SPLITS, "val") | {"ref-zom": "test"}
IMAGES_PER_SPLIT = 2
COLOURS = {"red": (220, 30, 30), "blue": (40, 60, 230)}


def python2_pickle(value: Any) -> bytes:
    """Protocol 2 as Python 2's cPickle writes it: str as latin-1 bytes, each string and container memoised."""
    return b"\x80\x02" + b"".join(_opcodes(value, [0])) + b"."


def _opcodes(value: Any, memo: list[int]) -> list[bytes]:
    if value is None or isinstance(value, bool):
        return [{None: b"N", True: b"\x88", False: b"\x89"}[value]]
    if isinstance(value, int):
        return [b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)]
    if isinstance(value, float):
        return [b"G" + struct.pack(">d", value)]
    if isinstance(value, str):
        raw = value.encode("latin-1")
        return [b"U" + bytes([len(raw)]) + raw, _put(memo)]
    if isinstance(value, list):
        return [b"]", _put(memo), b"(", *(op for item in value for op in _opcodes(item, memo)), b"e"]
    if isinstance(value, dict):
        pairs = [op for key, item in value.items() for op in _opcodes(key, memo) + _opcodes(item, memo)]
        return [b"}", _put(memo), b"(", *pairs, b"u"]
    raise TypeError(type(value))


def _put(memo: list[int]) -> bytes:
    memo[0] += 1
    return b"q" + bytes([memo[0]]) if memo[0] < 256 else b"r" + struct.pack("<I", memo[0])


def scene(number: int) -> tuple[np.ndarray, dict[str, tuple[int, int, int, int]]]:
    """A grey photograph with a red and a blue box; (x, y, width, height) of each."""
    rng = np.random.default_rng(number)
    image = rng.integers(110, 130, (*SIZE, 3), dtype=np.uint8)
    left, right = int(rng.integers(2, 12)), int(rng.integers(36, 46))
    top = int(rng.integers(4, 20))
    boxes = {"red": (left, top, 16, 20), "blue": (right, top + 3, 14, 18)}
    for colour, (x, y, w, h) in boxes.items():
        image[y : y + h, x : x + w] = COLOURS[colour]
    return image, boxes


def write_refer(root: Path, name: str = "unc", first_image: int = 100) -> None:
    """UNC, UNC+ or G-Ref below `root`, photographs included; other refs files in the same folder are kept.

    Each split has two images of two refs, the first with two sentences: six expressions. The outline of red
    boxes is two overlapping polygons, that of blue ones a run-length code.
    """
    folder = root / FOLDERS[name]
    photographs = root / "images" / "train2014"
    for each in (folder, photographs):
        each.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    refs: list[dict[str, Any]] = []
    for split in SPLITS[name]:
        for _ in range(IMAGES_PER_SPLIT):
            image_id = first_image + len(images)
            file_name = f"COCO_train2014_{image_id:012d}.jpg"
            image, boxes = scene(image_id)
            Pillow.fromarray(image).save(photographs / file_name, quality=95)
            images.append({"id": image_id, "file_name": file_name, "height": SIZE[0], "width": SIZE[1], "license": 1})
            for colour, box in boxes.items():
                annotation_id = 9000 + len(annotations)
                annotations.append(_annotation(annotation_id, image_id, box, polygon=colour == "red"))
                refs.append(_ref(len(refs), annotation_id, image_id, split, colour))
    document = {
        "info": {"description": "miniature"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "box", "supercategory": "thing"}],
    }
    (folder / "instances.json").write_text(json.dumps(document))
    (folder / REFS[name]).write_bytes(python2_pickle(refs))


def write_robust(root: Path, name: str = "r-refcoco") -> None:
    """R-RefCOCO, its + or its g below `root`: `write_refer`'s set, each ref with a sentence that means nothing.

    The first of these has no `sent`, only what R-RefCOCO's code reads.
    """
    original = {"r-refcoco": "unc", "r-refcoco+": "unc+", "r-refcocog": "gref-umd"}[name]
    write_refer(root, original)
    folder = root / f"r{FOLDERS[original]}"
    (root / FOLDERS[original]).rename(folder)
    refs = read_plain_pickle(folder / REFS[original])
    for number, ref in enumerate(refs):
        text = {"raw": "Green box", "tokens": ["green", "box"]} | ({"sent": "green box"} if number else {})
        untrue = {**text, "sent_id": 9000 + number, "exist": False}
        ref["sentences"] = [{**each, "exist": True} for each in ref["sentences"]] + [untrue]
    (folder / REFS[original]).write_bytes(python2_pickle(refs))


def _annotation(annotation_id: int, image_id: int, box: tuple[int, int, int, int], polygon: bool) -> dict[str, Any]:
    x, y, w, h = box
    if polygon:
        middle = x + w / 2
        first = [x, y, middle + 2, y, middle + 2, y + h, x, y + h]
        second = [middle - 2.0, y, x + w, y, x + w, y + h, middle - 2.0, y + h]
        outline: Any = [first, second]
    else:
        column = [SIZE[0] - h, h]
        counts = [x * SIZE[0] + y, h, *(column * (w - 1))]
        counts.append(SIZE[0] * SIZE[1] - sum(counts))
        outline = {"size": list(SIZE), "counts": counts}
    return {
        "segmentation": outline,
        "area": float(w * h),
        "iscrowd": 0,
        "image_id": image_id,
        "bbox": [float(v) for v in box],
        "category_id": 1,
        "id": annotation_id,
    }


def _ref(ref_id: int, annotation_id: int, image_id: int, split: str, colour: str) -> dict[str, Any]:
    side = "left" if colour == "red" else "right"
    texts = [f"{colour} box", f"caf\xe9 box on the {side}"][: 2 if colour == "red" else 1]
    sentences = [
        {"tokens": text.split(), "raw": text, "sent_id": 10 * ref_id + i, "sent": text} for i, text in enumerate(texts)
    ]
    return {
        "sent_ids": [sentence["sent_id"] for sentence in sentences],
        "file_name": f"COCO_train2014_{image_id:012d}_{ref_id}.jpg",
        "ann_id": annotation_id,
        "ref_id": ref_id,
        "image_id": image_id,
        "split": split,
        "sentences": sentences,
        "category_id": 1,
    }


def write_generalised(root: Path, name: str = "grefcoco", pickled: bool = False) -> None:
    """gRefCOCO or Ref-ZOM below `root`: per split two images, each with a phrase for one object, both, and none.

    Both boxes come with a crowd over the whole image, which is not part of the mask, and each image of gRefCOCO has a
    ref without sentences. Ref-ZOM's ref for none names an object that it does not mean, as the public file does, and
    its second image of each split is of val2014.
    """
    folder = root / FOLDERS[name]
    folder.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    refs: list[dict[str, Any]] = []
    for split in SPLITS[name]:
        for place in range(IMAGES_PER_SPLIT):
            image_id = 300 + len(images)
            year = "val2014" if name == "ref-zom" and place else "train2014"
            file_name = f"COCO_{year}_{image_id:012d}.jpg"
            image, boxes = scene(image_id)
            (root / "images" / year).mkdir(parents=True, exist_ok=True)
            Pillow.fromarray(image).save(root / "images" / year / file_name, quality=95)
            images.append({"id": image_id, "file_name": file_name, "height": SIZE[0], "width": SIZE[1]})
            red, blue, crowd = range(8000 + len(annotations), 8003 + len(annotations))
            annotations.append(_annotation(red, image_id, boxes["red"], polygon=True))
            annotations.append(_annotation(blue, image_id, boxes["blue"], polygon=False))
            everything = {"size": list(SIZE), "counts": [0, SIZE[0] * SIZE[1]]}
            annotations.append(annotations[-1] | {"id": crowd, "iscrowd": 1, "segmentation": everything})
            meant = {"red box": [red], "both boxes": [red, crowd, blue], "green box": []}
            if name == "grefcoco":
                meant[""] = [blue]
            for text, ids in meant.items():
                refs.append(_generalised_ref(len(refs), ids, image_id, split, text, name, instead=red))
    categories = [{"id": 1, "name": "box", "supercategory": "thing"}]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(document))
    if name == "ref-zom":
        (folder / "refs(final).p").write_bytes(python2_pickle(refs))
    elif pickled:
        (folder / "grefs(unc).p").write_bytes(python2_pickle(refs))
    else:
        (folder / "grefs(unc).json").write_text(json.dumps(refs))


def _generalised_ref(
    ref_id: int, ids: list[int], image_id: int, split: str, text: str, name: str, instead: int
) -> dict[str, Any]:
    sentences = [{"tokens": text.split(), "raw": text, "sent_id": 500 + ref_id, "sent": text}] if text else []
    ref: dict[str, Any] = {
        "sent_ids": [500 + ref_id] if text else [],
        "file_name": f"COCO_train2014_{image_id:012d}_{instead}.jpg",
        "ref_id": ref_id,
        "image_id": image_id,
        "split": split,
        "sentences": sentences,
    }
    if name == "ref-zom":
        source = ("zero", "one", "many")[min(len(ids), 2)]
        return ref | {"source": source, "ann_id": (ids or [instead]) if len(ids) != 1 else ids[0], "category_id": 1}
    return ref | {"ann_id": ids or [-1], "category_id": [1] * len(ids) or [-1], "no_target": not ids}


def write_referit(root: Path) -> None:
    """ReferItGame below `root`: per split two images of two regions, the first with two texts."""
    for folder in ("images", "mask"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    sizes: dict[str, list[int]] = {}
    boxes_of: dict[str, list[int]] = {}
    queries: dict[str, dict[str, list[str]]] = {"train": {}, "val": {}, "test": {}}
    for index, (split, regions) in enumerate(queries.items()):
        image_ids = [7000 + 10 * index + i for i in range(IMAGES_PER_SPLIT)]
        for image_id in image_ids:
            image, boxes = scene(image_id)
            Pillow.fromarray(image).save(root / "images" / f"{image_id}.jpg", quality=95)
            sizes[f"{image_id}.jpg"] = [SIZE[1], SIZE[0]]
            for region, (colour, (x, y, w, h)) in enumerate(boxes.items(), 1):
                outside = np.ones(SIZE, dtype=np.uint8)
                outside[y : y + h, x : x + w] = 0
                savemat(root / "mask" / f"{image_id}_{region}.mat", {"segimg_t": outside}, do_compression=True)
                regions[f"{image_id}_{region}"] = [f"{colour} box", "thing, on one side"][: 3 - region]
                boxes_of[f"{image_id}_{region}"] = [x, y, x + w - 1, y + h - 1]
        (root / f"referit_{split}_imlist.txt").write_text("".join(f"{image_id}\n" for image_id in image_ids))
    queries["trainval"] = {**queries["train"], **queries["val"]}
    lists = [(root / f"referit_{split}_imlist.txt").read_text() for split in ("train", "val")]
    (root / "referit_trainval_imlist.txt").write_text("".join(lists))
    for split, regions in queries.items():
        (root / f"referit_query_{split}.json").write_text(json.dumps(regions))
    (root / "referit_imsize.json").write_text(json.dumps(sizes))
    (root / "referit_bbox.json").write_text(json.dumps(boxes_of))


def write_benchmark(root: Path, name: str) -> None:
    """Any of the benchmarks, by its name on the command line."""
    if name == "referit":
        write_referit(root)
    elif name in ("grefcoco", "ref-zom"):
        write_generalised(root, name)
    else:
        write_refer(root, name)


def write_own(root: Path, kind: str = "jsonl") -> None:
    """A user's own set: objects by id, two objects at once, a drawn mask, and an absent object, in two splits."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    (root / "masks").mkdir(exist_ok=True)
    images, annotations = [], []
    for number in range(3):
        image, boxes = scene(number)
        Pillow.fromarray(image).save(root / "images" / f"photo{number}.png")
        images.append({"id": number, "file_name": f"photo{number}.png", "height": SIZE[0], "width": SIZE[1]})
        for index, box in enumerate(boxes.values()):
            annotations.append(_annotation(10 * number + index, number, box, polygon=index == 0))
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "box"}]}
    (root / "instances.json").write_text(json.dumps(document))
    drawn = np.zeros(SIZE, dtype=np.uint8)
    drawn[5:10, 20:30] = 255
    Pillow.fromarray(drawn).save(root / "masks" / "drawn.png")
    rows: list[dict[str, Any]] = [
        {"image": "photo0.png", "phrase": "red box", "annotations": [0]},
        {"image": "photo0.png", "phrase": "both boxes", "annotations": [0, 1]},
        {"image": "photo1.png", "phrase": "the patch, between", "mask": "masks/drawn.png"},
        {"image": "photo1.png", "phrase": "green box"},
        {"image": "photo2.png", "phrase": "blue caf\xe9 box", "annotations": [21], "split": "val"},
    ]
    if kind == "jsonl":
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    else:
        lines = ["image,phrase,annotations,mask,split"]
        for row in rows:
            ids = " ".join(map(str, row.get("annotations", [])))
            lines.append(f'{row["image"]},"{row["phrase"]}",{ids},{row.get("mask", "")},{row.get("split", "")}')
    (root / f"expressions.{kind}").write_text("\n".join(lines) + "\n", encoding="utf-8")
