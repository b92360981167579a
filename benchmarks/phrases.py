"""A further phrase on an encoded image, 8 in a batch, against encoding the image again for it.

    python -m benchmarks.phrases

Random weights, phrases of 10 words, each row's own sizes. Expected: R+LSTM at least 20 times as fast, R+RMI at
least twice.
"""

import torch

from asgn.config import ModelConfig
from asgn.models.build import build_generator
from asgn.variants import Variant
from benchmarks.measure import medians, record

ROWS = ("R+LSTM", "R+LSTM+DE+SE+AT", "R+RMI", "M+LSTM", "M+LSTM+DE+SE+AT", "M+RMI")
WORDS, PHRASES, REPEATS = 10, 8, 7


@torch.inference_mode()
def measure(row: str) -> dict[str, float]:
    torch.manual_seed(0)
    config = ModelConfig.for_variant(Variant.parse(row), 12112)
    generator = build_generator(config).eval().to(memory_format=torch.channels_last)
    image = torch.randint(0, 256, (1, 3, config.image_size, config.image_size), dtype=torch.uint8)
    tokens, lengths = torch.randint(4, 12112, (PHRASES, WORDS)), torch.full((PHRASES,), WORDS)
    encoded = generator.encode(image)
    seconds = medians(
        {
            "encode": lambda: generator.encode(image),
            "again": lambda: generator.upsample(generator.decode(generator.encode(image), tokens[:1], lengths[:1])),
            "batch": lambda: generator.upsample(generator.decode(encoded, tokens, lengths)),
        },
        REPEATS,
    )
    further = seconds["batch"] / PHRASES
    return {
        "encode seconds": round(seconds["encode"], 4),
        "seconds of a phrase, encoding again": round(seconds["again"], 4),
        "seconds of a further phrase": round(further, 5),
        "times as fast": round(seconds["again"] / further, 2),
        "further phrase / encode": round(further / seconds["encode"], 4),
    }


if __name__ == "__main__":
    record("phrases", {row: measure(row) for row in ROWS})
