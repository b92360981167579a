"""A CLIPSeg of random weights in the layout of transformers, as a download of CIDAS/clipseg-rd64-refined is."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

LETTERS = [chr(number) for number in range(33, 127)]
MARKS = ["<|startoftext|>", "<|endoftext|>"]
SIDE = 64


def write_tiny_clipseg(folder: Path, refined: bool = True) -> None:
    """Words are spelt in letters. `refined` has the published model's decoder."""
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, CLIPTokenizer

    words = [*LETTERS, *(letter + "</w>" for letter in LETTERS), *MARKS]
    small = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    config = CLIPSegConfig(
        vision_config={**small, "num_hidden_layers": 5, "patch_size": 16, "image_size": SIDE},
        text_config={
            **small, "num_hidden_layers": 2, "vocab_size": len(words),
            "bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1,
        },
        projection_dim=8, reduce_dim=8, extract_layers=(0, 1, 3), decoder_intermediate_size=16,
        use_complex_transposed_convolution=refined,
    )  # fmt: skip
    torch.manual_seed(0)
    network = CLIPSegForImageSegmentation(config)
    for name, weight in network.named_parameters():
        if weight.ndim > 1 and not name.startswith("clip."):
            torch.nn.init.normal_(weight, std=0.3)  # so that phrases differ by more than rounding
    folder.mkdir(parents=True, exist_ok=True)
    save_file(network.state_dict(), folder / "model.safetensors")
    config.save_pretrained(folder)
    CLIPTokenizer(vocab={word: index for index, word in enumerate(words)}, merges=[]).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"height": SIDE, "width": SIDE}}))
