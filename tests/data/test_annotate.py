"""Referring sets made from annotation files: what is said, what is left unsaid, and that it can be read back."""

import json
import os
import random
import re
import unicodedata
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from asgn.data.checks.verify import verify
from asgn.data.datasets import open_dataset
from asgn.data.expressions.generate import Phrase
from asgn.data.expressions.nouns import Noun
from asgn.data.expressions.predicates import SceneObject
from asgn.data.files.coco_instances import read_instances
from asgn.data.files.masks import encode_rle
from asgn.data.photographs.annotate import Annotated, annotate
from asgn.data.photographs.category_names import confusable_names, everyday_noun
from asgn.data.photographs.phrase_filter import holds, restyled
from asgn.data.photographs.quality import Sources, heads, is_one_object
from asgn.errors import DataError, OutputError

SHARED = Path(os.environ.get("ASGN_SHARED", Path(__file__).parents[2] / ".." / "shared")) / "data"
HEIGHT, WIDTH = 120, 160
CATEGORIES = (
    (1, "person", 1), (2, "car", 1), (3, "truck", 1), (4, "dog", 1), (5, "video foreground", 1), (6, "tree-merged", 0),
    (7, "window-other", 0), (8, "sky-other-merged", 0), (9, "kite", 1), (10, "grass-merged", 0), (11, "dress", 1),
)  # fmt: skip
RED, BLUE, GREEN = (205, 30, 30), (40, 60, 220), (40, 150, 60)


class Photographs:
    """Grey noise with coloured boxes, each box (x, y, width, height) one annotation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images: list[dict] = []
        self.annotations: list[dict] = []
        self.masks: dict[int, np.ndarray] = {}
        (folder / "images").mkdir(parents=True)

    def add(self, *boxes: tuple, **fields: object) -> None:
        """A photograph of boxes (category, x, y, width, height, colour, further fields of the annotation)."""
        number = len(self.images) + 1
        pixels = np.random.default_rng(number).integers(90, 150, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        for category, x, y, width, height, colour, *rest in boxes:
            pixels[y : y + height, x : x + width] = colour
            key = len(self.annotations) + 1
            mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
            mask[y : y + height, x : x + width] = True
            polygon = [x, y, x + width, y, x + width, y + height, x, y + height]
            entry = {"id": key, "image_id": number, "category_id": category, "segmentation": [polygon], "iscrowd": 0}
            self.annotations.append(entry | (rest[0] if rest else {}))
            self.masks[key] = mask
        name = f"{number}.png"
        Pillow.fromarray(pixels).save(self.folder / "images" / name)
        self.images.append({"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH, **fields})

    def write(self) -> Path:
        categories = [{"id": key, "name": name, "isthing": thing} for key, name, thing in CATEGORIES]
        document = {"images": self.images, "annotations": self.annotations, "categories": categories}
        path = self.folder / "annotations.json"
        path.write_text(json.dumps(document))
        return path

    def said(self, out: Path, **options) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Kind and annotations of all that is said of a single photograph, by text."""
        annotate(self.write(), None, out, **{"per_object": 500, **options})
        return plainly(rows(out))


