"""Opening a set as large as UNC, and reading packed samples against decoding JPEGs and outlines.

    python -m benchmarks.data_reading

Everything is generated: 120,000 expressions over 20,000 images and 50,000 outlines of 60 to 240 corners for the
opening (in a process of its own, the quickest of seven), and 256 photographs of 640x480 for the reading, a sample
being an image and a mask at 320. Expected, on an idle machine: opened in under 2 s and 500 MB; packed at least
5 times as fast.
"""

import json
import pickle
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from asgn.data.datasets import open_dataset
from asgn.data.loading.pack import open_packed
from asgn.data.transforms import resize_and_pad_image, resize_and_pad_mask
from asgn.data.types import Expression, ReferringDataset
from benchmarks.measure import medians, record

IMAGES, OBJECTS, REFS, SENTENCES = 20_000, 50_000, 42_404, 120_144
PHOTOGRAPHS, SIDE, REPEATS = 256, 320, 5
WIDTH, HEIGHT = 640, 480
WORDS = ("man", "woman", "dog", "red", "blue", "shirt", "left", "right", "with", "holding", "umbrella", "second")

OPENING = """
import json, re, sys, time
from pathlib import Path
from asgn.data.datasets import open_dataset
from asgn.data.readers.refer import ReferFolder
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
before = peak()
wall, processor = time.perf_counter(), time.process_time()
data = open_dataset("unc", Path(sys.argv[1]), "train")
wall, processor = time.perf_counter() - wall, time.process_time() - processor
after = peak()
print(json.dumps({
    "expressions": len(data.expressions), "seconds": round(wall, 2), "processor seconds": round(processor, 2),
    "peak MB of the process": after, "peak MB by opening": after - before,
}))
"""


def image_entry(image_id: int) -> dict[str, Any]:
    name = f"COCO_train2014_{image_id:012d}.jpg"
    url = f"http://farm3.staticflickr.com/{image_id}/{image_id}_z.jpg"
    return {"id": image_id, "file_name": name, "height": HEIGHT, "width": WIDTH, "license": 1, "flickr_url": url}


def outline(rng: random.Random) -> list[float]:
    """A closed walk around a random centre: as many corners as people draw, and in COCO's precision."""
    corners = rng.randint(60, 240)
    centre, radius = (rng.uniform(150, 490), rng.uniform(120, 360)), rng.uniform(30, 110)
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    radii = radius * (1 + 0.2 * np.sin(angles * rng.randint(2, 9)))
    points = np.stack([centre[0] + radii * np.cos(angles), centre[1] + radii * np.sin(angles)], 1)
    return [round(float(value), 2) for value in points.ravel()]


def ref(number: int, image_id: int, annotation_id: int, texts: list[str], first: int) -> dict[str, Any]:
    sentences = [
        {"tokens": text.split(), "raw": text, "sent_id": first + i, "sent": text} for i, text in enumerate(texts)
    ]
    return {
        "ref_id": number,
        "ann_id": annotation_id,
        "image_id": image_id,
        "split": "train",
        "sentences": sentences,
        "sent_ids": [sentence["sent_id"] for sentence in sentences],
        "file_name": f"COCO_train2014_{image_id:012d}_{number}.jpg",
        "category_id": 1,
    }


def write_set(root: Path, images: int, objects: int, refs: int, sentences: int) -> Path:
    """A REFER-layout set without photographs."""
    rng = random.Random(0)
    folder = root / "refcoco"
    folder.mkdir(parents=True)
    annotations = [
        {"segmentation": [outline(rng)], "area": 900.5, "iscrowd": 0, "image_id": key % images, "category_id": 1,
         "bbox": [1.5, 2.25, 30.75, 40.5], "id": key}
        for key in range(objects)
    ]  # fmt: skip
    document = {"images": [image_entry(key) for key in range(images)], "annotations": annotations, "categories": []}
    (folder / "instances.json").write_text(json.dumps(document))
    entries, first = [], 0
    for number in range(refs):
        count = sentences * (number + 1) // refs - first
        texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 7))) for _ in range(count)]
        entries.append(ref(number, number % images, number % objects, texts, first))
        first += count
    (folder / "refs(unc).p").write_bytes(pickle.dumps(entries, 2))
    return folder


def opening() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        written = write_set(Path(folder), IMAGES, OBJECTS, REFS, SENTENCES)
        size = (written / "instances.json").stat().st_size
        runs = []
        for _ in range(7):
            command = [sys.executable, "-c", OPENING, folder]
            runs.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
    return {**min(runs, key=lambda run: run["seconds"]), "instances MB": round(size / 1e6)}


def write_photographs(root: Path) -> None:
    """Smoothed noise in JPEG for a set that `write_set` wrote."""
    rng = np.random.default_rng(0)
    photographs = root / "images" / "train2014"
    photographs.mkdir(parents=True)
    for number in range(PHOTOGRAPHS):
        noise = gaussian_filter(rng.normal(size=(HEIGHT, WIDTH, 3)), (2, 2, 0))
        pixels = np.clip(128 + 250 * noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(photographs / image_entry(number)["file_name"], quality=90)


def sample(data: ReferringDataset, expression: Expression) -> tuple[torch.Tensor, torch.Tensor]:
    """What a training step needs: (3, S, S) uint8 and (S, S) bool."""
    image = torch.from_numpy(data.image(expression.image_id)).permute(2, 0, 1)
    mask = torch.from_numpy(data.mask(expression))
    if mask.shape[0] == mask.shape[1] == SIDE:
        return image, mask
    return resize_and_pad_image(image, SIDE), resize_and_pad_mask(mask, SIDE)


def reading() -> dict[str, float]:
    """Each expression once in random order, so that no cache of decoded images helps; one thread."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_set(root, PHOTOGRAPHS, PHOTOGRAPHS, PHOTOGRAPHS, PHOTOGRAPHS)
        write_photographs(root)
        source = open_dataset("unc", root, "train")
        packed = open_packed(source, root / "packed", SIDE)
        order = [source.expressions[int(i)] for i in rng.permutation(PHOTOGRAPHS)]
        seconds = medians(
            {
                "decoding": lambda: [sample(source, expression) for expression in order],
                "packed": lambda: [sample(packed, expression) for expression in order],
            },
            REPEATS,
        )
    return {
        "samples/s by decoding": round(PHOTOGRAPHS / seconds["decoding"]),
        "samples/s packed": round(PHOTOGRAPHS / seconds["packed"]),
        "times as fast": round(seconds["decoding"] / seconds["packed"], 1),
    }


if __name__ == "__main__":
    record("data_reading", {"opening": opening(), "reading": reading()})
