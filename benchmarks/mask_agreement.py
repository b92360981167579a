"""Whether R+LSTM's masks survive an encode in bfloat16: IoU of the two masks over 50 scenes after short training.

    python -m benchmarks.mask_agreement [WEIGHTS]

Synthetic scenes, one phrase each. WEIGHTS is a ResNet-101 state dict; without it the backbone is random, which
leaves the masks poor but asks the same of the arithmetic. The head is trained on the frozen backbone's stored features.
Expected: a mean IoU of at least 0.99.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from asgn.config import ModelConfig
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.data.transforms import resize_and_pad_image, resize_and_pad_mask
from asgn.data.vocabulary import Vocabulary
from asgn.losses import target_on_grid, weighted_cross_entropy
from asgn.models.build import build_generator
from asgn.models.generator import Generator, ImageFeatures
from asgn.models.pretrained import load_backbone_weights
from asgn.models.spatial import spatial_coordinates
from asgn.variants import Variant
from benchmarks.measure import record

SCENES, STEPS, BATCH, SIDE = 50, 300, 5, 320
NEGATIVE_WEIGHT = 0.1
"""Objects are small; so weighed, masks are not empty after a short training."""


def main() -> None:
    torch.manual_seed(0)
    data = SyntheticDataset("val", scenes=SCENES, absent=False)
    expressions = [data.expressions_of(scene)[0] for scene in data.image_ids()]
    vocabulary = Vocabulary.build(item.text for item in expressions)
    variant = Variant.parse("R+LSTM")
    generator = build_generator(ModelConfig.for_variant(variant, len(vocabulary)))
    weights = Path(sys.argv[1]) if len(sys.argv) > 1 else "random"
    provenance = load_backbone_weights(generator, variant, weights)
    generator.eval().to(memory_format=torch.channels_last)
    images = torch.stack([square(data.image(item.image_id)) for item in expressions])
    masks = torch.stack([resize_and_pad_mask(torch.from_numpy(data.mask(item)), SIDE) for item in expressions])
    ids = [torch.tensor(vocabulary.encode(item.text).ids) for item in expressions]
    tokens = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    lengths = torch.tensor([len(phrase) for phrase in ids])

    loss = train(generator, images, masks, tokens, lengths)
    exact = predict(generator, images, tokens, lengths, half=False)
    rounded = predict(generator, images, tokens, lengths, half=True)
    filled = (exact | rounded).flatten(1).any(dim=1)
    agreement = iou(rounded[filled], exact[filled])
    record(
        "mask_agreement",
        {
            "backbone": provenance.source,
            "scenes": SCENES,
            "training steps": STEPS,
            "last weighted cross entropy, mean": round(loss, 4),
            "scenes with empty masks, left out below": int((~filled).sum()),
            "IoU of float32 with the truth, mean": round(iou(exact, masks).mean().item(), 4),
            "IoU of bfloat16 with float32, mean": round(agreement.mean().item(), 4),
            "IoU of bfloat16 with float32, lowest": round(agreement.min().item(), 4),
            "IoU of bfloat16 with float32, overall": round(
                ((rounded & exact).sum() / (rounded | exact).sum()).item(), 4
            ),
        },
    )


def square(image: np.ndarray) -> Tensor:
    return resize_and_pad_image(torch.from_numpy(image.copy()).permute(2, 0, 1), SIDE)


def train(generator: Generator, images: Tensor, masks: Tensor, tokens: Tensor, lengths: Tensor) -> float:
    """Adam on the head over stored features; gives the last loss."""
    with torch.no_grad():
        last = torch.cat([generator.backbone(image[None])[generator.backbone.output] for image in images])
    target = target_on_grid(masks, generator.stride)
    optimizer = torch.optim.Adam([w for w in generator.parameters() if w.requires_grad], lr=2.5e-4)
    loss = torch.zeros(())
    for _ in range(STEPS):
        chosen = torch.randperm(SCENES)[:BATCH]
        image = generator.describe(last[chosen], spatial_coordinates(last))
        features = ImageFeatures(generator.fusion.image_part(image, None), None)
        logits = generator.decode(features, tokens[chosen], lengths[chosen])
        loss = weighted_cross_entropy(logits, target[chosen], NEGATIVE_WEIGHT)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


@torch.inference_mode()
def predict(generator: Generator, images: Tensor, tokens: Tensor, lengths: Tensor, *, half: bool) -> Tensor:
    """Masks (P, S, S), the image encoded in either precision, the phrase in float32."""
    masks = []
    for p, image in enumerate(images):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            features = generator.encode(image[None])
        single = ImageFeatures(tuple(part.float() for part in features.fusion), None)
        grid = generator.decode(single, tokens[p : p + 1], lengths[p : p + 1])
        masks.append(generator.upsample(grid)[0, 0] >= 1e-9)
    return torch.stack(masks)


def iou(left: Tensor, right: Tensor) -> Tensor:
    """Of each pair of masks, not both empty."""
    return (left & right).flatten(1).sum(dim=1) / (left | right).flatten(1).sum(dim=1)


if __name__ == "__main__":
    main()
