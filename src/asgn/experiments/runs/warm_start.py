"""Begin a run from a trained model: its weights, and its words with the new data's behind them."""

from collections.abc import Iterable
from typing import Any

import torch

from asgn.checkpoint import Model
from asgn.data.vocabulary import SPECIAL, Vocabulary
from asgn.errors import CheckpointError
from asgn.models.generator import Generator
from asgn.models.weights_file import load_exactly

_EMBEDDING = "language.embedding.weight"


def extended_vocabulary(known: Vocabulary | None, texts: Iterable[str]) -> Vocabulary:
    """The words of `texts`, most frequent first, behind those of a trained model in their order."""
    found = Vocabulary.build(texts)
    if known is None:
        return found
    new = [word for word in found.words[len(SPECIAL) :] if word not in known]
    return Vocabulary([*known.words, *new], known.strip)


def load_start(generator: Generator, vocabulary: Vocabulary, source: Model, origin: str) -> dict[str, Any]:
    """Give a generator the weights of a trained one, and say where they come from; new words keep what they have.

    Raises:
        CheckpointError: the models differ in more than words, image size and adversarial training.
    """
    known = source.vocabulary.words
    if vocabulary.words[: len(known)] != known:
        raise CheckpointError(f"the vocabulary does not begin with the words of {origin}: leave --vocabulary out")
    tensors = dict(source.generator.state_dict())
    fresh = generator.state_dict()[_EMBEDDING]
    if fresh.shape[1] == tensors[_EMBEDDING].shape[1]:
        tensors[_EMBEDDING] = torch.cat([tensors[_EMBEDDING], fresh[len(known) :]])
    load_exactly(generator, tensors, origin)
    backbone = {"backbone": source.provenance["backbone"]} if "backbone" in source.provenance else {}
    return {**backbone, "start": {key: source.provenance[key] for key in source.provenance if key != "backbone"}}
