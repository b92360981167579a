"""The mLSTM of RMI: the exact split against the textbook form, which runs one matrix over everything at every word.

    python -m benchmarks.mlstm

10 words, 40 x 40 locations, the paper's widths, one phrase. Expected: the split at least 4 times as fast. The split's
time holds the image's share too, which further phrases do not pay.
"""

import torch

from asgn.models.language import LanguageEncoder
from asgn.models.rmi import RecurrentFusion
from benchmarks.measure import medians, record
from tests.models.textbook import recurrent_fusion

WORDS, SIDE, REPEATS = 10, 40, 7


@torch.inference_mode()
def main() -> None:
    torch.manual_seed(0)
    fusion = RecurrentFusion(1008, 0, 1000, 1000, 500)
    image = torch.randn(1, 1008, SIDE, SIDE)
    language = LanguageEncoder(100, 1000, 1000)(torch.randint(4, 100, (1, WORDS)), torch.tensor([WORDS]))
    encoded = fusion.image_part(image, None)
    seconds = medians(
        {
            "textbook": lambda: recurrent_fusion(fusion, image, None, language),
            "split": lambda: fusion(fusion.image_part(image, None), language),
            "split, image encoded": lambda: fusion(encoded, language),
        },
        REPEATS,
    )
    difference = (fusion(encoded, language) - recurrent_fusion(fusion, image, None, language)).abs().max().item()
    record(
        "mlstm",
        {
            "seconds": {name: round(value, 4) for name, value in seconds.items()},
            "times as fast": round(seconds["textbook"] / seconds["split"], 2),
            "times as fast, image encoded": round(seconds["textbook"] / seconds["split, image encoded"], 2),
            "largest difference": difference,
        },
    )


if __name__ == "__main__":
    main()
