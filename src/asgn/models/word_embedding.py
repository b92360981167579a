"""Words by known vectors: a frozen table with a learned projection, and a vector of its own for each trained word."""

import torch
from torch import Tensor, nn

_LEVELS = 127
"""The largest of 8 bits: a row of the table is its largest entry's size times whole numbers from -127 to 127."""


class WordEmbedding(nn.Module):
    """The embedding of word w is projection(table[w]) + own[w].

    A word of the table that training phrases never had lies near those they had that mean alike. `own` tells apart
    what the table does not, such as left and right, and has rows for trained words alone, which are the first ids;
    other words have none, as words without a vector have no row in the table. The table is held in 8 bits with a
    scale for each word, so that training sees the very numbers that a checkpoint keeps.

    Ids from the number of words on mean the same words again, by their vector alone (where they have one).
    """

    def __init__(self, words: int, trained: int, vector_size: int, size: int) -> None:
        super().__init__()
        self.words = words
        self.trained = trained
        self.own = nn.Embedding(trained, size)
        self.projection = nn.Linear(vector_size, size, bias=False)
        self.table: Tensor
        self.scales: Tensor
        self.register_buffer("table", torch.zeros(words, vector_size, dtype=torch.int8))
        self.register_buffer("scales", torch.zeros(words, dtype=torch.float16))
        nn.init.uniform_(self.own.weight, -0.08, 0.08)
        nn.init.normal_(self.projection.weight, std=0.1)

    def set_vectors(self, vectors: Tensor) -> None:
        """Fill the table from (words, vector_size); a row of zeros is no vector. Words with one start without own."""
        scales = (vectors.abs().amax(dim=1) / _LEVELS).half()
        has_vector = scales > 0
        levels = vectors / scales.float().where(has_vector, torch.ones(()))[:, None]
        self.table.copy_(levels.round().clamp(-_LEVELS, _LEVELS))
        self.scales.copy_(scales)
        with torch.no_grad():
            self.own.weight[has_vector[: self.trained]] = 0.0

    def vectors(self, ids: Tensor | None = None) -> Tensor:
        """The vectors of word ids (...) or of all words, as the network sees them: (..., vector_size)."""
        table, scales = (self.table, self.scales) if ids is None else (self.table[ids], self.scales[ids])
        return table.to(self.projection.weight.dtype) * scales.to(self.projection.weight.dtype)[..., None]

    def forward(self, tokens: Tensor) -> Tensor:
        """Word ids (P, T) to embeddings (P, T, size)."""
        by_vector = tokens >= self.words
        ids = torch.where(by_vector, tokens - self.words, tokens)
        has_own = (ids < self.trained) & ~(by_vector & (self.scales[ids] > 0))
        own = self.own(ids.clamp(max=self.trained - 1)) * has_own[..., None]
        embedded: Tensor = self.projection(self.vectors(ids)) + own
        return embedded
