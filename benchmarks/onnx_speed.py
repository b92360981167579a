"""Exported graphs against PyTorch, for the model in the box: a photograph and one phrase, or eight.

    python -m benchmarks.onnx_speed PHOTOGRAPH [CHECKPOINT]

From pixels to masks at the photograph's size, and both halves apart. One thread each, in one process, turn by turn;
processor time is compared, which other work on the machine lengthens less than wall time. Expected: ONNX not slower.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from asgn.checkpoint import load_model
from asgn.data.files.images import load_image
from asgn.inference.load import find_model, load
from asgn.inference.onnx.export import export_model
from asgn.inference.segmenter import Segmenter
from benchmarks.measure import record

PHRASES = [
    "the cat", "the left cat", "the white dog", "the person on the right",
    "the biggest animal", "the red car", "the table behind the cat", "the dog",
]  # fmt: skip
ROUNDS = 25
Question = Callable[[Segmenter], object]


def main(photograph: Path, checkpoint: Path) -> None:
    torch.set_num_threads(1)
    pixels = load_image(photograph)
    model = load_model(checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        export_model(model, Path(folder))
        segmenters = {"PyTorch": Segmenter(model), "ONNX": load(Path(folder))}
    encoded = {id(segmenter): segmenter.encode(pixels) for segmenter in segmenters.values()}
    questions: dict[str, Question] = {
        "encode": lambda segmenter: segmenter.encode(pixels),
        "one phrase, encoded already": lambda segmenter: segmenter(encoded[id(segmenter)], PHRASES[:1]),
        "eight phrases, encoded already": lambda segmenter: segmenter(encoded[id(segmenter)], PHRASES),
        "photograph and one phrase": lambda segmenter: segmenter(pixels, PHRASES[:1]),
        "photograph and eight phrases": lambda segmenter: segmenter(pixels, PHRASES),
    }
    result: dict[str, object] = {"row": model.config.variant, "image size": model.config.image_size, "rounds": ROUNDS}
    record("onnx_speed", result | {name: compare(ask, segmenters) for name, ask in questions.items()})


def compare(ask: Question, segmenters: Mapping[str, Segmenter]) -> dict[str, float]:
    """Median processor milliseconds of each, and how many times as fast ONNX is; the first round is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in segmenters}
    for _ in range(ROUNDS + 1):
        for name, segmenter in segmenters.items():
            start = time.process_time()
            ask(segmenter)
            seconds[name].append(time.process_time() - start)
    medians = {name: statistics.median(values[1:]) for name, values in seconds.items()}
    milliseconds = {f"{name}, ms": round(1000 * value, 2) for name, value in medians.items()}
    return milliseconds | {"ONNX, times as fast": round(medians["PyTorch"] / medians["ONNX"], 2)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else find_model())
