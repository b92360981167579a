"""One set of masks under the protocols of work on phrases with no target or several, against plain loops."""

import json
from pathlib import Path

import numpy as np
import pytest

from asgn.data.datasets import open_dataset
from asgn.data.files.summed_polygons import sum_of_polygons
from asgn.data.types import Expression
from asgn.evaluation.scorer.generalised import compare_generalised, ref_zom, robust_referring
from asgn.evaluation.scorer.predictions import coco_result, read_predictions
from tests.data import miniatures

SHAPE = (20, 30)


@pytest.fixture
def generalised(dataset):
    """Eight images of a referent each, with two phrases that mean it and one or two that mean nothing."""
    random = np.random.default_rng(3)
    dataset.truths, dataset.expressions = {}, []
    for ref in range(8):
        for place in range(3 + ref % 2):
            key = 10 * ref + place
            ids = (ref,) if place < 2 else ()
            dataset.expressions.append(Expression(key, ref, ref, ids, f"thing {key}"))
            dataset.truths[key] = random.random(SHAPE) < 0.3 if ids else np.zeros(SHAPE, bool)
    dataset.mask = lambda expression: dataset.truths[expression.sentence_id]
    return dataset


def answers(dataset, flags: bool) -> list[dict]:
    random = np.random.default_rng(4)
    entries = []
    for item in dataset.expressions:
        mask = dataset.mask(item) ^ (random.random(SHAPE) < random.choice([0, 0.05, 0.2]))
        entries.append(coco_result(item, mask, bool(random.integers(2)) if flags else None))
    return entries


def compared(path: Path, dataset, entries: list[dict]) -> dict[tuple[str, str], dict[str, float | None]]:
    path.write_text(json.dumps(entries))
    with read_predictions(path, dataset.expressions) as predictions:
        return {(item.protocol, item.size): item.scores for item in compare_generalised(predictions, dataset, 0.5)}


def masks_of(path: Path, dataset) -> dict[int, np.ndarray]:
    with read_predictions(path, dataset.expressions) as predictions:
        return {item.sentence_id: predictions.mask(item.sentence_id, *SHAPE) for item in dataset.expressions}


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    return (mask & truth).sum() / (mask | truth).sum()


def test_ref_zom_and_robust_referring_against_plain_loops(tmp_path: Path, generalised) -> None:
    entries = answers(generalised, flags=True)
    found = compared(tmp_path / "masks.json", generalised, entries)
    masks = masks_of(tmp_path / "masks.json", generalised)
    flags = {entry["sentence_id"]: entry["no_target"] for entry in entries}
    inter, union, ious, acc = 0, 0, [], []
    for item in generalised.expressions:
        mask, truth = masks[item.sentence_id], generalised.mask(item)
        if item.annotation_ids:
            inter, union = inter + (mask & truth).sum(), union + (mask | truth).sum()
            ious.append(iou(mask, truth))
        else:
            acc.append(mask.sum() == 0)
    expected = {"oIoU": 100 * inter / union, "mIoU": 100 * np.mean(ious), "Acc": 100 * np.mean(acc)}
    expected |= {f"Pr@{x}": 100 * np.mean([each >= x for each in ious]) for x in (0.5, 0.6, 0.7, 0.8, 0.9)}
    assert found["Ref-ZOM", "native"] == pytest.approx(expected)

    r, r_iou, m_iou, passed, as_coded, total_i, total_u = [], [], [], [], [], 0, 0
    for ref in range(8):
        i = u = running = negatives = 0
        per_ref, right = [], []
        for item in (item for item in generalised.expressions if item.ref_id == ref):
            mask = masks[item.sentence_id] & (not flags[item.sentence_id])
            truth = generalised.mask(item)
            if item.annotation_ids:
                i, u = i + (mask & truth).sum(), u + (mask | truth).sum()
                per_ref.append(iou(mask, truth))
                running += per_ref[-1]
                as_coded.append(running)
            else:
                negatives += mask.sum()
                right.append(mask.sum() == 0)
        passed += per_ref
        total_i, total_u = total_i + i, total_u + u
        m_iou.append(np.mean(per_ref))
        r.append(np.mean(right))
        r_iou.append(i / (u + negatives))
    robust = found["R-RefCOCO", "native"]
    assert [robust[name] for name in ("mIoU", "oIoU", "r", "rIoU")] == pytest.approx(
        [100 * np.mean(m_iou), 100 * total_i / total_u, 100 * np.mean(r), 100 * np.mean(r_iou)]
    )
    for x in (0.5, 0.6, 0.7, 0.8, 0.9):
        assert robust[f"Pr@{x}"] == pytest.approx(100 * np.mean([each >= x for each in passed]))
        assert robust[f"Pr@{x} of a running sum"] == pytest.approx(100 * np.mean([each >= x for each in as_coded]))
    assert robust["Pr@0.7 of a running sum"] > robust["Pr@0.7"]


