"""Whether exported graphs give the masks of the network: photographs, two phrases each, four rows.

    python -m benchmarks.onnx_parity PHOTOREFER [MODEL...]

PHOTOREFER is a folder of the REFER layout, of whose split `val` the first photographs are taken: 50, or 10 for R+RMI,
which takes a minute for each. MODEL is a row's name or the checkpoint of a trained model, by default all rows; what was
recorded of other models stays. The rows' weights are random, their last layers scaled so that about half of a
photograph is mask and phrases differ. Expected: IoU of at least 0.999 for every mask.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from asgn.checkpoint import Model, load_model
from asgn.config import ModelConfig
from asgn.data.datasets import open_dataset
from asgn.data.types import ReferringDataset
from asgn.data.vocabulary import Vocabulary
from asgn.inference.load import load
from asgn.inference.onnx.export import export_model
from asgn.inference.segmenter import Segmenter
from asgn.models.build import build_generator
from asgn.variants import Variant
from benchmarks.measure import RESULTS, record

ROWS = {"M+LSTM+DE+SE": 50, "R+LSTM+DE+SE": 50, "M+RMI+DE+SE": 50, "R+RMI+DE+SE": 10}
"""Photographs for each row."""
PHOTOGRAPHS_OF_TRAINED, PHRASES = 50, 2


def main(root: Path, names: Sequence[str]) -> None:
    data = open_dataset("own", root, "val")
    vocabulary = Vocabulary.build(item.text for item in open_dataset("own", root, "train").expressions)
    first = data.image(data.expressions[0].image_id)
    recorded = RESULTS / "onnx_parity.json"
    result: dict[str, object] = json.loads(recorded.read_text(encoding="utf-8")) if recorded.exists() else {}
    result.pop("machine", None)
    for name in names or ROWS:
        if name in ROWS:
            model, count, weights = random_model(name, vocabulary, first), ROWS[name], "random weights"
        else:
            model, count, weights = load_model(Path(name)), PHOTOGRAPHS_OF_TRAINED, "trained"
        result[f"{model.config.variant}, {weights}"] = compare(model, data, count)
        record("onnx_parity", result)


def compare(model: Model, data: ReferringDataset, count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        export_model(model, Path(folder))
        torch_masks = Segmenter(model)
        onnx_masks = load(Path(folder))
        pairs = [
            pair
            for image, phrases in photographs_of(data, count)
            for pair in zip(
                torch_masks.predict_masks(image, phrases), onnx_masks.predict_masks(image, phrases), strict=True
            )
        ]
    intersections = np.array([(one & other).sum() for one, other in pairs])
    unions = np.array([(one | other).sum() for one, other in pairs])
    ious = np.where(unions > 0, intersections / np.maximum(unions, 1), 1.0)
    return {
        "smallest IoU": round(float(ious.min()), 6),
        "mean IoU": round(float(ious.mean()), 6),
        "overall IoU": round(float(intersections.sum() / max(1, unions.sum())), 6),
        "at least 0.999": bool((ious >= 0.999).all()),
        "photographs": count,
        "masks": len(pairs),
        "of these empty": int((unions == 0).sum()),
        "mean share of the photograph": round(float(np.mean([one.mean() for one, _ in pairs])), 3),
    }


def photographs_of(data: ReferringDataset, count: int) -> list[tuple[np.ndarray, Sequence[str]]]:
    phrases: dict[int, list[str]] = {}
    for item in data.expressions:
        phrases.setdefault(item.image_id, []).append(item.text)
    return [(data.image(image_id), texts[:PHRASES]) for image_id, texts in list(phrases.items())[:count]]


@torch.no_grad()
def random_model(row: str, vocabulary: Vocabulary, photograph: np.ndarray) -> Model:
    """Random weights, the head scaled on one photograph so that image and phrase each decide half of the mask."""
    torch.manual_seed(0)
    config = ModelConfig.for_variant(Variant.parse(row), len(vocabulary))
    generator = build_generator(config).to(memory_format=torch.channels_last).eval()
    model = Model(generator, config, vocabulary, {})
    head = generator.head
    head.semantic.weight.normal_()
    segmenter = Segmenter(model)
    share = segmenter.encode(photograph).features.semantic
    head.semantic.weight.div_(share.std())
    scores = []
    hook = head.score.register_forward_hook(lambda *call: scores.append(call[-1]))
    segmenter(photograph, ["left person", "the dog on the right"])
    hook.remove()
    head.score.weight.div_(scores[0].std())
    head.score.bias.copy_(-scores[0].mean() / scores[0].std())
    logits = torch.stack([item.pixel_logits for item in segmenter(photograph, ["left person", "the dog"])])
    head.semantic.bias.sub_(logits.median())
    return model


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
