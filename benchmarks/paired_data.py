"""The photographs on which the paired runs are trained, chosen and reported, from the folder of `mobile_data`.

    python -m benchmarks.paired_data DATA OUT

`train` and `val` (photorefer's) are those of DATA without phrases that mean nothing, which the paper's data have none
of. `choose` is what the discriminator's switches are chosen on: images of the human-masked sets whose ids end in 1,
which are then left out of `train`. `heldout` is from the sets' held-out tenth (ids that end in 0). Of both, as many
images a set as `IMAGES` and as many phrases an image as `PHRASES`, drawn under a fixed seed.
"""

import json
import random
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks.mobile_data import HELD_OUT

Line = dict[str, Any]

IMAGES, PHRASES = 60, 4


def main(data: Path, out: Path) -> None:
    whole = json.loads((data / "instances.json").read_text())
    ids = {image["file_name"]: image["id"] for image in whole["images"]}
    humans = {name: _first_id(data / "heldout" / name) for name in HELD_OUT}
    lines = [line for line in read_lines(data) if line["annotations"]]
    own = {name: [line for line in lines if in_set(ids[line["image"]], first)] for name, first in humans.items()}
    to_choose = {line["image"] for of_set in own.values() for line in of_set if ids[line["image"]] % 10 == 1}
    kept = [line for line in lines if line["image"] not in to_choose]
    shutil.copytree(data / "images", out / "images")
    for name, of_set in own.items():
        kept += drawn([line for line in of_set if line["image"] in to_choose], "choose")
        folder = data / "heldout" / name
        kept += drawn([line for line in read_lines(folder) if line["annotations"]], "heldout")
        held = json.loads((folder / "instances.json").read_text())
        whole["images"] += held["images"]
        whole["annotations"] += held["annotations"]
        shutil.copytree(folder / "images", out / "images", dirs_exist_ok=True)
    (out / "instances.json").write_text(json.dumps(whole))
    (out / "expressions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept))


def read_lines(folder: Path) -> list[Line]:
    return [json.loads(line) for line in (folder / "expressions.jsonl").read_text().splitlines()]


def in_set(image_id: int, first: int) -> bool:
    """Whether an image is of the set whose ids begin there: the sets' ids are half a thousand million apart."""
    return 0 <= image_id - first < 500_000_000


def drawn(lines: list[Line], split: str) -> list[Line]:
    """Some of the images, with some of their phrases, each phrase once."""
    rng = random.Random(f"{split} {len(lines)}")
    phrases: dict[str, dict[str, Line]] = {}
    for line in lines:
        phrases.setdefault(line["image"], {})[line["phrase"]] = line | {"split": split}
    images = rng.sample(sorted(phrases), min(IMAGES, len(phrases)))
    return [
        line
        for image in images
        for line in rng.sample(list(phrases[image].values()), min(PHRASES, len(phrases[image])))
    ]


def _first_id(folder: Path) -> int:
    """Where a set's image ids begin, by its held-out images."""
    least = min(int(image["id"]) for image in json.loads((folder / "instances.json").read_text())["images"])
    return least - least % 500_000_000


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
