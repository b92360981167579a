"""What a row costs: parameters, operations, and the size of its training checkpoint as Table V counts it."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from asgn.config import ModelConfig
from asgn.models.build import build_generator
from asgn.models.discriminator import Discriminator
from asgn.models.generator import Generator
from asgn.variants import Variant

WORDS = 10
"""Words of the phrase whose operations are counted."""
_CONSTANT = "language.lstm.bias_hh_l0"
_BYTES_PER_FLOAT = 4
_OPTIMISER_SCALARS = 3


@dataclass(frozen=True)
class Complexity:
    """Costs of one row. The discriminator is used in training only."""

    parameters: int
    """Of the generator, backbone included."""
    trainable_parameters: int
    """Those of `parameters` that are trained while the backbone is frozen."""
    discriminator_parameters: int
    """0 without adversarial training."""
    encode_flops: int
    """Operations for one image of the row's own size; a multiplication and an addition count as two."""
    phrase_flops: int
    """Operations for one phrase of ten words over an encoded image, upsampling included."""
    checkpoint_megabytes: float
    """Table V's "memory": all weights and batch-norm statistics, two moments of Adam for each trained weight, and
    Adam's three scalars, in 10^6 bytes of float32, to two decimals (protocol section 0)."""


def complexity(config: ModelConfig, named_by_user: bool = False) -> Complexity:
    """Count a row's costs without computing anything or holding its weights.

    Raises as `build_generator`, whose arguments these are.
    """
    with torch.device("meta"):
        generator = build_generator(config, named_by_user)
        discriminator = Discriminator() if Variant.parse(config.variant).adversarial else None
    generator.to("meta")
    weights = {name: weight for name, weight in generator.named_parameters() if name != _CONSTANT}
    judge = 0 if discriminator is None else _count(discriminator.parameters())
    trained = _count(weight for weight in weights.values() if weight.requires_grad)
    floats = _count(weights.values()) + _count_statistics(generator) + 2 * trained + _OPTIMISER_SCALARS
    if discriminator is not None:
        floats += 3 * judge + _count_statistics(discriminator)
    encode_flops, phrase_flops = _count_operations(generator, config.image_size)
    return Complexity(
        parameters=_count(weights.values()),
        trainable_parameters=trained,
        discriminator_parameters=judge,
        encode_flops=encode_flops,
        phrase_flops=phrase_flops,
        checkpoint_megabytes=round(floats * _BYTES_PER_FLOAT / 1e6, 2),
    )


def _count(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)


def _count_statistics(network: nn.Module) -> int:
    """Means and variances of batch norm; the counters beside them are no floats and not TensorFlow's."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    return 2 * sum(norm.num_features for norm in norms)


def _count_operations(generator: Generator, size: int) -> tuple[int, int]:
    """Of one image, and of one phrase."""
    image = torch.empty(1, 3, size, size, dtype=torch.uint8, device="meta")
    tokens = torch.ones(1, WORDS, dtype=torch.int64, device="meta")
    lengths = torch.full((1,), WORDS, device="meta")
    with FlopCounterMode(display=False) as of_image:
        features = generator.encode(image)
    with FlopCounterMode(display=False) as of_phrase:
        generator.upsample(generator.decode(features, tokens, lengths))
    return of_image.get_total_flops(), of_phrase.get_total_flops()
