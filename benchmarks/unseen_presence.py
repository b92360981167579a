"""How often things of unseen words are found where they are not, and what factor of the presence makes up for it.

    python -m benchmarks.unseen_presence PHOTOREFER MODEL [IMAGES]

MODEL knows words by vectors. On val images with odd ids it is asked for categories that are there, for categories that
are not, and for things of words that no training phrase had. `UNSEEN_CERTAINTY` is where the last are found as often
as absent things of trained words.
"""

import json
import random
import sys
from pathlib import Path

from asgn.data.datasets import open_dataset
from asgn.inference.load import load
from asgn.inference.presence import presence_scores
from asgn.inference.segmenter import Segmenter
from benchmarks.measure import record

UNSEEN = (
    "rocket", "xylophone", "submarine", "pineapple", "tractor", "penguin", "dolphin", "castle", "guitar", "helicopter",
    "telescope", "waterfall", "lighthouse", "dinosaur", "camel", "volcano", "violin", "windmill", "cactus", "shark",
    "robot", "wheelchair", "mushroom", "spider",
)  # fmt: skip
FACTORS = (1.0, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6)
ASKED = 6
"""Absent things of either kind for each image."""


def main() -> None:
    root, model, *count = sys.argv[1:]
    segmenter = load(model)
    threshold = segmenter.presence_threshold
    presences = measure(segmenter, Path(root), int(count[0]) if count else 40)
    shares = {
        f"{factor:.2f}": {
            kind: round(sum(value * factor >= threshold for value in values) / len(values), 3)
            for kind, values in presences.items()
        }
        for factor in FACTORS
    }
    asked = {kind: len(values) for kind, values in presences.items()}
    record("unseen_presence", {"threshold": threshold, "asked": asked, "share found by factor of the presence": shares})


def measure(segmenter: Segmenter, root: Path, count: int) -> dict[str, list[float]]:
    """The network's presence of each thing asked for, by kind."""
    words = segmenter.vocabulary
    present = categories_by_image(root)
    trained = sorted({name for names in present.values() for name in names if words.was_trained(name)})
    unseen = [word for word in UNSEEN if word in words and not words.was_trained(word)]
    data, rng = open_dataset("own", root, "val"), random.Random(0)
    images = sorted({item.image_id for item in data.expressions if item.image_id % 2})[:count]
    presences: dict[str, list[float]] = {"present": [], "absent": [], "absent, unseen word": []}
    for image_id in images:
        there = present[image_id]
        absent = [name for name in trained if name not in there]
        asked = [("present", name) for name in trained if name in there]
        asked += [("absent", name) for name in rng.sample(absent, ASKED)]
        asked += [("absent, unseen word", word) for word in rng.sample(unseen, ASKED)]
        encoded = segmenter.encode(data.image(image_id))
        logits = segmenter.network_logits(encoded, [words.encode(f"the {name}") for _, name in asked])
        for (kind, _), score in zip(asked, presence_scores(logits, encoded.height, encoded.width), strict=True):
            presences[kind].append(score)
    return presences


def categories_by_image(root: Path) -> dict[int, set[str]]:
    instances = json.loads((root / "instances.json").read_text(encoding="utf-8"))
    names = {category["id"]: category["name"] for category in instances["categories"]}
    found: dict[int, set[str]] = {image["id"]: set() for image in instances["images"]}
    for annotation in instances["annotations"]:
        found[annotation["image_id"]].add(names[annotation["category_id"]])
    return found


if __name__ == "__main__":
    main()
