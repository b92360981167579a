"""Masks in every form scored alike, against pycocotools, `evaluate` and hand counts."""

import dataclasses
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from asgn.data.types import Expression
from asgn.errors import DataError
from asgn.evaluation.evaluate import evaluate
from asgn.evaluation.metrics import SegmentationScores
from asgn.evaluation.scorer.predictions import coco_result, read_predictions
from asgn.evaluation.scorer.score import score


def rle(mask: np.ndarray) -> dict:
    code = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(code["size"]), "counts": code["counts"].decode()}


def masks_of(dataset) -> dict[int, np.ndarray]:
    random = np.random.default_rng(1)
    return {item.sentence_id: random.random(dataset.mask(item).shape) < 0.5 for item in dataset.expressions}


def write_json(path: Path, dataset, masks: dict[int, np.ndarray]) -> Path:
    entries = [{"sentence_id": key, "segmentation": rle(mask)} for key, mask in masks.items()]
    path.write_text(json.dumps(entries))
    return path


def write_phrases(path: Path, dataset, masks: dict[int, np.ndarray]) -> Path:
    texts = {item.sentence_id: {"image_id": item.image_id, "phrase": item.text.upper()} for item in dataset.expressions}
    path.write_text(json.dumps([texts[key] | {"segmentation": rle(mask)} for key, mask in masks.items()]))
    return path


def write_other_keys(path: Path, dataset, masks: dict[int, np.ndarray]) -> Path:
    entries = [
        {("sent_id", "expression_id")[key % 2]: key, "image_id": "7.jpg", "segmentation": rle(mask)}
        for key, mask in masks.items()
    ]
    path.write_text(json.dumps(entries))
    return path


def write_pngs(path: Path, dataset, masks: dict[int, np.ndarray]) -> Path:
    folder = path.with_suffix("")
    folder.mkdir()
    for key, mask in masks.items():
        Image.fromarray(mask.astype(np.uint8) * (255 if key % 2 else 1)).save(folder / f"{key}.png")
    return folder


def write_npz(path: Path, dataset, masks: dict[int, np.ndarray]) -> Path:
    path = path.with_suffix(".npz")
    np.savez_compressed(path, **{str(key): mask for key, mask in masks.items()})
    return path


WRITERS = [write_json, write_phrases, write_other_keys, write_pngs, write_npz]


def test_pixels_equal_those_of_pycocotools_on_200_random_masks() -> None:
    random = np.random.default_rng(0)
    scores = SegmentationScores()
    for index in range(200):
        shape = random.integers(1, 80, size=2)
        prediction, truth = (random.random((2, *shape)) < random.random((2, 1, 1)) ** 2).astype(bool)
        scores.add(index, prediction, truth)
        codes = [coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8)) for mask in (prediction, truth)]
        intersection = int(coco_mask.area(coco_mask.merge(codes, intersect=True)))
        union = int(coco_mask.area(coco_mask.merge(codes)))
        expected = [intersection, union, int(coco_mask.area(codes[1])), truth.size]
        assert scores.pixels[index].tolist() == expected


@pytest.mark.parametrize("write", WRITERS)
def test_every_form_scores_as_evaluate_does(tmp_path: Path, dataset, write) -> None:
    masks = masks_of(dataset)
    by_text = {item.text: masks[item.sentence_id] for item in dataset.expressions}
    direct = evaluate(lambda image, phrases: [by_text[phrase] for phrase in phrases], dataset, protocol="clean")
    predictions = read_predictions(write(tmp_path / "masks.json", dataset, masks), dataset.expressions)
    card = score(predictions, dataset, resamples=50)
    assert card.scores.summary() == direct.scores.summary()
    assert dict(sorted(card.scores.to_json().items())) == dict(sorted(direct.scores.to_json().items()))
    assert (card.missing, card.extra, card.doubled) == ((), (), ())
    record = json.loads(json.dumps(card.to_json()))
    assert record["fingerprint"] == "f00d"
    assert [record[key] for key in ("images", "refs", "expressions")] == [2, 3, 4]
    low, high = record["intervals_95"]["oIoU"]
    assert low <= record["scores"]["oIoU"] <= high
    assert record["breakdown"]["kind"]["position"]["expressions"] == 2
    assert record["protocol"] == "masks as given at the image's own size, every sentence, threshold 0.5"


def test_200_random_masks_through_a_file_equal_pycocotools(tmp_path: Path, dataset) -> None:
    """Written as COCO results, read back and scored: areas and intersections are pycocotools' own integers."""
    random = np.random.default_rng(2)
    shapes = random.integers(1, 60, size=(200, 2))
    truths, masks = ([random.random(shape) < random.random() ** 2 for shape in shapes] for _ in range(2))
    dataset.expressions = [Expression(index, index, index, (), f"thing {index}") for index in range(200)]
    dataset.mask = lambda expression: truths[expression.sentence_id]
    path = write_json(tmp_path / "masks.json", dataset, dict(enumerate(masks)))
    card = score(read_predictions(path, dataset.expressions), dataset, resamples=10)
    codes = [
        [coco_mask.encode(np.asfortranarray(mask, np.uint8)) for mask in pair]
        for pair in zip(masks, truths, strict=True)
    ]
    expected = [
        [
            coco_mask.area(coco_mask.merge(pair, intersect=True)),
            coco_mask.area(coco_mask.merge(pair)),
            coco_mask.area(pair[1]),
        ]
        for pair in codes
    ]
    assert card.scores.pixels[:, :3].tolist() == np.array(expected).tolist()


