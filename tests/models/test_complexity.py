import pytest

from asgn.config import ModelConfig
from asgn.models.complexity import complexity
from asgn.variants import Variant


def cost(row, vocabulary_size=12112, **changes):
    return complexity(ModelConfig.for_variant(Variant.parse(row), vocabulary_size, **changes))


def test_table_five():
    base, full = cost("R+LSTM"), cost("R+LSTM+DE+SE+AT")
    assert base.trainable_parameters == 23_170_001
    assert f"{base.checkpoint_megabytes:.2f}" == "448.46"
    assert full.trainable_parameters == 25_206_851
    assert full.discriminator_parameters == 693_601
    assert f"{full.checkpoint_megabytes:.2f}" == "481.23"


def test_rmi_has_as_many_weights_as_the_base_code():
    assert cost("R+RMI").trainable_parameters == 29_183_501


def test_trainable_weights_by_hand():
    """R+LSTM: fc1000, embedding, LSTM with one bias, conv1 over [1000; 1000; 8], conv2."""
    fc1000 = 2048 * 1000 + 1000
    language = 50 * 1000 + (1000 + 1000) * 4000 + 4000
    fusion = 2008 * 500 + 500 + 500 + 1
    assert cost("R+LSTM", 50).trainable_parameters == fc1000 + language + fusion
    detail = 400 * (512 + 1024 + 2048) + 3 * 400 + 1200 * 500
    semantic = 2048 + 1 + 1
    assert cost("R+LSTM+DE+SE", 50).trainable_parameters == fc1000 + language + fusion + detail + semantic


def test_frozen_weights_are_torchvisions_backbone():
    base = cost("R+LSTM")
    assert base.parameters - base.trainable_parameters == 44_549_160 - (2048 * 1000 + 1000)


def test_a_phrases_operations_by_hand():
    lstm = 10 * 2 * (1000 + 1000) * 4000
    fusion = 2 * 1000 * 500 + 2 * 1600 * 500
    assert cost("R+LSTM").phrase_flops == lstm + fusion
    gates_of_words = 10 * 2 * 2000 * 2000
    recurrent = 9 * 2 * 1600 * 500 * 2000
    assert cost("R+RMI").phrase_flops == lstm + gates_of_words + recurrent + 2 * 1600 * 500


def test_snle_trains_its_classifier_layers_at_512():
    snle = cost("SNLE")
    frozen = 14_714_688  # VGG-16's thirteen convolutions
    assert snle.parameters - snle.trainable_parameters == frozen
    fc6, fc7, fc8 = 512 * 49 * 4096 + 4096, 4096 * 4096 + 4096, 4096 * 1000 + 1000
    language = 12112 * 1000 + 2000 * 4000 + 4000
    assert snle.trainable_parameters == fc6 + fc7 + fc8 + language + 2008 * 500 + 500 + 501 + 64 * 64
    assert snle.encode_flops == pytest.approx(2 * 512**2 / 224**2 * 15.35e9 + 2 * 256 * (fc6 + fc7 + fc8), rel=0.02)
