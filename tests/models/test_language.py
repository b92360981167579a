import numpy as np
import pytest
import torch

from asgn.models.language import LanguageEncoder, pad_in_front
from tests.models.textbook import lstm_over_front_padded

SENTENCES = [[4, 5, 6, 7], [8, 9], [3], [10, 4, 4, 12, 13]]
LENGTHS = torch.tensor([len(sentence) for sentence in SENTENCES])


def padded_behind():
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(sentence) for sentence in SENTENCES], batch_first=True)


def unit(vector):
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def encoder(fed_pads=None):
    torch.manual_seed(0)
    module = LanguageEncoder(14, 9, 7, fed_pads)
    with torch.no_grad():
        module.lstm.bias_ih_l0.normal_()
        module.embedding.weight.normal_()
    return module


def test_equals_an_lstm_that_holds_its_state_on_pads_in_front():
    module = encoder()
    with torch.no_grad():
        language = module(padded_behind(), LENGTHS)
    for p, sentence in enumerate(SENTENCES):
        states = lstm_over_front_padded(module, sentence, 20, hold=True)
        assert language.sentence[p].numpy() == pytest.approx(unit(states[-1]), abs=1e-5)
        assert language.states[p, : len(sentence)].numpy() == pytest.approx(unit(states), abs=1e-5)
        assert torch.equal(language.embedded[p, : len(sentence)], module.embedding.weight[sentence])


def test_snle_reads_its_pads():
    module = encoder(fed_pads=6)
    with torch.no_grad():
        language = module(padded_behind(), LENGTHS)
    for p, sentence in enumerate(SENTENCES):
        states = lstm_over_front_padded(module, sentence, 6, hold=False)
        assert language.sentence[p].numpy() == pytest.approx(unit(states[-1]), abs=1e-5)
    held = lstm_over_front_padded(module, SENTENCES[1], 6, hold=True)
    assert np.abs(language.sentence[1].numpy() - unit(held[-1])).max() > 1e-3


def test_pads_move_to_the_front():
    tokens, lengths = pad_in_front(padded_behind(), LENGTHS, 5)
    assert tokens.tolist() == [[0, 4, 5, 6, 7], [0, 0, 0, 8, 9], [0, 0, 0, 0, 3], [10, 4, 4, 12, 13]]
    assert lengths.tolist() == [5, 5, 5, 5]


def test_only_one_bias_is_trained_and_the_forget_gate_starts_open():
    module = LanguageEncoder(14, 9, 7)
    trained = {name for name, weight in module.lstm.named_parameters() if weight.requires_grad}
    assert trained == {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0"}
    assert module.lstm.bias_hh_l0.tolist() == [0.0] * 7 + [1.0] * 7 + [0.0] * 14


def test_words_start_within_their_range():
    weight = LanguageEncoder(500, 40, 7).embedding.weight
    assert -0.08 <= weight.min() < -0.079
    assert 0.079 < weight.max() <= 0.08
