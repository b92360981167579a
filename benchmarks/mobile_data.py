"""The training set of asgn-mobile: real photographs of `photorefer` and `pseudo`, brought together as `own` data.

    python -m benchmarks.mobile_data OUT

Train: photorefer's own expressions, expressions made from its training objects and from pseudo's, a phrase for each
class of a pseudo photograph (all its regions together), collages with pairs of things of a kind, sides asked as the
probe asks them, and absent phrases. Validation: photorefer's val as it is; its images lend nothing to training. A line
that stands there several times is seen as often in an epoch, so that human masks and absent phrases outweigh the many
machine-made masks.
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

from asgn.data.datasets import open_dataset
from asgn.data.files.coco_instances import read_instances
from asgn.data.photographs.absent_phrases import AbsentPhrases
from asgn.data.photographs.annotate import annotate
from asgn.evaluation.probes.spatial_probe import instances_of, side_questions
from benchmarks.mobile_collages import collages, lone_things, write_collages

Line = dict[str, Any]

SHARED = Path(os.environ.get("ASGN_SHARED", "../shared")) / "data"
AUTHORED_TIMES, MADE_TIMES, ABSENT_TIMES, ASKED_TIMES = 3, 2, 4, 2
ABSENT_PHRASES, WORDINGS, COLLAGES = 8, 3, 2200
ABSENT_CLASS_SHARE = 0.3
PSEUDO, COLLAGED = 3_000_000_000, 6_000_000_000
"""Added to the ids of pseudo and of the collages, so that none meet."""


def main(out: Path) -> None:
    (out / "images").mkdir(parents=True)
    human = json.loads((SHARED / "photorefer" / "instances.json").read_text())
    machine = renumbered(json.loads((SHARED / "pseudo" / "instances.json").read_text()))
    for image in human["images"]:
        shutil.copyfile(SHARED / "photorefer" / "images" / image["file_name"], out / "images" / image["file_name"])
    for image in machine["images"]:
        shutil.copyfile(SHARED / "pseudo" / "images" / image["source_name"], out / "images" / image["file_name"])
    lines = [*authored("train", AUTHORED_TIMES), *authored("val", 1), *asked()]
    seen = {line["image"] for line in lines if line["split"] == "train"}
    of_human = made(of_images(human, seen), SHARED / "photorefer" / "images", 16)
    of_machine = made(machine, out / "images", 12)
    for line in of_human:
        lines += [line] * (MADE_TIMES if line["annotations"] else ABSENT_TIMES)
    lines += [*of_machine, *class_phrases(machine, random.Random(0))]
    categories = {category["id"]: category for part in (machine, human) for category in part["categories"]}
    merged = {key: [*human[key], *machine[key]] for key in ("images", "annotations")}
    merged |= {"categories": list(categories.values())}
    lines += collaged([*of_human, *of_machine], merged, out)
    (out / "expressions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    absent = sum(not line["annotations"] for line in lines)
    print(dict(Counter(line["split"] for line in lines)), f"{absent} absent")


def collaged(lines: list[Line], merged: Line, out: Path) -> list[Line]:
    """Write `merged` with the collages made from it; the lines of their expressions."""
    target = out / "instances.json"
    target.write_text(json.dumps(merged))
    instances = read_instances(target)
    found = collages(lone_things(lines, instances), instances, out / "images", COLLAGES, random.Random(0))
    entries, said = write_collages(found, out / "images", COLLAGED)
    target.write_text(json.dumps(merged | {key: [*merged[key], *entries[key]] for key in entries}))
    return said


def asked() -> Iterator[Line]:
    """Sides and absent things, asked of photorefer's training photographs as `asgn probe` asks them of val's."""
    data = open_dataset("own", SHARED / "photorefer", "train", seed=0)
    names = {key: image.file_name for key, image in instances_of(data).images.items()}
    absent = AbsentPhrases(instances_of(data))
    for seed in range(1, WORDINGS + 1):
        for question in side_questions(data, seed):
            line = {"image": names[question.image_id], "phrase": question.text, "split": "train"}
            yield from [line | {"annotations": [question.meant]}] * ASKED_TIMES
    for image_id in sorted({expression.image_id for expression in data.expressions}):
        image = data.image(image_id)
        for seed in range(1, WORDINGS):
            for text, _ in absent.of_image(image_id, image, ABSENT_PHRASES, seed):
                yield {"image": names[image_id], "phrase": text, "annotations": [], "split": "train"}


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
        return [json.loads(line) for line in (target / "expressions.jsonl").read_text().splitlines()]


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