def plainly(lines: list[dict]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Kind and annotations by text, without its article and the mention of the picture."""
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    for row in lines:
        text = re.sub(r" (in|of) (the|this) (picture|photo|image|pic)$", "", re.sub("^(the|an?) ", "", row["phrase"]))
        value = row["kind"], tuple(row["annotations"])
        assert found.setdefault(text, value) == value, text
    return found


def rows(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "expressions.jsonl").read_text().splitlines()]


def means(said: dict, phrase: str) -> set[tuple[int, ...]]:
    """What is meant by the texts that start with, or place, these words: "left car" is also "car on the left"."""
    first, second = phrase.split()
    return {
        ids for text, (_, ids) in said.items() if ids and re.match(rf"{first} {second}$|{second} .*\b{first}\b", text)
    }


def words(texts) -> set[str]:
    return {word for text in texts for word in text.split()}


def meant(said: dict) -> set[int]:
    return {key for _, ids in said.values() for key in ids}


@pytest.fixture
def photographs(tmp_path) -> Photographs:
    return Photographs(tmp_path / "photographs")


def park(photographs: Photographs, count: int = 1) -> None:
    """A red and a blue car, a person and a dog, under a sky: nothing touches its like."""
    for place in range(count):
        step = place % 7
        photographs.add(
            (2, 4 + step, 60, 40, 24, RED), (2, 112 - step, 60, 40, 24, BLUE), (1, 64, 40 + step, 16, 50, GREEN),
            (4, 84, 92, 24, 16, (124, 70, 30)), (8, 0, 0, WIDTH, 30, (120, 180, 240)),
        )  # fmt: skip


def test_what_is_said_means_the_annotated_objects(photographs, tmp_path):
    park(photographs)
    said = photographs.said(tmp_path / "out")
    assert said["red car"] == ("colour", (1,))
    assert said["blue car"] == ("colour", (2,))
    assert means(said, "left car") == {(1,)}
    assert means(said, "right car") == {(2,)}
    assert {said[text] for text in said if text in ("both cars", "the two cars")} == {("plural", (1, 2))}
    assert said["person"] == ("category", (3,))
    assert said["sky"] == ("stuff", (5,))
    assert "car" not in said
    assert any(kind == "relation" and ids == (4,) for kind, ids in said.values())
    absent = {text for text, (kind, ids) in said.items() if not ids}
    assert absent
    assert all(said[text][0] == "absent" for text in absent)
    assert words(absent) & {"car", "dog", "person"}, "absent phrases about what is there, but not so"


def test_the_set_can_be_opened_and_its_masks_are_the_annotations(photographs, tmp_path):
    park(photographs, 6)
    made = annotate(photographs.write(), photographs.folder / "images", tmp_path / "out", val_share=0.34)
    opened = {split: open_dataset("own", tmp_path / "out", split) for split in ("train", "val")}
    texts = [expression.text for data in opened.values() for expression in data.expressions]
    assert (made.images, made.objects, made.described) == (6, 30, 30)
    assert (made.images_described, made.annotations) == (6, 30)
    assert made.phrases == len(texts) == sum(made.kinds.values())
    assert made.distinct == len(set(texts))
    assert made.splits == {split: len(data.expressions) for split, data in opened.items()}
    images = {split: {item.image_id for item in data.expressions} for split, data in opened.items()}
    assert len(images["val"]) == 2
    assert images["train"] | images["val"] == set(range(1, 7))
    assert not images["train"] & images["val"]
    for data in opened.values():
        for expression in data.expressions:
            union = np.zeros((HEIGHT, WIDTH), dtype=bool)
            for key in expression.annotation_ids:
                union |= photographs.masks[key]
            assert (data.mask(expression) == union).all()
            assert data.image(expression.image_id).shape == (HEIGHT, WIDTH, 3)


def test_no_text_occurs_twice_over_a_photograph(photographs, tmp_path):
    park(photographs, 3)
    annotate(photographs.write(), None, tmp_path / "out", per_object=500)
    keys = [(row["image"], row["phrase"]) for row in rows(tmp_path / "out")]
    assert len(keys) == len(set(keys)) > 100


def test_the_seed_decides_and_other_images_do_not(photographs, tmp_path):
    park(photographs, 4)
    source = photographs.write()
    texts = []
    for name, options in (("a", {}), ("b", {}), ("c", {"seed": 1}), ("d", {"limit": 2})):
        annotate(source, None, tmp_path / name, **options)
        texts.append((tmp_path / name / "expressions.jsonl").read_text())
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]
    assert texts[0].startswith(texts[3])
    assert {row["image"] for row in rows(tmp_path / "d")} == {"1.png", "2.png"}


def test_polygons_codes_and_panoptic_files_give_the_same(photographs, tmp_path):
    park(photographs, 2)
    annotate(photographs.write(), None, tmp_path / "polygons")
    expected = (tmp_path / "polygons" / "expressions.jsonl").read_text()
    segments = photographs.folder / "panoptic"
    segments.mkdir()
    colours = defaultdict(lambda: np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8))
    infos = defaultdict(list)
    for entry in photographs.annotations:
        key, mask = entry["id"], photographs.masks[entry["id"]]
        code = encode_rle(mask)
        runs = np.diff(np.flatnonzero(np.diff(np.concatenate(([0], mask.T.ravel(), [2])))), prepend=0).tolist()
        entry["segmentation"] = code if key % 2 else {"size": code["size"], "counts": runs}
        number = 70_000 + 300 * key
        colours[entry["image_id"]][mask] = number % 256, number // 256 % 256, number // 65536
        infos[entry["image_id"]].append({"id": number, "category_id": entry["category_id"], "iscrowd": 0})
    annotate(photographs.write(), None, tmp_path / "codes")
    assert (tmp_path / "codes" / "expressions.jsonl").read_text() == expected
    for image, pixels in colours.items():
        Pillow.fromarray(pixels).save(segments / f"{image}.png")
    document = json.loads(photographs.write().read_text())
    document["annotations"] = [
        {"image_id": image, "file_name": f"{image}.png", "segments_info": found} for image, found in infos.items()
    ]
    panoptic = photographs.folder / "panoptic.json"
    panoptic.write_text(json.dumps(document))
    annotate(panoptic, None, tmp_path / "panoptic")
    assert (tmp_path / "panoptic" / "expressions.jsonl").read_text() == expected
    data = open_dataset("own", tmp_path / "panoptic", "train")
    red = next(item for item in data.expressions if "red car" in item.text and item.annotation_ids)
    assert (data.mask(red) == photographs.masks[red.annotation_ids[0]]).all()
    (segments / "2.png").unlink()
    with pytest.raises(DataError, match=r"2\.png"):
        annotate(panoptic, None, tmp_path / "panoptic")


@pytest.mark.parametrize("field", ["iscrowd", "panoptic_iscrowd"])
def test_nothing_of_a_crowds_kind_is_referred_to(photographs, tmp_path, field):
    photographs.add((1, 5, 40, 16, 50, GREEN), (1, 100, 40, 50, 50, RED, {field: 1}), (4, 60, 80, 30, 20, BLUE))
    said = photographs.said(tmp_path / "out")
    assert meant(said) == {3}
    assert "person" not in words(text for text, (_, ids) in said.items() if ids)


def test_tiny_and_cut_off_objects_and_drawn_ones_that_touch_are_only_distractors(photographs, tmp_path):
    photographs.add((4, 20, 40, 30, 30, RED), (4, 100, 80, 8, 8, BLUE), (1, 60, 40, 30, 60, GREEN))
    drawn = {"score": 0.99}
    boxes = ((2, 20, 40, 30, 30, RED, drawn), (2, 50, 40, 30, 30, BLUE, drawn), (4, 110, 80, 30, 30, GREEN, drawn))
    photographs.add(*boxes, source="net")
    photographs.add((4, 0, 100, 14, 20, RED), (1, 60, 40, 30, 60, GREEN))
    annotate(photographs.write(), None, tmp_path / "out", per_object=500)
    lines = rows(tmp_path / "out")
    by_image = {name: plainly([row for row in lines if row["image"] == name]) for name in ("1.png", "2.png", "3.png")}
    assert meant(by_image["1.png"]) == {1, 3}
    assert not {"dog"} & set(by_image["1.png"]), "the tiny dog may be meant"
    assert means(by_image["1.png"], "left dog") == {(1,)}
    assert meant(by_image["2.png"]) == {6}
    assert meant(by_image["3.png"]) == {8}


def test_people_tell_apart_what_people_outlined_though_it_touches(photographs, tmp_path):
    photographs.add((2, 20, 40, 30, 30, RED), (2, 50, 40, 30, 30, BLUE))
    said = photographs.said(tmp_path / "out")
    assert means(said, "left car") == {(1,)}
    assert means(said, "red car") == {(1,)}
    assert means(said, "both cars") == {(1, 2)}


def test_people_are_told_by_what_they_wear_and_carry(photographs, tmp_path):
    photographs.add((1, 20, 20, 20, 80, RED), (11, 24, 60, 12, 30, BLUE), (1, 110, 20, 20, 80, GREEN))
    said = photographs.said(tmp_path / "out")
    meant_by = {text: ids for text, (_, ids) in said.items()}
    assert meant_by["person wearing dress"] == (1,)
    dressed = {"red": (1,), "green": (3,)}
    for colour, ids in dressed.items():
        found = {ids for text, ids in meant_by.items() if re.match(f"person (in|wearing|with) {colour}\\b", text)}
        assert found - {()} == {ids}
    assert not any(text.startswith(("dress next to", "dress by")) for text in said), "nobody finds a dress so"


def test_lookalikes_keep_a_name_from_being_enough(photographs, tmp_path):
    photographs.add((2, 10, 40, 40, 30, RED), (3, 105, 40, 40, 30, BLUE))
    said = photographs.said(tmp_path / "out")
    assert not {"car", "truck"} & set(said)
    assert means(said, "left car") == {(1,)}
    assert means(said, "right truck") == {(2,)}


def test_what_has_no_name_may_be_anything(photographs, tmp_path):
    photographs.add((5, 105, 40, 40, 30, BLUE), (4, 10, 40, 40, 30, RED))
    said = photographs.said(tmp_path / "out")
    assert not words(said) & {"foreground", "video", "object"}
    assert not {"dog"} & set(said)
    assert meant(said) == {2}
    assert means(said, "left dog") == {(2,)}
    assert not any(kind == "absent" and "kite" in text for text, (kind, _) in said.items())


def test_people_have_no_colour_and_no_size(photographs, tmp_path):
    photographs.add((1, 20, 20, 20, 80, RED), (1, 110, 50, 12, 40, BLUE), (2, 50, 100, 40, 18, RED))
    said = photographs.said(tmp_path / "out")
    of_people = [text for text in said if {"person", "people"} & set(text.split())]
    assert len(of_people) > 10
    assert not words(of_people) & {"big", "small", "bigger", "smaller", "tiny", "little", "huge", "large"}
    assert not any("red person" in text or "blue person" in text for text in said)
    assert "red car" in said


def test_a_photograph_without_colour_has_no_colour_words(photographs, tmp_path):
    photographs.add((2, 10, 40, 40, 30, (20, 20, 20)), (2, 105, 40, 40, 30, (250, 250, 250)))
    path = photographs.folder / "images" / "1.png"
    Pillow.open(path).convert("L").convert("RGB").save(path)
    said = photographs.said(tmp_path / "out")
    assert means(said, "left car") == {(1,)}
    assert not words(text for text, (_, ids) in said.items() if ids) & {"black", "white", "gray", "grey"}


def test_regions_that_merge_many_are_plural_and_broken_ones_unnamed(photographs, tmp_path):
    park(photographs)
    two_panes = [[10, 34, 40, 34, 40, 54, 10, 54], [120, 34, 150, 34, 150, 54, 120, 54]]
    two_woods = [[0, 90, 60, 90, 60, 120, 0, 120], [100, 112, 160, 112, 160, 120, 100, 120]]
    for category, outline in ((7, two_panes), (6, two_woods)):
        key = len(photographs.annotations) + 1
        photographs.annotations.append(
            {"id": key, "image_id": 1, "category_id": category, "segmentation": outline, "iscrowd": 0}
        )
    said = photographs.said(tmp_path / "out")
    assert not any("window" in text for text, (_, ids) in said.items() if ids)
    assert said["trees"] == ("stuff", (7,))
    assert "tree" not in words(said)


@pytest.mark.parametrize(
    ("box", "score", "is_said"),
    [
        ((60, 20, 40, 80), 0.95, True),
        ((60, 20, 40, 80), 0.85, False),  # unsure
        ((20, 50, 100, 40), 0.95, False),  # wide as a row of people
        ((60, 20, 8, 14), 0.95, False),  # tiny
    ],
)
def test_what_a_network_drew_is_said_only_where_it_is_surely_one(photographs, tmp_path, box, score, is_said):
    photographs.add((1, *box, RED, {"score": score}), (4, 120, 10, 30, 30, GREEN, {"score": 0.99}))
    said = photographs.said(tmp_path / "out")
    assert (1 in meant(said)) == is_said
    assert 2 in meant(said)
    assert not {kind for kind, _ in said.values()} & {"ordinal", "plural"}


def test_heads_are_counted():
    mask = np.zeros((100, 100), dtype=bool)
    mask[50:90, 20:60] = True
    assert heads(mask) == 1
    mask[20:50, 22:32] = True
    assert heads(mask) == 1
    mask[24:50, 46:56] = True
    assert heads(mask) == 2
    assert not is_one_object(mask, "dog", 0.99)
    ragged = np.zeros((100, 100), dtype=bool)
    ragged[10:90, 10:25] = ragged[75:90, 10:90] = True
    assert heads(ragged) == 1
    assert not is_one_object(ragged, "cat", 0.99)


def test_partial_sources_are_known_by_their_few_annotations(photographs):
    photographs.add((1, 5, 5, 20, 60, RED), source="clips")
    photographs.add((4, 5, 5, 20, 60, RED), source="clips")
    for _ in range(2):
        photographs.add((1, 5, 5, 20, 60, RED), (2, 60, 5, 20, 60, RED), source="whole")
    photographs.add((1, 5, 5, 20, 60, RED, {"score": 0.9}), (2, 60, 5, 20, 60, RED, {"score": 0.9}), source="net")
    photographs.add((4, 5, 5, 20, 60, RED, {"score": 0.9}), (1, 60, 5, 20, 60, RED, {"score": 0.9}), source="net")
    photographs.add((4, 5, 5, 20, 60, RED), (1, 60, 5, 20, 60, RED), (3, 90, 5, 20, 60, RED), source="whole")
    sources = Sources(read_instances(photographs.write()))
    assert [sources.is_partial(image) for image in range(1, 8)] == [True, True, False, False, True, True, False]
    assert sources.absent_categories(1, {1}) == set()
    assert sources.absent_categories(3, {1, 2}) == {3, 4}
    assert sources.absent_categories(5, {2}) == {4}, "never seen beside a car"
    assert sources.absent_categories(5, {1, 2}) == set()


def test_names_are_those_of_everyday():
    assert everyday_noun("wall-brick", True).name == "brick wall"
    assert everyday_noun("tree-merged", True).forms == (("trees", "trees"),)
    assert everyday_noun("crab_(animal)", False).forms == (("crab", "crabs"),)
    assert everyday_noun("couch", False).forms == (("couch", "couches"), ("sofa", "sofas"))
    assert everyday_noun("couch", False, {"sofa"}).forms == (("couch", "couches"),)
    assert [everyday_noun(label, False) for label in ("video foreground", "void", "unlabeled", "")] == [None] * 4
    mixed = confusable_names({"car", "truck", "brick wall", "wall", "trees", "tree", "handbag", "backpack", "cat"})
    assert mixed["car"] == {"truck"}
    assert mixed["wall"] == {"brick wall"}
    assert mixed["tree"] == {"trees"}
    assert mixed["handbag"] == {"backpack"}
    assert mixed["cat"] == frozenset()


def test_styles_change_the_words_but_not_the_sense():
    square = np.zeros((10, 10), dtype=bool)
    square[2:5, 2:5] = True
    objects = [SceneObject.from_mask(square, 7, Noun.of("orange"))]
    phrases = [Phrase(text, "position", (7,)) for text in ("orange on the left", "left orange", "the orange at top")]
    phrases += [Phrase("orange", "category", (7,)), Phrase("an orange", "absent", ()), Phrase("kite", "absent", ())]
    seen = set()
    for seed in range(40):
        styled = restyled(phrases, objects, random.Random(seed))
        assert [(item.kind, item.annotation_ids) for item in styled] == [(p.kind, p.annotation_ids) for p in phrases]
        assert len({item.text for item in styled}) == len(phrases)
        seen |= {item.text for item in styled}
    assert {"an orange on the left", "left orange", "orange in the photo", "kite"} <= seen
    assert not seen & {"a left orange", "a the orange at top", "a kite", "a orange on the left"}


def test_some_phrases_do_not_hold_in_a_photograph():
    low = np.zeros((100, 100), dtype=bool)
    low[60:, :] = True
    grass = SceneObject.from_mask(low, 1, Noun.of("grass"), is_stuff=True)
    tie = SceneObject.from_mask(low, 2, Noun.of("tie"))
    said = {
        ("stuff", "grass in the background", 1): False, ("stuff", "the grass", 1): True,
        ("relation", "tie below person", 2): False, ("position", "tie at the bottom", 2): True,
        ("position", "tie on the left", 2): False,  # it lies in the middle
        ("ordinal", "second tie from the bottom", 2): False, ("ordinal", "second tie from the left", 2): True,
    }  # fmt: skip
    for (kind, text, key), expected in said.items():
        assert holds(Phrase(text, kind, (key,)), [grass, tie], partial=False) == expected, text
    assert not holds(Phrase("second tie from the left", "ordinal", (2,)), [tie], partial=True)
    for text in ("smaller one of the two ties", "biggest tie", "small tie"):  # there may be a third, not annotated
        assert not holds(Phrase(text, "size", (2,)), [tie], partial=True)
        assert holds(Phrase(text, "size", (2,)), [tie], partial=False)
    assert holds(Phrase("big tie", "size", (2,)), [tie], partial=True)


def test_what_is_seen_around_another_thing_is_not_in_the_middle():
    around = np.zeros((100, 100), dtype=bool)
    around[20:80, 10:90] = True
    whole = SceneObject.from_mask(around, 1, Noun.of("table"))
    around[25:78, 18:84] = False
    ring = SceneObject.from_mask(around, 2, Noun.of("table"))
    for text in ("table in the middle", "central table", "table at the center of the photo"):
        assert holds(Phrase(text, "position", (1,)), [whole], partial=False)
        assert not holds(Phrase(text, "position", (2,)), [ring], partial=False)
    assert holds(Phrase("table", "category", (2,)), [ring], partial=False)


def test_lower_in_a_photograph_is_not_underneath():
    high, low = np.zeros((100, 100), dtype=bool), np.zeros((100, 100), dtype=bool)
    high[10:30, 40:60], low[60:80, 40:60] = True, True
    book, cake = (SceneObject.from_mask(mask, key, Noun.of(name)) for key, (mask, name) in
                  enumerate(((high, "book"), (low, "cake"))))  # fmt: skip
    said = {text: holds(Phrase(text, "relation", (1,)), [book, cake], partial=False)
            for text in ("cake below the book", "cake under the book", "cake beneath the book")}  # fmt: skip
    assert said == {"cake below the book": True, "cake under the book": False, "cake beneath the book": False}


def test_a_photograph_that_cannot_be_judged_is_left_out(photographs, tmp_path):
    park(photographs, 3)
    (photographs.folder / "images" / "2.png").unlink()
    photographs.annotations[-1]["segmentation"] = [[1, 2, 3, 4]]
    made = annotate(photographs.write(), None, tmp_path / "out")
    assert {row["image"] for row in rows(tmp_path / "out")} == {"1.png"}
    assert len(made.skipped) == 2
    assert "2.png" in made.skipped[0]
    assert "polygon with 4 numbers" in made.skipped[1]


def test_mistakes_are_named(photographs, tmp_path):
    park(photographs)
    source = photographs.write()
    with pytest.raises(DataError, match=r"no folder .*nowhere.*--images"):
        annotate(source, tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "taken" / "images").mkdir(parents=True)
    with pytest.raises(OutputError, match="with other images"):
        annotate(source, None, tmp_path / "taken")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(DataError, match="not a COCO instances file"):
        annotate(tmp_path / "list.json", photographs.folder / "images", tmp_path / "out")
    empty = Photographs(tmp_path / "empty")
    empty.add((4, 100, 80, 6, 6, BLUE))
    with pytest.raises(DataError, match="can be described"):
        annotate(empty.write(), None, tmp_path / "out")
    assert not (tmp_path / "out" / "expressions.jsonl").exists()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_set_that_is_there_stays_whole_when_making_another_fails(photographs, tmp_path, monkeypatch):
    park(photographs)
    out = tmp_path / "out"
    annotate(photographs.write(), None, out)
    before = contents(out)
    tiny = Photographs(tmp_path / "tiny")
    tiny.add((4, 100, 80, 6, 6, BLUE))
    source = tiny.write()
    (out / "images").unlink()
    (out / "images").mkdir()
    with pytest.raises(OutputError, match="other images"):
        annotate(source, None, out)
    (out / "images").rmdir()
    (out / "images").symlink_to(photographs.folder / "images")
    with pytest.raises(DataError, match="can be described"):
        annotate(source, None, out)
    monkeypatch.setattr("asgn.data.photographs.annotate._line", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        annotate(photographs.write(), None, out, seed=1)
    assert contents(out) == before
    assert (out / "images").samefile(photographs.folder / "images")
    assert len(open_dataset("own", out, "train").expressions) > 20


@pytest.mark.parametrize("file", ["expressions.csv", "refs(mine).p"])
def test_another_list_of_expressions_is_not_written_over(photographs, tmp_path, file):
    park(photographs)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / file).write_text("")
    with pytest.raises(OutputError, match="another list of expressions"):
        annotate(photographs.write(), None, tmp_path / "out")


@pytest.mark.parametrize("name", ["1.png", "caf\u00e9.png"])
def test_two_images_of_one_name_are_refused(photographs, tmp_path, name):
    park(photographs, 2)
    photographs.images[0]["file_name"] = name
    photographs.images[1]["file_name"] = unicodedata.normalize("NFD", name)
    with pytest.raises(DataError, match="images 1 and 2 have one file name"):
        annotate(photographs.write(), None, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def why_nothing(photographs: Photographs, out: Path, **document) -> str:
    path = photographs.write()
    path.write_text(json.dumps(json.loads(path.read_text()) | document))
    with pytest.raises(DataError, match="can be described: ") as caught:
        annotate(path, None, out)
    return str(caught.value).partition("can be described: ")[2]


def test_it_is_said_why_nothing_can_be_described(photographs, tmp_path):
    assert why_nothing(photographs, tmp_path / "out") == "it has no annotations"
    photographs.add((4, 60, 40, 30, 30, RED, {"iscrowd": 1}), (4, 10, 40, 30, 30, RED), (2, 100, 80, 6, 6, RED))
    reasons = "2 annotations are crowds or of a crowd's kind; 1 annotations are too small"
    assert why_nothing(photographs, tmp_path / "out") == reasons
    expected = "3 annotations are of a category that the file does not list"
    assert why_nothing(photographs, tmp_path / "out", categories=[]) == expected
    others = [{"id": 40 + key, "name": "cat"} for key in range(3)]
    assert why_nothing(photographs, tmp_path / "out", categories=others) == expected
    nameless = [{"id": key, "name": "void"} for key in (2, 4)]
    assert "3 annotations are of a category that is no name" in why_nothing(
        photographs, tmp_path / "out", categories=nameless
    )
    (photographs.folder / "images" / "1.png").unlink()
    assert "1 images are left out (no image at" in why_nothing(photographs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("label", ["hot-dog", "T-shirt", "person's shirt", "left_person", "glasses", "caf\u00e9 chair"])
def test_names_come_as_they_are_spelled(photographs, tmp_path, label):
    photographs.add((99, 60, 40, 40, 40, RED), (8, 0, 0, WIDTH, 30, (120, 180, 240)))
    path = photographs.write()
    document = json.loads(path.read_text())
    document["categories"].append({"id": 99, "name": label})
    path.write_text(json.dumps(document))
    annotate(path, None, tmp_path / "out", per_object=100)
    expected = {"hot-dog": "hot dog", "T-shirt": "t-shirt", "left_person": "left person"}.get(label, label)
    assert plainly(rows(tmp_path / "out"))[expected] == ("category", (1,))
    assert verify("own", tmp_path / "out").ok


def test_a_folder_can_be_made_a_set_in_place(photographs):
    park(photographs)
    source = photographs.write().rename(photographs.folder / "instances.json")
    before = source.read_bytes()
    for _ in range(2):
        annotate(source, None, photographs.folder)
        assert source.read_bytes() == before
        assert len(open_dataset("own", photographs.folder, "train").expressions) > 20


def check_shared(name: str, out: Path, **options) -> Annotated:
    if not (SHARED / name).is_dir():
        pytest.skip(f"no {SHARED / name}: set ASGN_SHARED to the folder that holds data/{name}")
    made = annotate(SHARED / name / "instances.json", None, out, **options)
    assert made.skipped == []
    assert made.about_objects >= 5 * made.objects
    assert made.described >= 0.7 * made.objects
    return made


def test_photographs_drawn_by_people_give_enough_phrases(tmp_path):
    made = check_shared("photorefer", tmp_path)
    assert made.distinct >= 3000
    names = words(row["phrase"] for row in rows(tmp_path))
    assert not names & {"merged", "other", "foreground", "stuff", "object"}


def test_photographs_drawn_by_a_network_give_enough_phrases(tmp_path):
    made = check_shared("pseudo", tmp_path, limit=300)
    assert set(made.kinds) <= {"category", "colour", "size", "position", "relation", "absent"}