def test_referents_without_both_kinds_are_grouped_by_image() -> None:
    counts = np.array([[5, 10, 5, 100], [0, 30, 0, 100]])
    apart = robust_referring(counts, np.array([False, True]), [[0], [1]])
    together = robust_referring(counts, np.array([False, True]), [[0, 1]])
    assert (apart["rIoU"], together["rIoU"]) == (50, 12.5)
    assert apart["r"] == together["r"] == 0


def test_the_smallest_masks_are_emptied(tmp_path: Path, generalised) -> None:
    few = np.zeros(SHAPE, bool)
    few.flat[:49] = True
    entries = [coco_result(item, few if item.sentence_id % 2 else ~few, False) for item in generalised.expressions]
    found = compared(tmp_path / "masks.json", generalised, entries)
    absent = [item for item in generalised.expressions if not item.annotation_ids]
    small = 100 * np.mean([item.sentence_id % 2 for item in absent])
    assert 0 < small < 100
    assert found["GRES", "native"]["N-acc"] == 0
    assert found["GRES, no flag but an empty mask", "native"]["N-acc"] == 0
    assert found["GRES, masks under 50 pixels emptied", "native"]["N-acc"] == pytest.approx(small)
    assert found["GRES, masks under 50 pixels emptied", "squashed to 480x480"]["N-acc"] == 0  # they have 18,816 there


def test_a_flag_keeps_its_mask_in_the_union(tmp_path: Path, generalised) -> None:
    """The false positives' row: the union with the mask as it is, and with an emptied one."""
    full = np.ones(SHAPE, bool)
    entries = [coco_result(item, full, True) for item in generalised.expressions]
    found = compared(tmp_path / "masks.json", generalised, entries)
    assert found["GRES", "native"]["T-acc"] == 0
    assert found["GRES", "native"]["cIoU"] == 0
    assert found["GRES, no flag but an empty mask", "native"]["T-acc"] == 100
    assert found["GRES, no flag but an empty mask", "native"]["cIoU"] > 0


def test_leaving_masks_out_never_helps(tmp_path: Path, generalised) -> None:
    entries = [coco_result(item, np.ones(SHAPE, bool)) for item in generalised.expressions if item.annotation_ids]
    found = compared(tmp_path / "masks.json", generalised, entries)
    for (protocol, size), scores in found.items():
        for name in ("N-acc", "Acc", "r"):
            assert scores.get(name, 0) == 0, (protocol, size)


def test_ref_zom_of_nothing() -> None:
    scores = ref_zom(np.zeros((0, 4), dtype=np.int64), np.zeros(0, dtype=bool))
    assert set(scores.values()) == {None}


def test_summed_polygons_count_overlaps_twice() -> None:
    """Columns 1 to 4 and 3 to 4 of one row: the truth that equals 1 loses columns 3 and 4."""
    first, second = [1, 0, 5, 0, 5, 1, 1, 1], [3, 0, 5, 0, 5, 1, 3, 1]
    summed = sum_of_polygons([first, second], 1, 6, "here")
    assert summed.tolist() == [[0, 1, 1, 2, 2, 0]]
    assert sum_of_polygons([first], 1, 6, "here").tolist() == [[0, 1, 1, 1, 1, 0]]


def test_right_answers_lose_where_polygons_overlap(tmp_path: Path) -> None:
    """The miniature's red boxes are two polygons that share a strip 4 of 16 columns wide; its blue ones have none."""
    miniatures.write_refer(tmp_path)
    data = open_dataset("unc", tmp_path, "val")
    found = compared(tmp_path / "masks.json", data, [coco_result(item, data.mask(item)) for item in data.expressions])
    assert found["GRES", "native"]["gIoU"] == 100
    lisa = found["REFER's summed polygons (LISA)", "native"]
    red = [item.text != "blue box" for item in data.expressions]
    overlaps = [
        (sum_of_polygons(data.instances.segmentation(item.annotation_ids[0]), *miniatures.SIZE, "") == 2).sum()
        for item in data.expressions
    ]
    assert [bool(each) for each in overlaps] == red
    areas = [data.mask(item).sum() for item in data.expressions]
    shares = [1 - overlap / area for overlap, area in zip(overlaps, areas, strict=True)]
    assert lisa["gIoU"] == pytest.approx(100 * np.mean(shares))
    assert lisa["cIoU"] == pytest.approx(100 * (sum(areas) - sum(overlaps)) / sum(areas))
    assert lisa["gIoU"] < 90
