"""The training set of asgn-mobile, and the held-out sets it is reported on, as folders of `own` data.

    python -m benchmarks.mobile_data OUT

Train (OUT): photorefer's own expressions; expressions made by `annotate` from its objects, from coco80, voc_animals,
clothing and pedestrians; sides asked as the probe asks them; phrases for all of a class; absent phrases. Validation is
photorefer's val as it is. The held-out tenth of the last three sets (ids that end in 0) goes to OUT/heldout/NAME with
expressions made under a fixed seed.

People type short phrases (ReferIt's train text: 5 in 6 have at most four words), so long wordings are kept less often;
and nobody knows man from woman by the label `person`, so a word for a person is taken as a word for any.
"""

import json
import os
import random
import re
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from asgn.data.datasets import open_dataset
from asgn.data.expressions.nouns import Noun
from asgn.data.photographs.absent_phrases import AbsentPhrases
from asgn.data.photographs.annotate import annotate
from asgn.data.types import ReferringDataset
from asgn.evaluation.probes.spatial_probe import instances_of, side_questions

Line = dict[str, Any]

SHARED = Path(os.environ.get("ASGN_SHARED", "../shared")) / "data"
SOURCES = {
    "coco80": SHARED / "pseudo" / "coco80.json",
    "voc_animals": SHARED / "voc_animals" / "instances.json",
    "clothing": SHARED / "clothing" / "instances.json",
    "pedestrians": SHARED / "pedestrians" / "instances.json",
}
PHOTOREFER = SHARED / "photorefer" / "instances.json"
HELD_OUT = ("voc_animals", "clothing", "pedestrians")
LEFT_OUT = frozenset(("dining table", "skin", "accessories"))
"""Outlined wrongly too often (coco80), or no things one would ask for (clothing)."""
AUTHORED_TIMES, MADE_TIMES, HELD_OUT_PER_OBJECT = 6, 3, 3
MADE_PER_IMAGE, ASKED_PER_IMAGE, ABSENT_PER_IMAGE = 32, 8, 4
CLASS_SHARE = 0.5
MIXED_UP = (
    ("dog", "cat", "horse", "cow", "sheep", "bird", "bear", "elephant", "zebra", "giraffe"),
    ("bicycle", "motorcycle", "car", "bus", "train", "airplane", "boat"),
    ("cup", "bottle", "wine glass", "bowl", "fork", "spoon", "knife"),
    ("laptop", "tv", "keyboard", "cell phone", "book"), ("couch", "bed", "chair", "bench"),
    ("pizza", "cake", "sandwich", "donut", "hot dog"), ("banana", "apple", "orange", "broccoli", "carrot"),
    ("skateboard", "surfboard", "snowboard", "skis"), ("umbrella", "kite", "frisbee"),
)  # fmt: skip
"""Kinds that a model takes for one another, though the annotations tell them apart."""
MIXED_UP_PER_KIND = 3
ABSENT_SHARE = 0.25
"""Phrases of absent things that a word may be in, for each of a present one: else rare kinds are never there."""
PERSON_WORDS = {
    "person": ("person", "person", "person", "guy", "man", "man", "woman", "girl", "lady", "kid", "boy", "dude"),
    "people": ("people", "people", "people", "guys", "men", "women", "persons"),
}
SHORTER_BY = 0.75
"""Share of phrases kept for each word over three."""


