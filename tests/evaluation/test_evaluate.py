"""One call for each image, every sentence scored, and a control that asks for another object."""

import json

import numpy as np
import pytest

from asgn.data.types import Expression
from asgn.errors import DataError
from asgn.evaluation.control import shuffled_phrases
from asgn.evaluation.evaluate import evaluate


def halves(image: np.ndarray, phrases: list[str]) -> list[np.ndarray]:
    """The right half for a phrase that says right, else the left half."""
    height, width = image.shape[:2]
    right = np.zeros((height, width), dtype=bool)
    right[:, width // 2 :] = True
    return [right if "right" in phrase else ~right for phrase in phrases]


def test_scores_and_record(dataset) -> None:
    calls, seen = [], []

    def predict(image, phrases):
        calls.append((image.shape, phrases))
        return halves(image, phrases)

    result = evaluate(predict, dataset, protocol="clean", progress=lambda *state: seen.append(state))
    assert calls == [((6, 8, 3), ["left dog", "brown dog", "right dog"]), ((4, 4, 3), ["the cat"])]
    assert dataset.images_read == [1, 2]
    assert seen == [(1, 2), (2, 2)]
    record = json.loads(json.dumps(result.to_json()))
    # Three exact masks of 24 pixels; for the cat the left half meets the top half: I 4, U 12.
    assert record["scores"]["oIoU"] == pytest.approx(100 * (72 + 4) / (72 + 12))
    assert record["scores"]["mIoU"] == pytest.approx(100 * (3 + 1 / 3) / 4)
    assert record["scores"]["Pr@0.9"] == 75
    assert {key: record[key] for key in ("dataset", "split", "protocol", "fingerprint")} == {
        "dataset": "memory", "split": "val", "protocol": "clean", "fingerprint": "f00d",
    }  # fmt: skip
    assert [record[key] for key in ("images", "refs", "expressions", "phrases_asked")] == [2, 3, 4, 4]
    assert record["control"] is None
    assert {"asgn", "torch", "numpy"} <= set(record["versions"])


def test_control_asks_each_image_once_and_scores_the_other_object(dataset) -> None:
    calls = []

    def predict(image, phrases):
        calls.append(phrases)
        return halves(image, phrases)

    result = evaluate(predict, dataset, protocol="clean", control_seed=3)
    assert result.scores.summary()["Pr@0.9"] == 75
    assert calls[0] == ["left dog", "brown dog", "right dog"]
    assert calls[1][0] == "the cat"
    assert len(calls[1]) == 2
    # In image 1 every shuffled phrase names the other half.
    assert result.control.subset([10, 11, 12]).summary()["oIoU"] == 0
    assert result.to_json()["control"]["seed"] == 3


def test_shuffled_phrases_are_of_another_object(dataset) -> None:
    first = shuffled_phrases(dataset, seed=0)
    assert first[10] == first[11] == "right dog"
    assert first[12] in {"left dog", "brown dog"}
    assert first[20] in {"left dog", "brown dog", "right dog"}
    assert first == shuffled_phrases(dataset, seed=0)
    assert len({tuple(shuffled_phrases(dataset, seed).values()) for seed in range(20)}) > 1


def test_shuffled_phrases_never_give_a_text_of_the_same_object(dataset) -> None:
    dataset.expressions.append(Expression(13, 101, 1, (1001,), "Brown  dog"))
    for seed in range(20):
        phrases = shuffled_phrases(dataset, seed)
        assert phrases[10] == phrases[11] == "right dog"
        assert phrases[12] == phrases[13] == "left dog"


def test_no_control_without_another_phrase(dataset) -> None:
    dataset.expressions = [Expression(1, 1, 1, (1000,), "dog"), Expression(2, 2, 2, (2000,), "dog")]
    with pytest.raises(DataError, match="no phrase of another object"):
        shuffled_phrases(dataset, seed=0)


def test_limit_spreads_over_the_split(dataset) -> None:
    dataset.expressions = [Expression(i, 101, i, (1001,), "right") for i in range(10)]
    dataset.image = lambda image_id: dataset.images_read.append(image_id) or np.zeros((6, 8, 3), np.uint8)
    dataset.mask = lambda expression: np.ones((6, 8), bool)
    result = evaluate(halves, dataset, protocol="clean", limit=3)
    assert dataset.images_read == [0, 3, 6]
    assert result.to_json()["limit"] == 3


@pytest.mark.parametrize("shape", [(1, 6, 8), (3, 8, 6)])
def test_wrong_masks_from_predict(dataset, shape) -> None:
    with pytest.raises(ValueError, match="3 masks of"):
        evaluate(lambda image, phrases: np.zeros(shape, bool), dataset, protocol="clean")


def test_empty_split(dataset) -> None:
    dataset.expressions = []
    with pytest.raises(DataError, match="split 'val' of 'memory'"):
        evaluate(halves, dataset, protocol="clean")
