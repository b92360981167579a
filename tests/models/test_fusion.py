import pytest
import torch

from asgn.models.fusion import SentenceFusion
from asgn.models.language import LanguageEncoder
from asgn.models.rmi import RecurrentFusion, inverse_tanh
from tests.models import textbook

IMAGE, DETAIL, WORD, STATE, SIZE = 20, 9, 6, 10, 8


@pytest.fixture
def image():
    return torch.randn(2, IMAGE, 5, 4, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def detail():
    return torch.randn(2, DETAIL, 5, 4, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def language():
    torch.manual_seed(3)
    encoder = LanguageEncoder(30, WORD, STATE)
    tokens = torch.tensor([[4, 5, 6, 7, 0], [8, 0, 0, 0, 0]])
    with torch.no_grad():
        return encoder(tokens, torch.tensor([4, 1]))


def build(kind, detail_channels):
    torch.manual_seed(4)
    if kind == "sentence":
        return SentenceFusion(IMAGE, detail_channels, STATE, SIZE)
    fusion = RecurrentFusion(IMAGE, detail_channels, WORD, STATE, SIZE)
    torch.nn.init.normal_(fusion.gates_of_image.bias)
    return fusion


@pytest.mark.parametrize("with_detail", [False, True])
@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("kind", ["sentence", "recurrent"])
def test_the_split_equals_the_textbook_form(kind, gradient, with_detail, image, detail, language):
    fusion = build(kind, DETAIL if with_detail else 0)
    joined = detail if with_detail else None
    with torch.set_grad_enabled(gradient):
        split = fusion(fusion.image_part(image, joined), language).detach()
    with torch.no_grad():
        if kind == "sentence":
            whole = textbook.sentence_fusion(fusion, image, joined, language.sentence)
        else:
            whole = textbook.recurrent_fusion(fusion, image, joined, language)
    assert split.shape == (2, SIZE, 5, 4)
    assert whole.abs().max() > 0.01
    torch.testing.assert_close(split, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["sentence", "recurrent"])
def test_the_splits_gradients_equal_the_textbooks(kind, image, detail, language):
    fusion = build(kind, DETAIL)
    fusion(fusion.image_part(image, detail), language).square().sum().backward()
    split = {name: weight.grad.clone() for name, weight in fusion.named_parameters()}
    fusion.zero_grad()
    if kind == "sentence":
        whole = textbook.sentence_fusion(fusion, image, detail, language.sentence)
    else:
        whole = textbook.recurrent_fusion(fusion, image, detail, language)
    whole.square().sum().backward()
    for name, weight in fusion.named_parameters():
        torch.testing.assert_close(split[name], weight.grad, rtol=1e-4, atol=1e-5, msg=name)


def test_inverse_tanh_is_the_base_codes():
    hidden = torch.tensor([-1.0, -0.5, 0.0, 0.9, 1.0])
    torch.testing.assert_close(inverse_tanh(hidden), torch.atanh(hidden / 1.001))
    assert inverse_tanh(torch.tensor(1.0)).item() == pytest.approx(3.8007, abs=1e-3)


@pytest.mark.parametrize("kind", ["sentence", "recurrent"])
def test_the_parts_start_as_the_whole_matrix_would(kind):
    """Glorot's uniform bound of the one concatenated matrix holds in all parts."""
    torch.manual_seed(0)
    if kind == "sentence":
        fusion = SentenceFusion(300, 100, 400, 200)
        parts, bound = (fusion.image.weight, fusion.language.weight), (6 / (300 + 100 + 400 + 200)) ** 0.5
    else:
        fusion = RecurrentFusion(300, 0, 100, 150, 50)
        parts = (fusion.gates_of_image.weight, fusion.gates_of_word.weight, fusion.gates_of_state.weight)
        bound = (6 / (300 + 100 + 150 + 50 + 200)) ** 0.5
    for part in parts:
        assert 0.99 * bound < part.abs().max() <= bound
