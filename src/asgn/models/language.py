"""The language encoder (Sec. III-C, Eq. 4): words to a sentence vector."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asgn.models.word_embedding import WordEmbedding


class Language(NamedTuple):
    """P encoded phrases of T words; entries behind a phrase's length are meaningless."""

    embedded: Tensor
    """(P, T, E) word embeddings."""
    states: Tensor
    """(P, T, L) LSTM states, each of unit length."""
    sentence: Tensor
    """(P, L) state after the last word, of unit length."""
    lengths: Tensor
    """(P,) words of each phrase."""

    def of(self, phrase: int) -> "Language":
        """One phrase's."""
        return Language(*(part[phrase : phrase + 1] for part in self))


class LanguageEncoder(nn.Module):
    """Word embedding and one-layer LSTM.

    Sentences are right-padded; the state after a sentence's last word is picked out, which equals holding the
    state on pads (protocol section 2). As in TensorFlow's cell there is one bias, and 1 is added to the forget
    gate: here that constant is the second, untrained bias of PyTorch's cell.

    With `fed_pads`, every sentence is padded in front to that many words and the pads are read as words are: so does
    SNLE, whose state at a sentence's first word depends on the sentence's length. Words have a vector each, all
    learned, unless another `embedding` is given.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_size: int,
        language_size: int,
        fed_pads: int | None = None,
        embedding: WordEmbedding | None = None,
    ) -> None:
        super().__init__()
        self.fed_pads = fed_pads
        self.embedding = embedding or nn.Embedding(vocabulary_size, embedding_size)
        self.lstm = nn.LSTM(embedding_size, language_size, batch_first=True)
        if isinstance(self.embedding, nn.Embedding):  # drawn after the LSTM: a seed decides by the order
            nn.init.uniform_(self.embedding.weight, -0.08, 0.08)
        self._initialise(language_size)

    def _initialise(self, size: int) -> None:
        parameters = dict(self.lstm.named_parameters())
        nn.init.xavier_uniform_(parameters["weight_ih_l0"])
        nn.init.xavier_uniform_(parameters["weight_hh_l0"])
        nn.init.zeros_(parameters["bias_ih_l0"])
        constant = parameters["bias_hh_l0"].requires_grad_(False)
        constant.zero_()
        constant[size : 2 * size] = 1.0

    def forward(self, tokens: Tensor, lengths: Tensor) -> Language:
        """Encode (P, T) word ids of (P,) lengths, each length at least 1."""
        if self.fed_pads is not None:
            tokens, lengths = pad_in_front(tokens, lengths, self.fed_pads)
        embedded = self.embedding(tokens)
        hidden, _ = self.lstm(embedded)
        states = F.normalize(hidden, dim=-1)
        last = (lengths - 1).view(-1, 1, 1).expand(-1, 1, states.shape[-1])
        return Language(embedded, states, states.gather(1, last).squeeze(1), lengths)


def pad_in_front(tokens: Tensor, lengths: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """(P, T) right-padded sentences to (P, size), left-padded with id 0; longer ones lose their first words."""
    position = torch.arange(size, device=tokens.device) - (size - lengths)[:, None]  # (P, size)
    shifted = tokens.gather(1, position.clamp(min=0)).masked_fill(position < 0, 0)
    return shifted, torch.full_like(lengths, size)
