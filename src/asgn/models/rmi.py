"""Recurrent multimodal interaction, RMI: an LSTM over words at every location (protocol section 4)."""

import torch
from torch import Tensor, nn

from asgn.models.language import Language


class RecurrentFusion(nn.Module):
    """The mLSTM of RMI, shared over locations, with DE joined behind it.

    The gates of the word t are W.[visual; word; state; spatial] + R.h + b. The image's share is computed once per
    image, the word's once per word, and only the recurrent product R.h touches every location for every word. Both
    states are held on padding. After the last word atanh and ReLU follow; with DE, a 1x1 convolution over
    [that; detail] and a ReLU, whose detail share is again the image's alone (protocol section 7).
    """

    def __init__(
        self, image_channels: int, detail_channels: int, embedding_size: int, language_size: int, size: int
    ) -> None:
        super().__init__()
        self.size = size
        self.gates_of_image = nn.Conv2d(image_channels, 4 * size, 1)
        self.gates_of_word = nn.Linear(embedding_size + language_size, 4 * size, bias=False)
        self.gates_of_state = nn.Conv2d(size, 4 * size, 1, bias=False)
        self._initialise_gates(image_channels + embedding_size + language_size)
        self.join = nn.Conv2d(size, size, 1) if detail_channels else None
        self.join_detail = nn.Conv2d(detail_channels, size, 1, bias=False) if detail_channels else None
        self._initialise_join(detail_channels)
        self.out_channels = size

    def _initialise_gates(self, input_channels: int) -> None:
        """Glorot's bound of the one concatenated matrix that the parts make up."""
        bound = (6 / (input_channels + self.size + 4 * self.size)) ** 0.5
        for part in (self.gates_of_image, self.gates_of_word, self.gates_of_state):
            nn.init.uniform_(part.weight, -bound, bound)
        assert self.gates_of_image.bias is not None
        nn.init.zeros_(self.gates_of_image.bias)

    def _initialise_join(self, detail_channels: int) -> None:
        if self.join is None or self.join_detail is None:
            return
        bound = (6 / (self.size + detail_channels + self.size)) ** 0.5
        nn.init.uniform_(self.join.weight, -bound, bound)
        nn.init.uniform_(self.join_detail.weight, -bound, bound)
        assert self.join.bias is not None
        nn.init.zeros_(self.join.bias)

    def image_part(self, image: Tensor, detail: Tensor | None) -> tuple[Tensor, ...]:
        """The image's share of the gates, (I, 4 size, h, w), and with DE of the join, (I, size, h, w)."""
        gates = self.gates_of_image(image)
        return (gates,) if self.join_detail is None else (gates, self.join_detail(detail))

    def forward(self, image_part: tuple[Tensor, ...], language: Language) -> Tensor:
        """The parts of one image, or of one image per phrase, and P phrases to (P, size, h, w)."""
        fused = torch.relu(inverse_tanh(self._recur(image_part[0], language)))
        if self.join is None:
            return fused
        return torch.relu(self.join(fused) + image_part[1])

    def _recur(self, image_gates: Tensor, language: Language) -> Tensor:
        """State after each phrase's last word, (P, size, h, w)."""
        words = self.gates_of_word(torch.cat([language.embedded, language.states], dim=-1))  # (P, T, 4 size)
        phrases, count, _ = words.shape
        shape = (phrases, self.size, *image_gates.shape[-2:])
        hidden, cell = image_gates.new_zeros(shape), image_gates.new_zeros(shape)
        for t in range(count):
            gates = image_gates + words[:, t, :, None, None]
            if t > 0:
                gates = gates + self.gates_of_state(hidden)
            new_hidden, new_cell = _lstm_update(gates, cell)
            spoken = (t < language.lengths).view(-1, 1, 1, 1)
            hidden, cell = torch.where(spoken, new_hidden, hidden), torch.where(spoken, new_cell, cell)
        return hidden


def _lstm_update(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """One step of TensorFlow's BasicLSTMCell: gates i, j, f, o with 1 added to f."""
    enter, candidate, forget, leave = gates.chunk(4, dim=1)
    cell = torch.sigmoid(forget + 1.0) * cell + torch.sigmoid(enter) * torch.tanh(candidate)
    return torch.sigmoid(leave) * torch.tanh(cell), cell


def inverse_tanh(hidden: Tensor) -> Tensor:
    """atanh(h / 1.001), the base code's 0.5 * [ln(1.001 + h) - ln(1.001 - h)]."""
    return 0.5 * (torch.log(1.001 + hidden) - torch.log(1.001 - hidden))