def test_what_coco_result_writes_is_read_back(tmp_path: Path, dataset) -> None:
    (tmp_path / "masks.json").write_text(
        json.dumps([coco_result(item, dataset.mask(item)) for item in dataset.expressions])
    )
    card = score(read_predictions(tmp_path / "masks.json", dataset.expressions), dataset, resamples=10)
    assert (card.scores.summary()["mIoU"], card.missing, card.extra) == (100, (), ())


def test_missing_extra_and_doubled_are_listed(tmp_path: Path, dataset) -> None:
    masks = masks_of(dataset)
    entries = [
        {"sentence_id": 10, "segmentation": rle(dataset.mask(dataset.expressions[0]))},
        {"sentence_id": 10, "segmentation": rle(masks[10])},
        {"image_id": 1, "phrase": " Left  DOG", "segmentation": rle(masks[10])},
        {"image_id": 1, "phrase": "a zebra", "segmentation": rle(masks[10])},
        {"sentence_id": 99, "segmentation": rle(masks[10])},
    ]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(entries))
    card = score(read_predictions(path, dataset.expressions), dataset, resamples=10)
    assert card.missing == (20, 11, 12)
    assert card.extra == ("'a zebra' of image 1", "expression 99")
    assert card.doubled == ("expression 10", "' Left  DOG' of image 1")
    assert card.scores.sentence_ids == [10, 20, 11, 12]
    assert card.scores.pixels.tolist() == [[24, 24, 24, 48], [0, 8, 8, 16], [0, 24, 24, 48], [0, 24, 24, 48]]


def test_leaving_out_an_absent_phrase_does_not_help(tmp_path: Path, dataset) -> None:
    dataset.mask = lambda expression: np.zeros((6, 8), dtype=bool)
    path = write_json(tmp_path / "results.json", dataset, {10: np.zeros((6, 8), dtype=bool)})
    summary = score(read_predictions(path, dataset.expressions), dataset, resamples=10).scores.summary()
    assert summary["absent_accuracy"] == 25


def test_equal_phrases_of_an_image_share_a_mask_or_have_one_each(tmp_path: Path, dataset) -> None:
    dataset.expressions = [Expression(10, 100, 1, (1,), "dog"), Expression(12, 101, 1, (2,), "Dog")]
    entry = {"image_id": 1, "phrase": "dog"}
    left, right = (rle(dataset.mask(item)) for item in dataset.expressions)
    path = tmp_path / "results.json"
    path.write_text(json.dumps([entry | {"segmentation": left}]))
    shared = score(read_predictions(path, dataset.expressions), dataset, resamples=10)
    assert (shared.scores.summary()["Pr@0.9"], shared.missing) == (50, ())
    path.write_text(json.dumps([entry | {"segmentation": left}, entry | {"segmentation": right}]))
    separate = score(read_predictions(path, dataset.expressions), dataset, resamples=10)
    assert (separate.scores.summary()["Pr@0.9"], separate.doubled) == (100, ())


@pytest.mark.parametrize("key", ["image_id", "phrase", "both"])
def test_masks_of_reordered_data_are_refused(tmp_path: Path, dataset, key) -> None:
    """The lines of the data were swapped after the masks were made, so that ids mean other expressions."""
    entries = [coco_result(item, dataset.mask(item)) for item in dataset.expressions]
    for entry in entries:
        for name in {"image_id": ["phrase"], "phrase": ["image_id"], "both": []}[key]:
            del entry[name]
    first, second = dataset.expressions[:2]
    dataset.expressions[:2] = [
        dataclasses.replace(second, sentence_id=first.sentence_id),
        dataclasses.replace(first, sentence_id=second.sentence_id),
    ]
    path = tmp_path / "masks.json"
    path.write_text(json.dumps(entries))
    with pytest.raises(DataError, match=r"expression 10 is .* but 'the cat' of image 2 in this split") as caught:
        read_predictions(path, dataset.expressions)
    assert "\n" not in str(caught.value)


def test_case_and_blanks_of_a_phrase_are_no_contradiction(tmp_path: Path, dataset) -> None:
    entries = [coco_result(item, dataset.mask(item)) for item in dataset.expressions]
    entries[0]["phrase"] = "  LEFT  dog"
    (tmp_path / "masks.json").write_text(json.dumps(entries))
    assert read_predictions(tmp_path / "masks.json", dataset.expressions).missing == ()


@pytest.mark.parametrize("empty", [[], [[]]])
def test_no_polygon_is_an_empty_mask(tmp_path: Path, dataset, empty) -> None:
    entries = [coco_result(item, dataset.mask(item)) for item in dataset.expressions]
    entries[0]["segmentation"] = empty
    (tmp_path / "masks.json").write_text(json.dumps(entries))
    card = score(read_predictions(tmp_path / "masks.json", dataset.expressions), dataset, resamples=10)
    assert card.scores.pixels.tolist()[0] == [0, 24, 24, 48]
    assert (card.missing, card.scores.summary()["mIoU"]) == ((), 75)


