"""The language encoder (Sec. III-C, Eq. 4): words to a sentence vector."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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


class LanguageEncoder(nn.Module):
    """Word embedding and one-layer LSTM.

    Sentences are padded behind; the state after a sentence's last word is picked out, which equals holding the
    state on pads (protocol section 2). As in TensorFlow's cell there is one bias, and 1 is added to the forget
    gate: here that constant is the second, untrained bias of PyTorch's cell.
    """

    def __init__(self, vocabulary_size: int, embedding_size: int, language_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.lstm = nn.LSTM(embedding_size, language_size, batch_first=True)
        nn.init.uniform_(self.embedding.weight, -0.08, 0.08)
        nn.init.xavier_uniform_(self.lstm.weight_ih_l0)
        nn.init.xavier_uniform_(self.lstm.weight_hh_l0)
        nn.init.zeros_(self.lstm.bias_ih_l0)
        with torch.no_grad():
            self.lstm.bias_hh_l0.zero_()
            self.lstm.bias_hh_l0[language_size : 2 * language_size] = 1.0
        self.lstm.bias_hh_l0.requires_grad_(False)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Language:
        """Encode (P, T) word ids of (P,) lengths, each length at least 1."""
        embedded = self.embedding(tokens)
        hidden, _ = self.lstm(embedded)
        states = F.normalize(hidden, dim=-1)
        last = (lengths - 1).view(-1, 1, 1).expand(-1, 1, states.shape[-1])
        return Language(embedded, states, states.gather(1, last).squeeze(1), lengths)
