"""The training set of asgn-mobile: real photographs of `photorefer` and `pseudo`, brought together as `own` data.

    python -m benchmarks.mobile_data OUT

Train: photorefer's own expressions, expressions made from its training objects and from pseudo's, a phrase for each
class of a pseudo photograph (all its regions together), and absent phrases of both. Validation: photorefer's val as
it is; its images lend nothing to training. A line that stands there several times is seen as often in an epoch, so
that human masks and absent phrases outweigh the many machine-made masks.
"""

import json
import os
import random
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from asgn.data.annotate import annotate
from asgn.data.datasets import open_dataset

Line = dict[str, Any]

SHARED = Path(os.environ.get("ASGN_SHARED", "../shared")) / "data"
AUTHORED_TIMES, MADE_TIMES, ABSENT_TIMES = 3, 2, 4
ABSENT_CLASS_SHARE = 0.3
PSEUDO = 3_000_000_000
"""Added to pseudo's ids, which photorefer's never reach."""


def main(out: Path) -> None:
    (out / "images").mkdir(parents=True)
    human = json.loads((SHARED / "photorefer" / "instances.json").read_text())
    machine = renumbered(json.loads((SHARED / "pseudo" / "instances.json").read_text()))
    lines = [*authored("train", AUTHORED_TIMES), *authored("val", 1)]
    seen = {line["image"] for line in lines if line["split"] == "train"}
    for line in made(of_images(human, seen), SHARED / "photorefer" / "images", 16):
        lines += [line] * (MADE_TIMES if line["annotations"] else ABSENT_TIMES)
    for image in human["images"]:
        shutil.copyfile(SHARED / "photorefer" / "images" / image["file_name"], out / "images" / image["file_name"])
    for image in machine["images"]:
        shutil.copyfile(SHARED / "pseudo" / "images" / image["source_name"], out / "images" / image["file_name"])
    lines += made(machine, out / "images", 12)
    lines += class_phrases(machine, random.Random(0))
    categories = {category["id"]: category for part in (machine, human) for category in part["categories"]}
    merged = {key: [*human[key], *machine[key]] for key in ("images", "annotations")}
    (out / "instances.json").write_text(json.dumps({**merged, "categories": list(categories.values())}))
    (out / "expressions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    absent = sum(not line["annotations"] for line in lines)
    print(dict(Counter(line["split"] for line in lines)), f"{absent} absent")


def renumbered(machine: Line) -> Line:
    """Pseudo's file with ids and file names that differ from photorefer's."""
    for image in machine["images"]:
        image |= {
            "id": image["id"] + PSEUDO,
            "source_name": image["file_name"],
            "file_name": f"pseudo_{image['file_name']}",
        }
    for annotation in machine["annotations"]:
        annotation |= {"id": annotation["id"] + PSEUDO, "image_id": annotation["image_id"] + PSEUDO}
    return machine


def authored(split: str, times: int) -> Iterator[Line]:
    """Photorefer's own expressions."""
    data = open_dataset("own", SHARED / "photorefer", split, seed=0)
    images = json.loads((SHARED / "photorefer" / "instances.json").read_text())["images"]
    names = {image["id"]: image["file_name"] for image in images}
    for expression in data.expressions:
        line = {"image": names[expression.image_id], "phrase": expression.text, "split": split}
        yield from [line | {"annotations": list(expression.annotation_ids)}] * times


def of_images(annotated: Line, names: set[str]) -> Line:
    images = [image for image in annotated["images"] if image["file_name"] in names]
    kept = {image["id"] for image in images}
    objects = [annotation for annotation in annotated["annotations"] if annotation["image_id"] in kept]
    return annotated | {"images": images, "annotations": objects}


def made(annotated: Line, images: Path, per_object: int) -> list[Line]:
    """What `asgn data expressions` says of these photographs."""
    with TemporaryDirectory() as folder:
        source, target = Path(folder, "instances.json"), Path(folder, "set")
        source.write_text(json.dumps(annotated))
        annotate(source, images, target, per_object=per_object)
        lines = [json.loads(line) for line in (target / "expressions.jsonl").read_text().splitlines()]
    return [{key: line[key] for key in ("image", "phrase", "annotations", "split")} for line in lines]


def class_phrases(machine: Line, rng: random.Random) -> Iterator[Line]:
    """One phrase for all regions of a class in a photograph, and now and then a class that is not there."""
    names = {category["id"]: category["name"] for category in machine["categories"]}
    regions: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for annotation in machine["annotations"]:
        regions[annotation["image_id"]][annotation["category_id"]].append(annotation["id"])
    for image in machine["images"]:
        line = {"image": image["file_name"], "split": "train"}
        found = regions[image["id"]]
        for category, annotations in found.items():
            yield line | {"phrase": rng.choice(forms(names[category], len(annotations))), "annotations": annotations}
        if rng.random() < ABSENT_CLASS_SHARE:
            name = names[rng.choice([category for category in names if category not in found])]
            wordings = (name, f"the {name}", f"a {name}", f"the {name} on the left", f"{name} on the right")
            yield line | {"phrase": rng.choice(wordings), "annotations": []}


def forms(name: str, count: int) -> tuple[str, ...]:
    if name == "person":
        return ("people", "the people", "persons", "everyone") if count > 1 else ("person", "the person", "someone")
    plural = name if name == "sheep" else f"{name}es" if name.endswith("s") else f"{name}s"
    return (plural, f"the {plural}", f"all the {plural}") if count > 1 else (name, f"the {name}", f"a {name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