def test_probabilities_are_thresholded(tmp_path: Path, dataset) -> None:
    probabilities = {str(item.sentence_id): np.where(dataset.mask(item), 0.6, 0.4) for item in dataset.expressions}
    np.savez(tmp_path / "soft.npz", **probabilities)
    predictions = read_predictions(tmp_path / "soft.npz", dataset.expressions)
    assert score(predictions, dataset, resamples=10).scores.summary()["oIoU"] == 100
    assert score(predictions, dataset, resamples=10, threshold=0.3).scores.summary()["oIoU"] == 100 * 80 / 160


def test_palettes_are_read_by_colour(tmp_path: Path) -> None:
    left = np.zeros((4, 6), dtype=bool)
    left[:, :2] = True
    image = Image.frombytes("P", (6, 4), (~left).astype(np.uint8).tobytes())
    image.putpalette([255, 255, 255, 0, 0, 0])
    image.save(tmp_path / "10.png")
    with read_predictions(tmp_path, [Expression(10, 1, 1, (1,), "left")]) as predictions:
        np.testing.assert_array_equal(predictions.mask(10, 4, 6), left)


def bad_inputs(folder: Path) -> dict[str, Path]:
    wrong_size = rle(np.ones((8, 6), dtype=bool))
    texts = {
        "size": [{"sentence_id": 10, "segmentation": wrong_size}],
        "no key": [{"image_id": 1, "segmentation": wrong_size}],
        "no number": [{"sent_id": "ten", "segmentation": wrong_size}],
        "no segmentation": [{"sentence_id": 10}],
        "no list": {"sentence_id": 10},
        "other split": [{"sentence_id": 5, "segmentation": wrong_size}],
    }
    paths = {name: folder / f"{name}.json" for name in texts}
    for name, value in texts.items():
        paths[name].write_text(json.dumps(value))
    arrays = {
        "shape": {"10": np.zeros((8, 6), bool)},
        "range": {"10": np.full((6, 8), 1.5)},
        "nan": {"10": np.full((6, 8), np.nan)},
        "text": {"10": np.full((6, 8), "a")},
        "objects": {"10": np.full((6, 8), None)},
        "huge": {"10": np.zeros((600, 800))},
    }
    for name, members in arrays.items():
        paths[name] = folder / f"{name}.npz"
        np.savez(paths[name], **members)
    paths |= {"damaged": folder / "damaged.npz", "form": folder / "masks.txt", "gone": folder / "gone.json"}
    paths["damaged"].write_bytes(b"PK not really")
    paths["flipped"] = folder / "flipped.npz"
    np.savez(paths["flipped"], **{"10": np.ones((6, 8), bool)})
    paths["flipped"].write_bytes(paths["flipped"].read_bytes().replace(b"\1" * 48, b"\1" * 47 + b"\0"))
    paths["single"] = folder / "single.npz"
    with paths["single"].open("wb") as file:
        np.save(file, np.ones((6, 8), bool))
    paths["bytes"] = folder / "bytes.npz"
    with zipfile.ZipFile(paths["bytes"], "w") as archive:
        archive.writestr("10.npy", b"no array")
    for name, image in {"rgb": Image.new("RGB", (8, 6)), "small": Image.new("L", (4, 4))}.items():
        paths[name] = folder / name
        paths[name].mkdir()
        image.save(paths[name] / "10.png")
    for name, content in {"cut": b"\x89PNG\r\n\x1a\n\0\0", "empty": b""}.items():
        paths[name] = folder / name
        paths[name].mkdir()
        (paths[name] / "10.png").write_bytes(content)
    return paths


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("size", r"entry 0 of .*size"),
        ("no key", "does not say what it is of"),
        ("no number", "sent_id 'ten': it must be a whole number"),
        ("no segmentation", "not an object with a segmentation"),
        ("no list", "must hold a list"),
        ("other split", "no mask in .* is of this split"),
        ("shape", r"expression 10 has shape \(8, 6\)"),
        ("range", "outside 0..1"),
        ("nan", "outside 0..1"),
        ("text", "of type <U1"),
        ("objects", "cannot read array '10'"),
        ("huge", "has 3,840,128 bytes"),
        ("damaged", "cannot read"),
        ("flipped", "cannot read array '10'.*CRC"),
        ("form", "neither a folder"),
        ("single", "a single array"),
        ("bytes", "of type .S8"),
        ("gone", "no file"),
        ("rgb", "mode RGB"),
        ("small", "must be 8x6"),
        ("cut", "cannot read mask"),
        ("empty", "cannot read mask"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path: Path, dataset, name: str, message: str) -> None:
    path = bad_inputs(tmp_path)[name]
    with (
        pytest.raises(DataError, match=message) as caught,
        read_predictions(path, dataset.expressions) as predictions,
    ):
        score(predictions, dataset)
    assert "\n" not in str(caught.value)
