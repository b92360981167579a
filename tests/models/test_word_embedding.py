import pytest
import torch

from asgn.config import ModelConfig
from asgn.models.build import build_generator
from asgn.models.word_embedding import WordEmbedding
from asgn.variants import Variant

WORDS, TRAINED = 12, 5


def table():
    """Unit vectors; the words 0, 4 and 11 have none, and word 7 lies near word 3."""
    vectors = torch.randn(WORDS, 6, generator=torch.Generator().manual_seed(0))
    vectors[7] = vectors[3] + 0.05 * vectors[8]
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    vectors[[0, 4, 11]] = 0
    return vectors


@pytest.fixture
def embedding():
    torch.manual_seed(0)
    module = WordEmbedding(WORDS, TRAINED, 6, 9)
    module.set_vectors(table())
    return module


def test_a_word_is_its_projected_vector_and_its_own(embedding):
    torch.nn.init.normal_(embedding.own.weight)
    tokens = torch.tensor([[0, 3, 4], [7, 11, 1]])
    with torch.no_grad():
        embedded = embedding(tokens)
        for row, column in ((0, 0), (0, 1), (0, 2), (1, 2)):
            word = tokens[row, column]
            vector = embedding.table[word].float() * embedding.scales[word].float()
            expected = embedding.projection.weight @ vector + embedding.own.weight[word]
            torch.testing.assert_close(embedded[row, column], expected)
        torch.testing.assert_close(embedded[1, 0], embedding.projection.weight @ embedding.vectors()[7])
        assert not embedded[1, 1].any()


def test_eight_bits_keep_a_vector_to_half_a_level(embedding):
    error = (embedding.vectors() - table()).abs().amax(dim=1)
    assert (error <= table().abs().amax(dim=1) / 127 * 0.51 + 1e-7).all()
    assert embedding.table.dtype == torch.int8


def test_what_was_quantised_stays_bit_for_bit(embedding):
    again = WordEmbedding(WORDS, TRAINED, 6, 9)
    again.set_vectors(embedding.vectors().detach())
    assert torch.equal(again.table, embedding.table)
    assert torch.equal(again.scales, embedding.scales)


def test_a_word_never_trained_lies_near_its_neighbour_at_the_start(embedding):
    with torch.no_grad():
        embedded = embedding(torch.arange(WORDS)[None])[0]
    distance = (embedded[7] - embedded).norm(dim=1)
    distance[7] = torch.inf
    assert distance.argmin() == 3


def test_words_without_a_vector_start_with_one_of_their_own(embedding):
    with_own = embedding.own.weight.any(dim=1)
    assert with_own.tolist() == [True, False, False, False, True]


def test_ids_behind_the_words_mean_the_vector_alone(embedding):
    torch.nn.init.normal_(embedding.own.weight)
    with torch.no_grad():
        alone = embedding(torch.tensor([[WORDS + 3, WORDS + 7, WORDS + 4]]))[0]
        usual = embedding(torch.tensor([[3, 7, 4]]))[0]
    torch.testing.assert_close(alone[0], usual[0] - embedding.own.weight[3])
    assert torch.equal(alone[1], usual[1])
    assert torch.equal(alone[2], usual[2])  # it has no vector to stand for it


def test_only_trained_words_that_were_read_learn(embedding):
    embedding(torch.tensor([[3, 7, WORDS + 2, 11]])).sum().backward()
    assert embedding.own.weight.grad.any(dim=1).tolist() == [False, False, False, True, False]
    assert {name for name, _ in embedding.named_parameters()} == {"own.weight", "projection.weight"}
    assert {"table", "scales"} <= embedding.state_dict().keys()


def test_a_model_without_vectors_has_the_embedding_it_always_had():
    torch.manual_seed(0)
    sizes = {"embedding_size": 6, "language_size": 4, "visual_size": 4, "fusion_size": 4}
    generator = build_generator(ModelConfig.for_variant(Variant.parse("M+LSTM"), 20, **sizes))
    assert [name for name in generator.state_dict() if "embedding" in name] == ["language.embedding.weight"]
