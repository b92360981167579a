"""Begin a run from a trained model: its weights, and its words with the new data's behind them."""

from typing import Any

import torch
from torch import Tensor

from asgn.checkpoint import Model
from asgn.data.vocabulary import Vocabulary
from asgn.errors import CheckpointError
from asgn.models.detail import DetailEnhancement
from asgn.models.generator import Generator
from asgn.models.paper_generator import PaperGenerator
from asgn.models.semantic import SemanticMaskHead
from asgn.models.weights_file import load_exactly

_EMBEDDING = "language.embedding.weight"
_OWN = "language.embedding.own.weight"
_PROJECTION = "language.embedding.projection.weight"
_GIVEN = ("language.embedding.table", "language.embedding.scales")
"""What a run's own word vectors decide, whatever the model that it begins with had."""


def load_start(generator: Generator, vocabulary: Vocabulary, source: Model, origin: str) -> dict[str, Any]:
    """Give a generator the weights of a trained one, and say where they come from.

    New words keep what they have; so do DE and SE in a generator from outside of the package that had none.

    Raises:
        CheckpointError: the models differ in more than that, image size and adversarial training.
    """
    if isinstance(generator, PaperGenerator):
        tensors = _with_words(generator, vocabulary, source, origin)
    else:
        tensors = _with_parts(generator, source)
    load_exactly(generator, tensors, origin)
    backbone = {"backbone": source.provenance["backbone"]} if "backbone" in source.provenance else {}
    return {**backbone, "start": {key: source.provenance[key] for key in source.provenance if key != "backbone"}}


def _with_parts(generator: Generator, source: Model) -> dict[str, Tensor]:
    """The trained weights, and what DE and SE begin with where they are new: what the trained model lacks is theirs."""
    tensors, trained = dict(source.generator.state_dict()), list(source.generator.modules())
    for part in (DetailEnhancement, SemanticMaskHead):
        is_new = not any(isinstance(module, part) for module in trained)
        if is_new and any(isinstance(module, part) for module in generator.modules()):
            return {**{name: value for name, value in generator.state_dict().items() if name not in tensors}, **tensors}
    return tensors


def _with_words(generator: PaperGenerator, vocabulary: Vocabulary, source: Model, origin: str) -> dict[str, Tensor]:
    known = source.vocabulary.words[: source.vocabulary.trained]
    if vocabulary.words[: len(known)] != known:
        raise CheckpointError(f"the vocabulary does not begin with the words of {origin}: leave --vocabulary out")
    tensors = dict(source.generator.state_dict())
    fresh = generator.state_dict()
    learned = tensors.pop(_OWN if _OWN in tensors else _EMBEDDING)
    own = _OWN if _OWN in fresh else _EMBEDDING
    same_size = fresh[own].shape[1] == learned.shape[1]
    tensors[own] = torch.cat([learned, fresh[own][len(learned) :]]) if same_size else learned
    tensors |= {name: fresh[name] for name in _GIVEN if name in fresh}
    if _PROJECTION in fresh:
        tensors.setdefault(_PROJECTION, fresh[_PROJECTION])
    return tensors
