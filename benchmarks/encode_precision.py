"""R+LSTM's encode: bfloat16 in channels_last against float32 in PyTorch's default layout, eager both.

    python -m benchmarks.encode_precision

One image of 320 x 320, random weights; the timing depends on no weight. How far masks agree is measured on trained
weights, in benchmarks/mask_agreement.py. On processors without bfloat16 arithmetic the first may be the slower one.
"""

import torch

from asgn.config import ModelConfig
from asgn.models.build import build_generator
from asgn.variants import Variant
from benchmarks.measure import medians, record

REPEATS = 9


@torch.inference_mode()
def main() -> None:
    torch.manual_seed(0)
    config = ModelConfig.for_variant(Variant.parse("R+LSTM"), 12112)
    plain = build_generator(config).eval()
    last = build_generator(config).eval().to(memory_format=torch.channels_last)
    image = torch.randint(0, 256, (1, 3, config.image_size, config.image_size), dtype=torch.uint8)

    def encode_in_bfloat16() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            last.encode(image)

    seconds = medians(
        {
            "float32": lambda: plain.encode(image),
            "float32, channels_last": lambda: last.encode(image),
            "bfloat16, channels_last": encode_in_bfloat16,
        },
        REPEATS,
    )
    record(
        "encode_precision",
        {
            "seconds": {name: round(value, 4) for name, value in seconds.items()},
            "times as fast": round(seconds["float32"] / seconds["bfloat16, channels_last"], 2),
        },
    )


if __name__ == "__main__":
    main()
