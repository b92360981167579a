"""Referring expressions from hand-placed, random and drawn objects.

The reader of simple phrases below shares no code with the generator: words in, the objects they mean out.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgn.data.expressions.arrangement import Arrangement, indices
from asgn.data.expressions.generate import KIND_SHARES, AbsentNouns, choose, describe
from asgn.data.expressions.nouns import Noun, plural, readable_name, singulars
from asgn.data.expressions.predicates import SceneObject
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.data.synthetic.scenes import GENERIC

NOUNS = {
    "circle": "circle", "disk": "circle", "square": "square", "triangle": "triangle", "star": "star", "ring": "ring",
    "hoop": "ring", "cross": "cross", "plus sign": "cross", "heart": "heart", "hexagon": "hexagon",
    "diamond": "diamond", "frame": "frame", "picture frame": "frame", "dog": "dog", "car": "car", "person": "person",
    "shape": None, "object": None, "thing": None,
}  # fmt: skip
COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "violet", "pink", "brown", "black", "white", "gray", "grey",
)  # fmt: skip
SPELT = {"violet": "purple", "grey": "gray"}
ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "1st": 0, "2nd": 1, "3rd": 2, "4th": 3}


@dataclass(frozen=True)
class Seen:
    """A thing as somebody looking at the picture would note it down."""

    id: int
    noun: str
    colour: str | None
    x: float
    y: float
    size: float


def read(text: str, things: Sequence[Seen]) -> set[int] | None:
    """The ids that a phrase means, or None where this reader does not know its form."""
    words = text.removeprefix("the ")
    for reader in (_plural, _superlative, _ordinal, _size, _relation, _side, _plain):
        found = reader(words, things)
        if found is not None:
            return found
    return None


def _fitting(words: str, things: Sequence[Seen]) -> list[Seen] | None:
    """Things that "red square" or "shape" fits."""
    words = words.removeprefix("the ")
    colour, _, rest = words.partition(" ")
    colour, noun = (SPELT.get(colour, colour), rest) if colour in COLOURS else (None, words)
    if noun not in NOUNS:
        return None
    wanted = NOUNS[noun]
    return [
        item for item in things
        if (wanted is None or item.noun == wanted) and (colour is None or item.colour == colour)
    ]  # fmt: skip


def _plain(words: str, things: Sequence[Seen]) -> set[int] | None:
    found = _fitting(words, things)
    return None if found is None else {item.id for item in found}


def _plural(words: str, things: Sequence[Seen]) -> set[int] | None:
    determiner = r"(?:all of the |all the |all |both of the |both |the two |two |pair of )?"
    match = re.fullmatch(determiner + r"(.*?)(s|es|people)", words)
    if match is None:
        return None
    stem = match[1] + ("person" if match[2] == "people" else "")
    return _plain(stem, things) if stem.split(" ")[-1] in NOUNS else None


def _from_side(side: str, item: Seen) -> float:
    return {"left": item.x, "right": -item.x, "top": item.y, "bottom": -item.y}[side]


def _superlative(words: str, things: Sequence[Seen]) -> set[int] | None:
    for pattern in (
        r"(?P<s>left|right|top|bottom)most (?P<n>.*)",
        r"far (?P<s>left|right) (?P<n>.*)",
        r"(?P<n>.*) on (?:the )?far (?P<s>left|right)",
        r"(?P<n>.*) closest to the (?P<s>top|bottom)",
    ):
        match = re.fullmatch(pattern, words)
        if match and (found := _fitting(match["n"], things)):
            return {min(found, key=lambda item: _from_side(match["s"], item)).id}
    return None


def _ordinal(words: str, things: Sequence[Seen]) -> set[int] | None:
    match = re.fullmatch(r"(\w+) (.*?) ?from (?:the )?(left|right|top|bottom)", words)
    if match is None or match[1] not in ORDINALS:
        return None
    found = _fitting(match[2] or "thing", things) if match[2] != "one" else list(things)
    if not found:
        return None
    return {sorted(found, key=lambda item: _from_side(match[3], item))[ORDINALS[match[1]]].id}


def _size(words: str, things: Sequence[Seen]) -> set[int] | None:
    match = re.fullmatch(r"(biggest|largest|bigger|larger|smallest|littlest|smaller) (.*)", words)
    if match is None or not (found := _fitting(match[2], things)):
        return None
    sign = 1 if match[1].startswith(("b", "la")) else -1
    return {max(found, key=lambda item: sign * item.size).id}


def _relation(words: str, things: Sequence[Seen]) -> set[int] | None:
    match = re.fullmatch(r"(.*?) (left of|right of|to the left of|to the right of|above|below|under) (.*)", words)
    if match is None:
        return None
    targets, anchors = _fitting(match[1], things), _fitting(match[3], things)
    if targets is None or anchors is None or len(anchors) != 1:
        return None
    sides = {"above": "top", "below": "bottom", "under": "bottom"}
    side = sides.get(match[2]) or ("left" if "left" in match[2] else "right")
    (anchor,) = anchors
    return {item.id for item in targets if _from_side(side, item) < _from_side(side, anchor)}


def _side(words: str, things: Sequence[Seen]) -> set[int] | None:
    match = re.fullmatch(r"(.*) (?:on the|on|to the|at the|near the) (left|right|top|bottom)", words)
    if match is None or (found := _fitting(match[1], things)) is None:
        return None
    middle = 0.5 if match[2] in ("left", "top") else -0.5
    return {item.id for item in found if _from_side(match[2], item) < middle}


DOG, CAR, PERSON, SKY = Noun.of("dog"), Noun.of("car"), Noun.of("person"), Noun.of("sky")


def thing(id: int, noun: Noun, x: float, y: float = 0.5, side: float = 0.1, **more) -> SceneObject:
    """A square object around a place."""
    half = side / 2
    return SceneObject(id, noun, x, y, (x - half, y - half, x + half, y + half), side**2, side, **more)


def meanings(objects: Sequence[SceneObject], **options) -> dict[str, tuple[int, ...]]:
    """Every wording that many draws bring, with what it means."""
    found: dict[str, tuple[int, ...]] = {}
    for seed in range(12):
        for phrase in describe(objects, random.Random(seed), wordings=40, redundant=1.0, **options):
            assert found.setdefault(phrase.text, phrase.annotation_ids) == phrase.annotation_ids
    return found


def test_two_dogs_side_by_side():
    found = meanings([thing(7, DOG, 0.25), thing(9, DOG, 0.75)])
    for text in ("left dog", "the left dog", "dog on the left", "dog on left", "leftmost dog", "dog on far left"):
        assert found[text] == (7,), text
    for text in ("right dog", "dog on right", "dog to the right", "rightmost dog"):
        assert found[text] == (9,), text
    for text in ("both dogs", "the two dogs", "all dogs"):
        assert found[text] == (7, 9), text
    assert "dog" not in found
    assert not any(word in text for text in found for word in ("top", "bottom", "big", "small", "middle"))


def test_close_dogs_have_no_side():
    found = meanings([thing(7, DOG, 0.46), thing(9, DOG, 0.52)])
    assert not any(word in text for text in found for word in ("left", "right"))


def test_a_dog_at_the_border_of_the_half_is_in_doubt():
    """The second is not surely off the left half, and not clearly right of the first."""
    found = meanings([thing(7, DOG, 0.38), thing(9, DOG, 0.44)])
    assert "dog on the left" not in found


def test_left_is_not_said_of_what_lies_right():
    found = meanings([thing(7, DOG, 0.65), thing(9, DOG, 0.9)])
    assert not any("left" in text for text in found)
    assert found["rightmost dog"] == (9,)


def test_ordinals_count_a_row():
    found = meanings([thing(4, DOG, 0.9), thing(1, DOG, 0.1), thing(3, DOG, 0.6), thing(2, DOG, 0.35)])
    assert found["second dog from the left"] == (2,)
    assert found["3rd dog from left"] == (3,)
    assert found["second from right"] == (3,)
    assert "fourth dog from the left" not in found


def test_ordinals_stop_where_the_order_is_unclear():
    found = meanings([thing(1, DOG, 0.1), thing(2, DOG, 0.4), thing(3, DOG, 0.42), thing(4, DOG, 0.9)])
    assert found["leftmost dog"] == (1,)
    assert not any("second" in text and "left" in text for text in found)


def test_sizes_need_a_clear_difference():
    clear = meanings([thing(1, DOG, 0.3, side=0.1), thing(2, DOG, 0.7, side=0.2)])
    assert clear["bigger dog"] == clear["big dog"] == clear["larger dog"] == (2,)
    assert clear["smaller dog"] == clear["small dog"] == (1,)
    alike = meanings([thing(1, DOG, 0.3, side=0.1), thing(2, DOG, 0.7, side=0.12)])
    assert not any(word in text for text in alike for word in ("big", "large", "small", "little", "tiny", "huge"))


def test_colours_and_doubt_about_them():
    sure = [thing(1, CAR, 0.3, colour="white"), thing(2, CAR, 0.7, colour="red")]
    assert meanings(sure)["white car"] == (1,)
    unknown = [sure[0], replace(sure[1], colour=None)]
    assert "white car" not in meanings(unknown)
    assert meanings(unknown)["leftmost white car"] == (1,), "whether or not the other is white"
    similar = [sure[0], replace(sure[1], colour="gray")]
    assert "white car" not in meanings(similar)
    assert "gray car" not in meanings(similar)


def test_relations_to_another_object():
    found = meanings([thing(1, PERSON, 0.3), thing(2, PERSON, 0.85), thing(3, CAR, 0.42)])
    assert found["person next to the car"] == found["person left of the car"] == found["person beside car"] == (1,)
    assert found["person right of the car"] == (2,)
    assert found["person closest to the car"] == (1,)
    above = meanings([thing(1, PERSON, 0.5, 0.2), thing(2, PERSON, 0.5, 0.8), thing(3, CAR, 0.5, 0.5)])
    assert above["person above the car"] == above["person over the car"] == (1,)
    assert above["person under the car"] == above["person below car"] == (2,)


def test_between_two_others():
    things = [thing(1, PERSON, 0.1), thing(2, CAR, 0.9), thing(3, DOG, 0.5), thing(4, DOG, 0.5, 0.95)]
    assert meanings(things)["dog between the person and the car"] == (3,)


def test_corners_and_the_middle():
    things = [thing(1, DOG, 0.15, 0.85), thing(2, DOG, 0.5), thing(3, DOG, 0.9, 0.2)]
    found = meanings(things)
    assert found["bottom left dog"] == found["dog in the lower left corner"] == (1,)
    assert found["dog in the middle"] == found["middle dog"] == found["dog in middle"] == (2,)
    assert found["top right dog"] == (3,)


def test_middle_is_not_said_of_the_last_of_three():
    found = meanings([thing(1, DOG, 0.1), thing(2, DOG, 0.25), thing(3, DOG, 0.52)])
    assert not any("middle" in text or "center" in text for text in found)


def test_photographs_are_spoken_of_in_more_ways():
    objects = [
        thing(1, DOG, 0.15, side=0.2), thing(2, CAR, 0.5, side=0.6), thing(3, PERSON, 0.88, 0.2, side=0.2),
    ]  # fmt: skip
    plain, said = meanings(objects), meanings(objects, is_photograph=True)
    assert plain.items() <= said.items()
    expected = {
        "dog on your left": 1, "dog in the left third": 1, "dog far to the left": 1, "left hand dog": 1,
        "big car": 2, "car filling much of the picture": 2, "big car in the middle": 2, "central car": 2,
        "person in the top right of the picture": 3, "person in the upper part of the picture": 3,
        "right hand person": 3, "dog in the scene": 1,
    }  # fmt: skip
    assert {text: said.get(text) for text in expected} == {text: (key,) for text, key in expected.items()}
    assert not any(re.search("edge|cut off|out of the", text) for text in said)  # the dog ends short of the edge
    assert not any(re.search("(big|large|huge) (dog|person)", text) for text in said)
    cut = [thing(1, DOG, 0.1, side=0.2), thing(2, DOG, 0.5, side=0.2), thing(3, CAR, 0.95, 0.5, side=0.1)]
    said = meanings(cut, is_photograph=True)
    assert said["dog cut off by the left edge"] == (1,)
    assert said["car at the right edge"] == (3,)
    assert "dog at the right edge" not in said


def test_photographs_leave_doubt_unsaid():
    apart = [thing(1, DOG, 0.2, side=0.2), thing(2, DOG, 0.28, 0.2, side=0.2)]  # both left, one in doubt as far left
    said = meanings(apart, is_photograph=True)
    assert not any(re.search("your left|left third|far left side", text) for text in said)
    middling = meanings([thing(1, CAR, 0.5, side=0.48)], is_photograph=True)  # 23 % of the picture
    assert not any(re.search("big|large|huge|much", text) for text in middling)


def test_unreferable_objects_are_never_meant_but_confuse():
    dogs = [thing(1, DOG, 0.25), thing(2, DOG, 0.75, referable=False), thing(3, CAR, 0.5)]
    found = meanings(dogs)
    assert all(2 not in ids for ids in found.values())
    assert "dog" not in found
    assert "both dogs" not in found
    assert found["left dog"] == (1,)


def test_unreferable_objects_anchor_no_relation():
    found = meanings([thing(1, DOG, 0.25), thing(2, DOG, 0.75), thing(3, CAR, 0.33, side=0.01, referable=False)])
    assert not any("car" in text for text in found)


def test_lookalikes_confuse():
    van = thing(2, Noun.of("truck"), 0.75, lookalikes=frozenset({"car"}))
    found = meanings([thing(1, CAR, 0.25), van])
    assert "car" not in found
    assert found["truck"] == (2,)


def test_regions_are_named():
    found = meanings([SceneObject(5, SKY, 0.5, 0.2, (0, 0, 1, 0.4), 0.4, 0.6, "blue", is_stuff=True)])
    assert found["sky"] == found["the sky"] == found["blue sky"] == found["sky area"] == (5,)
    assert "both skies" not in found


def test_absent_phrases_fit_nothing():
    things = [thing(1, DOG, 0.2, colour="brown"), thing(2, PERSON, 0.3, 0.3)]
    absent = AbsentNouns((DOG, CAR, PERSON), (SKY,))
    found = {text for text, ids in meanings(things, absent=absent).items() if not ids}
    assert {"car", "the sky", "dog on the right side", "green dog"} & found
    assert not {"dog", "brown dog", "black dog", "person", "dog on the left", "person above the dog"} & found
    assert not any(f"{colour} person" in text for text in found for colour in COLOURS), "the person's colour is unknown"
    assert not any(not ids for ids in meanings(things).values())


def test_plurals_on_a_side_and_in_number():
    things = [thing(1, DOG, 0.1), thing(2, DOG, 0.3), thing(3, DOG, 0.8), thing(4, CAR, 0.5, 0.9)]
    found = meanings(things)
    assert found["dogs on the left"] == found["all dogs on the left"] == (1, 2)
    assert found["three dogs"] == found["all dogs"] == (1, 2, 3)
    assert "both dogs" not in found


def test_choice_spreads_over_kinds_and_objects():
    colours = ("red", "blue", "white")
    things = [thing(place, DOG, 0.1 + 0.2 * place, colour=colour) for place, colour in enumerate(colours)]
    phrases = describe(things, random.Random(0), wordings=3)
    chosen = choose(phrases, 9, random.Random(0))
    assert len(set(chosen)) == 9
    assert len({item.annotation_ids for item in chosen}) >= 3
    assert len({item.kind for item in chosen}) >= 3
    assert len(choose(phrases[:2], 5, random.Random(0))) == 2
    assert choose(phrases, 9, random.Random(1)) == choose(phrases, 9, random.Random(1))


def test_objects_are_measured_from_masks():
    mask = np.zeros((100, 200), dtype=bool)
    mask[10:30, 40:80] = True
    item = SceneObject.from_mask(mask, 3, DOG, colour="brown")
    assert (item.x, item.y) == pytest.approx((0.3, 0.2))
    assert item.box == pytest.approx((0.2, 0.1, 0.4, 0.3))
    assert item.area == pytest.approx(0.04)
    assert (item.annotation_id, item.colour, item.size) == (3, "brown", pytest.approx(0.2))


@pytest.mark.parametrize(
    ("name", "many"),
    [
        ("dog", "dogs"), ("person", "people"), ("bus", "buses"), ("bench", "benches"), ("toothbrush", "toothbrushes"),
        ("sky", "skies"), ("toy", "toys"), ("wine glass", "wine glasses"), ("sheep", "sheep"),
        ("cell phone", "cell phones"),
        ("computer mouse", "computer mice"), ("knife", "knives"), ("box", "boxes"), ("scissors", "scissors"),
        ("glasses", "glasses"), ("sunglasses", "sunglasses"), ("cars", "cars"), ("pants", "pants"),
        ("tomato", "tomatoes"), ("wolf", "wolves"), ("lens", "lenses"), ("men", "men"), ("fish", "fish"),
        ("hot-dog", "hot-dogs"), ("can of soda", "cans of soda"), ("mother-in-law", "mothers-in-law"),
    ],
)  # fmt: skip
def test_plurals_of_nouns(name, many):
    assert plural(name) == many


def test_singulars_are_those_of_the_dictionary():
    found = {word: singulars(word) for word in ("wolves", "men", "glass", "bus", "lens", "leaves")}
    assert found == {
        "wolves": ("wolf",), "men": ("man",), "glass": (), "bus": (), "lens": (), "leaves": ("leave", "leaf")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("sky-other-merged", "sky"), ("wall-brick", "brick wall"), ("door-stuff", "door"), ("tree-merged", "tree"),
        ("floor-wood", "wood floor"), ("dining table", "dining table"), ("window-blind", "blind window"),
        ("hot-dog", "hot dog"), ("T-shirt", "t-shirt"), ("stop_sign", "stop sign"), ("wall-clock", "wall clock"),
        ("jack-o-lantern", "jack-o-lantern"), ("wall-other-merged", "wall"),
    ],
)  # fmt: skip
def test_labels_become_readable(label, name):
    assert readable_name(label) == name


def test_selections_follow_three_valued_logic():
    things = [thing(0, DOG, 0.2, colour="red"), thing(1, DOG, 0.46, colour="red"), thing(2, DOG, 0.8, colour=None)]
    left, red = Arrangement(things).half("left"), Arrangement(things).colour("red")
    assert (indices(left.sure), indices(left.possible)) == ([0], [0, 1])
    assert (indices(red.sure), indices(red.possible)) == ([0, 1], [0, 1, 2])
    both = left.both(red)
    assert (indices(both.sure), indices(both.possible)) == ([0], [0, 1])
    assert not both.is_single


places = st.floats(0.05, 0.95)
objects_of_any_kind = st.lists(
    st.builds(
        thing,
        id=st.just(0),
        noun=st.sampled_from([DOG, CAR, PERSON]),
        x=places,
        y=places,
        side=st.floats(0.02, 0.3),
        colour=st.sampled_from([None, "red", "blue", "white", "gray"]),
        referable=st.sampled_from([True, True, True, False]),
    )
    | st.builds(thing, id=st.just(0), noun=st.just(SKY), x=places, y=places, is_stuff=st.just(True)),
    max_size=9,
).map(lambda items: [replace(item, annotation_id=10 + place) for place, item in enumerate(items)])


@settings(max_examples=60, deadline=None)
@given(objects_of_any_kind, st.integers(0, 2**32))
def test_whatever_the_objects_phrases_mean_what_the_reader_reads(objects, seed):
    absent = AbsentNouns((DOG, CAR, PERSON, Noun.of("boat")), (SKY,))
    phrases = describe(objects, random.Random(seed), generic=GENERIC, absent=absent, redundant=1.0)
    assert phrases == describe(objects, random.Random(seed), generic=GENERIC, absent=absent, redundant=1.0)
    assert len({phrase.text for phrase in phrases}) == len(phrases)
    referable = {item.annotation_id for item in objects if item.referable}
    seen = [
        Seen(item.annotation_id, item.noun.name, item.colour, item.x, item.y, item.size)
        for item in objects
        if not item.is_stuff
    ]
    for phrase in phrases:
        assert set(phrase.annotation_ids) <= referable
        assert phrase.kind in KIND_SHARES
        assert bool(phrase.annotation_ids) == (phrase.kind != "absent")
        meant = None if phrase.kind == "stuff" else read(phrase.text, seen)
        if meant is not None:
            assert meant == set(phrase.annotation_ids), phrase


def test_drawn_scenes_mean_what_the_reader_reads_from_their_masks():
    dataset = SyntheticDataset("val", scenes=150)
    understood = 0
    for image_id in dataset.image_ids():
        things = _things(dataset, image_id)
        for expression, kind in zip(dataset.expressions_of(image_id), dataset.kinds_of(image_id), strict=True):
            meant = None if kind == "stuff" else read(expression.text, things)
            if meant is not None:
                understood += 1
                assert meant == set(expression.annotation_ids), (image_id, expression.text)
    assert understood > 0.3 * len(dataset.expressions)


def _things(dataset: SyntheticDataset, image_id: int) -> list[Seen]:
    """The visible shapes, by what the scene says they are and where their pixels are."""
    scene, labels = dataset.scene(image_id), dataset.labels(image_id)
    things = []
    for label, shape in enumerate(scene.shapes, start=len(scene.regions)):
        rows, columns = np.nonzero(labels == label)
        if len(rows):
            x, y = (columns.mean() + 0.5) / dataset.size, (rows.mean() + 0.5) / dataset.size
            things.append(Seen(label, shape.name, shape.colour, x, y, shape.radius))
    return things
