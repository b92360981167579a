"""Recurrent multimodal interaction, RMI: an LSTM over words at every location (protocol section 4)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asgn.models.language import Language
from asgn.models.pointwise import glorot_part_, pointwise


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
        word_channels = embedding_size + language_size
        self.gates_of_image = pointwise(image_channels, 4 * size, joined=word_channels + size)
        self.gates_of_word = nn.Linear(word_channels, 4 * size, bias=False)
        self.gates_of_state = pointwise(size, 4 * size, bias=False, joined=image_channels + word_channels)
        glorot_part_(self.gates_of_word.weight, image_channels + word_channels + size)
        self.join = pointwise(size, size, joined=detail_channels) if detail_channels else None
        self.join_detail = pointwise(detail_channels, size, bias=False, joined=size) if detail_channels else None
        self.out_channels = size

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
        if torch.compiler.is_exporting():
            return self._recur_scanned(image_gates, words, language.lengths)
        if torch.is_grad_enabled():
            return self._recur_together(image_gates, words, language.lengths)
        return self._recur_apart(image_gates, words, language.lengths.tolist())

    def _recur_together(self, image_gates: Tensor, words: Tensor, lengths: Tensor) -> Tensor:
        """All phrases and locations at once, for training."""
        phrases, count, _ = words.shape
        shape = (phrases, self.size, *image_gates.shape[-2:])
        hidden, cell = image_gates.new_zeros(shape), image_gates.new_zeros(shape)
        for t in range(count):
            gates = image_gates + words[:, t, :, None, None]
            if t > 0:
                gates = gates + self.gates_of_state(hidden)
            new_hidden, cell = _lstm_update(gates, cell)  # behind a phrase's end nothing reads its cell again
            hidden = torch.where((t < lengths).view(-1, 1, 1, 1), new_hidden, hidden)
        return hidden

    def _recur_scanned(self, image_gates: Tensor, words: Tensor, lengths: Tensor) -> Tensor:
        """All phrases at once by one operator: a graph cannot hold a Python loop over an unknown number of words."""
        from torch._higher_order_ops import scan  # loads the compiler

        state = image_gates.new_zeros(words.shape[0], self.size, *image_gates.shape[-2:])
        spoken = torch.arange(words.shape[1], device=lengths.device)[:, None] < lengths  # (T, P)
        recurrent = self.gates_of_state.weight

        def step(state: tuple[Tensor, Tensor], word: tuple[Tensor, Tensor]) -> tuple[tuple[Tensor, Tensor], Tensor]:
            hidden, cell = state
            gates = F.conv2d(hidden, recurrent) + image_gates + word[0][:, :, None, None]
            new_hidden, cell = _lstm_update(gates, cell)
            hidden = torch.where(word[1][:, None, None, None], new_hidden, hidden)
            return (hidden, cell), word[0][0, 0].clone()  # the operator must give something for each word

        (last, _), _ = scan(step, (state, torch.zeros_like(state)), (words.transpose(0, 1), spoken))
        hidden: Tensor = last
        return hidden

    def _recur_apart(self, image_gates: Tensor, words: Tensor, lengths: list[int]) -> Tensor:
        """One phrase at a time, in place and only through its own words."""
        height, width = image_gates.shape[-2:]
        locations = image_gates.flatten(2).expand(len(lengths), -1, -1)  # (P, 4 size, h w)
        recurrent = self.gates_of_state.weight.flatten(1).to(locations.dtype)
        spoken = [phrase[:length].to(locations.dtype) for phrase, length in zip(words, lengths, strict=True)]
        hidden = [_run_words(gates, phrase, recurrent) for gates, phrase in zip(locations, spoken, strict=True)]
        return torch.stack(hidden).view(-1, self.size, height, width)


def _run_words(image_gates: Tensor, words: Tensor, recurrent: Tensor) -> Tensor:
    """The mLSTM over words (T, 4 size) at n locations, in place: gates (4 size, n) to the last state (size, n)."""
    size = recurrent.shape[1]
    hidden, cell = image_gates.new_zeros(size, image_gates.shape[1]), image_gates.new_zeros(size, image_gates.shape[1])
    gates = torch.empty_like(image_gates)
    enter, candidate, forget, leave = gates.chunk(4)
    for t, word in enumerate(words):
        torch.add(image_gates, word[:, None], out=gates)
        if t > 0:
            gates.addmm_(recurrent, hidden)
        cell.mul_(forget.add_(1.0).sigmoid_()).addcmul_(enter.sigmoid_(), candidate.tanh_())
        torch.mul(leave.sigmoid_(), torch.tanh(cell), out=hidden)
    return hidden


def _lstm_update(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """One step of TensorFlow's BasicLSTMCell: gates i, j, f, o with 1 added to f."""
    enter, candidate, forget, leave = gates.chunk(4, dim=1)
    cell = torch.sigmoid(forget + 1.0) * cell + torch.sigmoid(enter) * torch.tanh(candidate)
    return torch.sigmoid(leave) * torch.tanh(cell), cell


def inverse_tanh(hidden: Tensor) -> Tensor:
    """atanh(h / 1.001), the base code's 0.5 * [ln(1.001 + h) - ln(1.001 - h)]."""
    return 0.5 * (torch.log(1.001 + hidden) - torch.log(1.001 - hidden))