def main(out: Path) -> None:
    (out / "images").mkdir(parents=True)
    rng = random.Random(0)
    human = json.loads(PHOTOREFER.read_text())
    lines = [*authored("val", 1), *authored("train", AUTHORED_TIMES)]
    seen = {line["image"] for line in lines if line["split"] == "train"}
    known = {image["id"] for image in human["images"]}
    parts = [human]
    lines += of_set(of_images(human, lambda image: image["file_name"] in seen), PHOTOREFER.parent, rng) * MADE_TIMES
    for name, path in SOURCES.items():
        annotated = json.loads(path.read_text())
        train = of_images(
            annotated, lambda image, name=name: image["id"] not in known and not is_held_out(image, name)
        )
        lines += of_set(train, path.parent, rng)
        parts.append(train)
        if name in HELD_OUT:
            hold_out(of_images(annotated, lambda image, name=name: is_held_out(image, name)), path.parent, out, name)
    for part, path in zip(parts, (PHOTOREFER, *SOURCES.values()), strict=True):
        for image in part["images"]:
            shutil.copyfile(path.parent / "images" / image["file_name"], out / "images" / image["file_name"])
    lines = balanced(lines, rng)
    categories = {category["id"]: category for part in reversed(parts) for category in part["categories"]}
    merged = {key: [entry for part in parts for entry in part[key]] for key in ("images", "annotations")}
    (out / "instances.json").write_text(json.dumps(merged | {"categories": list(categories.values())}))
    (out / "expressions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    absent = sum(not line["annotations"] for line in lines)
    print(dict(Counter(line["split"] for line in lines)), f"{absent} absent", f"{len(merged['images'])} images")


def is_held_out(image: Line, name: str) -> bool:
    return name in HELD_OUT and image["id"] % 10 == 0


def of_images(annotated: Line, keep: Any) -> Line:
    """The annotations of the images to keep, without the categories that are left out."""
    images = [image for image in annotated["images"] if keep(image)]
    kept = {image["id"] for image in images}
    named = {category["id"] for category in annotated["categories"] if category["name"] not in LEFT_OUT}
    objects = [item for item in annotated["annotations"] if item["image_id"] in kept and item["category_id"] in named]
    return annotated | {"images": images, "annotations": objects}


def hold_out(annotated: Line, source: Path, out: Path, name: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder, "instances.json")
        file.write_text(json.dumps(annotated))
        target = out / "heldout" / name
        annotate(file, source / "images", target, per_object=HELD_OUT_PER_OBJECT, val_share=1.0, seed=0)


def authored(split: str, times: int) -> Iterator[Line]:
    """Photorefer's own expressions."""
    data = open_dataset("own", PHOTOREFER.parent, split, seed=0)
    names = {key: image.file_name for key, image in instances_of(data).images.items()}
    for expression in data.expressions:
        line = {"image": names[expression.image_id], "phrase": expression.text, "split": split}
        yield from [line | {"annotations": list(expression.annotation_ids)}] * times


def of_set(annotated: Line, source: Path, rng: random.Random) -> list[Line]:
    """All training lines made from one set of annotations."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "instances.json")
        file.write_text(json.dumps(annotated))
        annotate(file, source / "images", Path(folder, "set"), per_object=24)
        data = open_dataset("own", Path(folder, "set"), "train", seed=0)
        said = [json.loads(line) for line in Path(folder, "set", "expressions.jsonl").read_text().splitlines()]
        made = few_of_each_image((plain(line) for line in said), MADE_PER_IMAGE, rng)
        asked = few_of_each_image(sides(data), ASKED_PER_IMAGE, rng)
        lines = [*made, *asked, *absent(data), *mixed_up(annotated, rng), *class_phrases(annotated, rng)]
    return [line | {"phrase": with_person_words(line["phrase"], rng)} for line in lines]


def plain(line: Line) -> Line:
    return {key: line[key] for key in ("image", "phrase", "annotations", "split")}


def few_of_each_image(lines: Iterable[Line], most: int, rng: random.Random) -> list[Line]:
    """At most so many lines an image, the longer ones dropped first as a rule."""
    of_image: dict[str, list[tuple[float, Line]]] = defaultdict(list)
    for line in lines:
        long = max(0, len(line["phrase"].split()) - 3)
        of_image[line["image"]].append((rng.random() ** (SHORTER_BY**-long), line))
    chosen = [sorted(found, key=lambda item: -item[0])[:most] for found in of_image.values()]
    return [line for found in chosen for _, line in found]


def sides(data: ReferringDataset) -> Iterator[Line]:
    names = {key: image.file_name for key, image in instances_of(data).images.items()}
    for seed in range(1, 5):
        for question in side_questions(data, seed):
            line = {"image": names[question.image_id], "phrase": question.text, "split": "train"}
            yield line | {"annotations": [question.meant]}


def absent(data: ReferringDataset) -> Iterator[Line]:
    names = {key: image.file_name for key, image in instances_of(data).images.items()}
    phrases = AbsentPhrases(instances_of(data))
    for image_id in sorted({expression.image_id for expression in data.expressions}):
        for text, _ in phrases.of_image(image_id, data.image(image_id), ABSENT_PER_IMAGE, seed=1):
            yield {"image": names[image_id], "phrase": text, "annotations": [], "split": "train"}


def mixed_up(annotated: Line, rng: random.Random) -> Iterator[Line]:
    """For each kind in an image, phrases that name a kind like it which is not there."""
    names = {category["id"]: category["name"] for category in annotated["categories"]}
    known = set(names.values())
    shown: dict[int, set[str]] = defaultdict(set)
    for annotation in annotated["annotations"]:
        shown[annotation["image_id"]].add(names[annotation["category_id"]])
    for image in annotated["images"]:
        present = shown[image["id"]]
        for group in MIXED_UP:
            others = [name for name in group if name in known and name not in present]
            for _ in range(MIXED_UP_PER_KIND * len(present & set(group)) if others else 0):
                name = rng.choice(others)
                forms = (name, f"the {name}", f"the {name}", f"a {name}", f"{rng.choice(('left', 'right'))} {name}")
                text = rng.choice(forms)
                yield {"image": image["file_name"], "phrase": text, "annotations": [], "split": "train"}


def balanced(lines: list[Line], rng: random.Random) -> list[Line]:
    """Without some of the phrases of absent things, those of kinds that are seldom present first."""
    words = [set(re.findall(r"[a-z-]+", line["phrase"].lower())) for line in lines]
    present, absent = Counter[str](), Counter[str]()
    for line, found in zip(lines, words, strict=True):
        (present if line["annotations"] else absent).update(found)

    def share(found: set[str]) -> float:
        return min((ABSENT_SHARE * present[word] / absent[word] for word in found), default=0.0)

    pairs = zip(lines, words, strict=True)
    return [line for line, found in pairs if line["annotations"] or rng.random() < share(found)]


def class_phrases(annotated: Line, rng: random.Random) -> Iterator[Line]:
    """One phrase for all objects of a class in an image, for some of the classes."""
    names = {category["id"]: category["name"] for category in annotated["categories"] if category.get("isthing", 1)}
    files = {image["id"]: image["file_name"] for image in annotated["images"]}
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for annotation in annotated["annotations"]:
        if annotation["category_id"] in names and "foreground" not in names[annotation["category_id"]]:
            found[annotation["image_id"], annotation["category_id"]].append(annotation["id"])
    for (image_id, category), ids in found.items():
        if len(ids) > 1 and rng.random() < CLASS_SHARE:
            plural = Noun.of(names[category]).plural
            text = rng.choice((plural, plural, f"the {plural}", f"all {plural}", f"all the {plural}"))
            yield {"image": files[image_id], "phrase": text, "annotations": ids, "split": "train"}


def with_person_words(text: str, rng: random.Random) -> str:
    """Other words for a person, the same all through a phrase."""
    chosen = {word: rng.choice(others) for word, others in PERSON_WORDS.items()}
    return re.sub(r"\b(person|people)\b", lambda match: chosen[match[1]], text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
