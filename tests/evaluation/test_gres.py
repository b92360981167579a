"""The measures of generalised referring segmentation against an oracle written from the table of its evaluator."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from asgn.data.types import Expression
from asgn.errors import DataError
from asgn.evaluation.evaluate import Answers, evaluate
from asgn.evaluation.gres import GRES_METRICS, gres_summary
from asgn.evaluation.metrics import SegmentationScores
from asgn.evaluation.scorer.predictions import coco_result, read_predictions
from asgn.evaluation.scorer.score import score

SHAPE = (7, 9)


def oracle(samples: list[tuple[np.ndarray, np.ndarray, bool, bool]]) -> dict[str, float]:
    """Row by row of the table: (mask, truth, whether there is no target, whether the flag says so)."""
    ious, total_i, total_u, counts, passed = [], 0, 0, dict.fromkeys(("TP", "FN", "FP", "TN"), 0), []
    for mask, truth, no_target, flag in samples:
        i = sum(bool(m) and bool(t) for m, t in zip(mask.flat, truth.flat, strict=True))
        u = sum(bool(m) or bool(t) for m, t in zip(mask.flat, truth.flat, strict=True))
        if no_target and flag:
            case, iou, add_i, add_u = "TP", 1, 0, 0
        elif no_target:
            case, iou, add_i, add_u = "FN", 0, 0, sum(map(bool, mask.flat))
        elif flag:
            case, iou, add_i, add_u = "FP", 0, 0, u
        else:
            case, iou, add_i, add_u = "TN", i / u if u else 0, i, u
        counts[case] += 1
        ious.append(iou)
        total_i, total_u = total_i + add_i, total_u + add_u
        if not no_target:
            passed.append(iou)
    return {
        "gIoU": 100 * sum(ious) / len(ious),
        "cIoU": 100 * total_i / total_u,
        "N-acc": 100 * counts["TP"] / (counts["TP"] + counts["FN"]),
        "T-acc": 100 * counts["TN"] / (counts["TN"] + counts["FP"]),
        **{f"Pr@{x}": 100 * sum(iou >= x for iou in passed) / len(passed) for x in (0.7, 0.8, 0.9)},
    }


def corners(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, bool, bool]]:
    """Each case of the table with an empty mask, a full one, the truth itself and its complement."""
    samples = []
    for no_target, flag in itertools.product((True, False), repeat=2):
        truth = np.zeros(SHAPE, bool) if no_target else rng.random(SHAPE) < 0.4
        for mask in (np.zeros(SHAPE, bool), np.ones(SHAPE, bool), truth, ~truth):
            samples.append((mask, truth, no_target, flag))
    nothing = np.zeros(SHAPE, bool)  # an object whose parts are all crowds: a target without a pixel
    for mask, flag in ((nothing, False), (nothing, True), (~nothing, False)):
        samples.append((mask, nothing, False, flag))
    return samples


def random_samples(rng: np.random.Generator, count: int) -> list[tuple[np.ndarray, np.ndarray, bool, bool]]:
    samples = []
    for _ in range(count):
        no_target, flag = (bool(bit) for bit in rng.integers(2, size=2))
        truth = np.zeros(SHAPE, bool) if no_target else rng.random(SHAPE) < rng.random()
        noise = rng.random(SHAPE) < rng.choice([0, 0.02, 0.1, 0.5])
        samples.append((truth ^ noise, truth, no_target, flag))
    return samples


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(0)
    made = [*corners(rng), *random_samples(rng, 300)]
    rng.shuffle(made)
    return made


def expressions_of(samples) -> list[Expression]:
    objects = [() if no_target else ((1,), (1, 2))[index % 2] for index, (_, _, no_target, _) in enumerate(samples)]
    return [Expression(index, index, index, ids, f"thing {index}") for index, ids in enumerate(objects)]


def test_the_oracle_agrees_on_300_random_samples_and_every_corner(samples) -> None:
    scores = SegmentationScores()
    for index, (mask, truth, _, flag) in enumerate(samples):
        scores.add(index, mask, truth, flag)
    expressions = expressions_of(samples)
    found = gres_summary(scores, expressions)
    assert {name: found[name] for name in GRES_METRICS} == pytest.approx(oracle(samples), abs=1e-9)
    assert found["expressions"] == len(samples)
    assert sum(part["expressions"] for part in found["targets"].values()) == len(samples)
    none = found["targets"]["zero"]
    assert (none["N-acc"], none["T-acc"], none["Pr@0.7"]) == (pytest.approx(found["N-acc"]), None, None)
    for count, kind in ((1, "one"), (2, "many")):
        chosen = [samples[item.sentence_id] for item in expressions if len(item.annotation_ids) == count]
        with_one_empty = [*chosen, (np.zeros(SHAPE, bool), np.zeros(SHAPE, bool), True, True)]
        for name in ("cIoU", "T-acc", "Pr@0.7", "Pr@0.8", "Pr@0.9"):
            assert found["targets"][kind][name] == pytest.approx(oracle(with_one_empty)[name]), (kind, name)


@pytest.mark.parametrize("corner", range(19))
def test_every_corner_alone(corner: int) -> None:
    """Beside one right answer of either kind, so that all measures are defined."""
    full, none = np.ones(SHAPE, bool), np.zeros(SHAPE, bool)
    samples = [corners(np.random.default_rng(1))[corner], (full, full, False, False), (none, none, True, True)]
    scores = SegmentationScores()
    for index, (mask, truth, _, flag) in enumerate(samples):
        scores.add(index, mask, truth, flag)
    found = gres_summary(scores, expressions_of(samples))
    assert {name: found[name] for name in GRES_METRICS} == pytest.approx(oracle(samples))


@pytest.fixture
def generalised(dataset, samples):
    """The samples as a data set of one image each."""
    dataset.expressions = expressions_of(samples)
    dataset.image = lambda image_id: np.full((*SHAPE, 3), image_id % 256, dtype=np.uint8)
    dataset.mask = lambda expression: samples[expression.sentence_id][1]
    return dataset


def test_flags_come_through_a_results_file(tmp_path: Path, generalised, samples) -> None:
    entries = [
        coco_result(item, mask, flag) for item, (mask, _, _, flag) in zip(generalised.expressions, samples, strict=True)
    ]
    path = tmp_path / "masks.json"
    path.write_text(json.dumps(entries))
    record = score(read_predictions(path, generalised.expressions), generalised, resamples=10).to_json()
    assert {name: record["gres"][name] for name in GRES_METRICS} == pytest.approx(oracle(samples))
    assert record["gres"]["no_target_flag"] == f"no_target of {len(samples)} masks"

    for entry in entries:
        del entry["no_target"]
    path.write_text(json.dumps(entries))
    record = score(read_predictions(path, generalised.expressions), generalised, resamples=10).to_json()
    by_mask = [(mask, truth, no_target, not mask.any()) for mask, truth, no_target, _ in samples]
    assert {name: record["gres"][name] for name in GRES_METRICS} == pytest.approx(oracle(by_mask))
    assert record["gres"]["no_target_flag"] == "the mask is empty"


def test_evaluate_takes_a_models_own_flags(generalised, samples) -> None:
    place = {item.text: item.sentence_id for item in generalised.expressions}

    def ask(image, phrases):
        chosen = [samples[place[phrase]] for phrase in phrases]
        return Answers([mask for mask, _, _, _ in chosen], [flag for _, _, _, flag in chosen])

    kept = []
    result = evaluate(
        ask, generalised, protocol="clean", no_target_flag="a coin", keep_mask=lambda *answer: kept.append(answer)
    )
    record = result.to_json()
    assert {name: record["gres"][name] for name in GRES_METRICS} == pytest.approx(oracle(samples))
    assert record["gres"]["no_target_flag"] == "a coin"
    assert [flag for _, _, flag in kept] == [flag for _, _, _, flag in samples]


@pytest.mark.parametrize("flag", ["yes", 2, [True]])
def test_flags_that_are_neither_are_refused(tmp_path: Path, dataset, flag) -> None:
    entry = coco_result(dataset.expressions[0], dataset.mask(dataset.expressions[0])) | {"no_target": flag}
    (tmp_path / "masks.json").write_text(json.dumps([entry]))
    with pytest.raises(DataError, match="must be true or false"):
        read_predictions(tmp_path / "masks.json", dataset.expressions)
