"""The words of a run: those of its phrases, behind those of the model it begins with, and those of word vectors."""

from collections.abc import Iterable

from torch import Tensor

from asgn.checkpoint import Model
from asgn.data.files.word_vectors import WordVectors
from asgn.data.vocabulary import SPECIAL, Subwords, Vocabulary
from asgn.models.paper_generator import PaperGenerator
from asgn.models.word_embedding import WordEmbedding


def extended_vocabulary(known: Vocabulary | None, texts: Iterable[str]) -> Vocabulary:
    """The words of `texts`, most frequent first, behind those that a trained model was trained on, in their order.

    A tokeniser knows them all.
    """
    if isinstance(known, Subwords):
        return known
    found = Vocabulary.build(texts)
    if known is None:
        return found
    trained = known.words[: known.trained]
    new = [word for word in found.words[len(SPECIAL) :] if word not in set(trained)]
    return Vocabulary([*trained, *new], known.strip)


def with_vectors(
    trained: Vocabulary, given: WordVectors | None, source: Model | None
) -> tuple[Vocabulary, Tensor | None]:
    """The vocabulary with all words that have a vector behind the trained ones, and a row for each word.

    The vectors are those given, else those of the trained model that the run begins with; None where there are none.
    """
    vectors = given or (None if source is None else _vectors_of(source))
    if vectors is None:
        return trained, None
    unseen = [word for word in vectors.words if word not in trained]
    vocabulary = Vocabulary([*trained.words, *unseen], trained.strip, len(trained))
    return vocabulary, vectors.rows_for(vocabulary.words)


def _vectors_of(model: Model) -> WordVectors | None:
    embedding = model.generator.language.embedding if isinstance(model.generator, PaperGenerator) else None
    if not isinstance(embedding, WordEmbedding):
        return None
    rows = embedding.scales.nonzero().flatten()
    words = tuple(model.vocabulary.words[row] for row in rows.tolist())
    return WordVectors(words, embedding.vectors()[rows].detach())
