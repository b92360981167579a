"""Present and absent phrases: how they are made, and how presence scores are judged."""

import json
from collections import defaultdict

import numpy as np
import pytest

from asgn.data.photographs.absent_phrases import AbsentPhrases
from asgn.data.readers.own import open_own
from asgn.evaluation.probes.absence import PRESENT, RatedPhrases, rate_phrases
from asgn.evaluation.probes.binomial import Share

ABSENT = "another thing"


def rated(present, absent, images=None):
    kinds = (PRESENT,) * len(present) + (ABSENT,) * len(absent)
    ids = images if images is not None else range(len(kinds))
    return RatedPhrases(np.array([*present, *absent]), np.array(list(ids)), kinds)


def test_balanced_accuracy_by_hand():
    phrases = rated([0.8, 0.7, 0.3], [0.1, 0.4, 0.2, 0.9])
    assert phrases.balanced_accuracy(0.5) == pytest.approx(50 * 2 / 3 + 50 * 3 / 4)
    assert phrases.shares(0.5) == {PRESENT: Share(2, 3), ABSENT: Share(3, 4)}
    assert phrases.balanced_accuracy(0.0) == pytest.approx(50)


def test_the_fitted_threshold_is_near_the_true_one():
    """Log-odds of both kinds are normal with means of 1 and -1 about 0.5, so that presence is likelier from 0.5 on."""
    rng = np.random.default_rng(0)
    present, absent = (1 / (1 + np.exp(-rng.normal(0.5 + side, 1, count))) for side, count in ((1, 3000), (-1, 1000)))
    phrases = rated(present, absent)
    assert phrases.fitted_threshold() == pytest.approx(1 / (1 + np.exp(-0.5)), abs=0.02)
    best = max(phrases.balanced_accuracy(threshold) for threshold in np.linspace(0, 1, 401))
    assert phrases.balanced_accuracy(phrases.fitted_threshold()) > best - 1


def test_the_threshold_lies_between_what_it_parts():
    assert rated([0.8, 0.9], [0.2, 0.1]).fitted_threshold() == pytest.approx(0.5, abs=0.01)
    assert 0.01 < rated([0.8, 0.9], [0.0, 0.0]).fitted_threshold() < 0.79
    assert 0.0 <= rated([0.1, 0.2], [0.8, 0.9]).fitted_threshold() <= 1.0


def test_held_out_thresholds_come_from_the_other_photographs():
    """Photographs 0 and 2 part at 0.8, photographs 1 and 3 at 0.3: either threshold fails on the other's half."""
    phrases = rated([0.9, 0.9, 0.4, 0.4], [0.7, 0.7, 0.2, 0.2], [0, 2, 1, 3, 0, 2, 1, 3])
    assert phrases.held_out_accuracy() == 50
    assert rated([0.9], [0.1]).held_out_accuracy() is None


@pytest.fixture(scope="module")
def photographs(shared):
    return open_own(shared / "data" / "photorefer", "val")


def test_what_is_named_absent_is_absent_by_the_file(photographs, shared):
    """The plain categories of a photograph never head a phrase for another thing."""
    document = json.loads((shared / "data" / "photorefer" / "instances.json").read_text())
    names = {entry["id"]: entry["name"] for entry in document["categories"]}
    there = defaultdict(set)
    for annotation in document["annotations"]:
        there[annotation["image_id"]].add(names[annotation["category_id"]])
    made, looks = AbsentPhrases(photographs.instances), 0
    image_ids = sorted({item.image_id for item in photographs.expressions})[:40]
    for image_id in image_ids:
        image = photographs.image(image_id)
        phrases = made.of_image(image_id, image, 8)
        assert phrases == made.of_image(image_id, image, 8)
        assert len({text for text, _ in phrases}) == len(phrases) <= 8
        looks += sum(kind != "another thing" for _, kind in phrases)
        for text, kind in phrases:
            if kind == "another thing":
                named = set(text.split())
                assert not {name for name in there[image_id] if name in named}, (image_id, text)
    assert looks > 10


def test_rating_asks_for_as_much_that_is_not_there(photographs):
    asked = defaultdict(list)

    def rate(image, phrases):
        asked[image.shape].append(phrases)
        return [0.9 if phrase in true else 0.1 for phrase in phrases]

    true = {item.text for item in photographs.expressions}
    phrases = rate_phrases(rate, photographs, limit=12)
    count = phrases.kinds.count(PRESENT)
    assert 0.5 * count < len(phrases.kinds) - count <= count
    assert phrases.balanced_accuracy(0.5) > 95  # what is absent here may be what some phrase elsewhere names
    assert phrases.summary(0.5)["kinds"][PRESENT]["percent"] == 100
