"""The textbook forms of what the package computes in another way: the oracles of these tests and of benchmarks."""

import math

import numpy as np
import torch
from torch import Tensor

from asgn.models.fusion import SentenceFusion
from asgn.models.language import Language, LanguageEncoder
from asgn.models.rmi import RecurrentFusion


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def basic_lstm_cell(x, state, weights, bias):
    """TensorFlow's BasicLSTMCell on vectors: one matrix over [x; h], gates i, j, f, o, forget bias 1."""
    hidden, cell = state
    enter, candidate, forget, leave = np.split(weights @ np.concatenate([x, hidden]) + bias, 4)
    cell = sigmoid(forget + 1.0) * cell + sigmoid(enter) * np.tanh(candidate)
    return sigmoid(leave) * np.tanh(cell), cell


def lstm_over_front_padded(encoder: LanguageEncoder, sentence: list[int], total: int, *, hold: bool):
    """The word LSTM over pads (id 0) and then the sentence; pads hold the state or are read as words."""
    parameters = {name: value.detach().double().numpy() for name, value in encoder.lstm.named_parameters()}
    # PyTorch orders the gates i, f, g, o; the cell here i, j, f, o.
    size = encoder.lstm.hidden_size
    order = np.concatenate([np.arange(size) + k * size for k in (0, 2, 1, 3)])
    weights = np.concatenate([parameters["weight_ih_l0"], parameters["weight_hh_l0"]], axis=1)[order]
    bias = parameters["bias_ih_l0"][order]
    embedding = encoder.embedding.weight.detach().double().numpy()
    state, states = (np.zeros(size), np.zeros(size)), []
    for word in [0] * (total - len(sentence)) + sentence:
        if word != 0 or not hold:
            state = basic_lstm_cell(embedding[word], state, weights, bias)
            states.append(state[0])
    return np.stack(states)


def sentence_fusion(fusion: SentenceFusion, image: Tensor, detail: Tensor | None, sentence: Tensor) -> Tensor:
    """ReLU(conv1([visual, spatial; detail; tiled sentence])) with one concatenated weight."""
    height, width = image.shape[-2:]
    tiled = sentence[:, :, None, None].expand(-1, -1, height, width)
    parts = [image, *([] if detail is None else [detail])]
    joined = torch.cat([*(part.expand(len(tiled), -1, -1, -1) for part in parts), tiled], dim=1)
    weight = torch.cat([fusion.image.weight, fusion.language.weight[:, :, None, None]], dim=1)
    return torch.relu(torch.nn.functional.conv2d(joined, weight, fusion.image.bias))


def recurrent_fusion(fusion: RecurrentFusion, image: Tensor, detail: Tensor | None, language: Language) -> Tensor:
    """RMI as it is written: at each word one matrix over [visual, spatial; word; state; h] at every location."""
    phrases, count, _ = language.embedded.shape
    height, width = image.shape[-2:]
    image = image.expand(phrases, -1, -1, -1)
    hidden = image.new_zeros(phrases, fusion.size, height, width)
    cell = torch.zeros_like(hidden)
    weight = mlstm_matrix(fusion)
    total = count
    for t in range(total):  # padded in front: phrase p speaks its first word at total - length
        word = (t - (total - language.lengths)).clamp(min=0)
        spoken = t >= total - language.lengths
        index = torch.arange(phrases)
        words = torch.cat([language.embedded[index, word], language.states[index, word]], dim=1)
        tiled = words[:, :, None, None].expand(-1, -1, height, width)
        joined = torch.cat([image, tiled, hidden], dim=1)
        gates = torch.nn.functional.conv2d(joined, weight, fusion.gates_of_image.bias)
        enter, candidate, forget, leave = gates.chunk(4, dim=1)
        new_cell = torch.sigmoid(forget + 1) * cell + torch.sigmoid(enter) * torch.tanh(candidate)
        new_hidden = torch.sigmoid(leave) * torch.tanh(new_cell)
        held = ~spoken[:, None, None, None]
        hidden, cell = torch.where(held, hidden, new_hidden), torch.where(held, cell, new_cell)
    fused = torch.relu(torch.atanh(hidden / 1.001))
    if detail is None:
        return fused
    joined = torch.cat([fused, detail.expand(phrases, -1, -1, -1)], dim=1)
    weight = torch.cat([fusion.join.weight, fusion.join_detail.weight], dim=1)
    return torch.relu(torch.nn.functional.conv2d(joined, weight, fusion.join.bias))


def mlstm_matrix(fusion: RecurrentFusion) -> Tensor:
    """The mLSTM's one matrix, (4 size, image + word + size, 1, 1)."""
    parts = [fusion.gates_of_image.weight, fusion.gates_of_word.weight[:, :, None, None], fusion.gates_of_state.weight]
    return torch.cat(parts, dim=1)


def legacy_bilinear(grid, factor):
    """TensorFlow 1's resize_bilinear of (h, w) by a whole factor: source = pixel / factor, clamped."""
    height, width = grid.shape
    out = np.zeros((height * factor, width * factor))
    for y in range(height * factor):
        for x in range(width * factor):
            top, left = math.floor(y / factor), math.floor(x / factor)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            down, across = y / factor - top, x / factor - left
            upper = (1 - across) * grid[top, left] + across * grid[top, right]
            lower = (1 - across) * grid[bottom, left] + across * grid[bottom, right]
            out[y, x] = (1 - down) * upper + down * lower
    return out


def same_padded_transposed_convolution(grid, kernel, factor):
    """TensorFlow's conv2d_transpose of (h, w), padding SAME: cell (i, j) stamps the kernel, the rim is cropped."""
    height, width = grid.shape
    side = len(kernel)
    full = np.zeros(((height - 1) * factor + side, (width - 1) * factor + side))
    for i in range(height):
        for j in range(width):
            full[i * factor : i * factor + side, j * factor : j * factor + side] += grid[i, j] * kernel
    rim = (side - factor) // 2
    return full[rim : rim + height * factor, rim : rim + width * factor]


def dilated_convolution(image, kernel, dilation):
    """Plain loops over one channel, zeros outside: out[y, x] = sum of k[a, b] * image[y + (a-1) d, x + (b-1) d]."""
    height, width = image.shape
    out = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            for a in range(3):
                for b in range(3):
                    row, column = y + (a - 1) * dilation, x + (b - 1) * dilation
                    if 0 <= row < height and 0 <= column < width:
                        out[y, x] += kernel[a, b] * image[row, column]
    return out
