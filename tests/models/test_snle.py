import math

import pytest
import torch

from asgn.config import ModelConfig
from asgn.losses import target_of_cells, weighted_cross_entropy
from asgn.models import snle
from asgn.models.build import build_generator
from asgn.models.vgg import VGG16
from asgn.variants import Variant


@pytest.fixture(scope="module")
def generators():
    """SNLE as it is and with its additions, sharing every weight that they have in common."""
    torch.manual_seed(0)
    sizes = {"embedding_size": 12, "language_size": 10, "visual_size": 16, "fusion_size": 8, "detail_size": 4}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VGG16, "classifier_size", 32)
        plain, full = (
            build_generator(ModelConfig.for_variant(Variant.parse(row), 30, **sizes))
            for row in ("SNLE", "SNLE+DE+SE+AT")
        )
    state = plain.state_dict()
    state["fusion.image.weight"] = torch.cat([state["fusion.image.weight"], torch.randn(8, 12, 1, 1)], dim=1)
    full.load_state_dict(state, strict=False)
    return plain, full


TOKENS, LENGTHS = torch.tensor([[4, 5, 6], [7, 0, 0]]), torch.tensor([3, 1])


def test_the_schedule_is_the_original_one():
    assert [(s.target, s.steps, s.batch_size) for s in snle.SCHEDULE] == [
        ("boxes", 25_000, 50), ("cells", 30_000, 10), ("pixels", 18_000, 10)
    ]  # fmt: skip
    assert [s.negative_weight for s in snle.SCHEDULE] == [1, 1, 1 / 3]
    cells, pixels = snle.SCHEDULE[1:]
    assert [cells.learning_rate(step) for step in (0, 9_999, 10_000, 29_999)] == pytest.approx([0.01, 0.01, 1e-3, 1e-4])
    assert [pixels.learning_rate(step) for step in (5_999, 6_000, 12_000)] == pytest.approx([0.01, 1e-3, 1e-4])


def test_stages_train_the_classifier_layers_from_the_second_on(generators):
    full = generators[1]
    for stage in snle.SCHEDULE:
        snle.prepare(full, stage)
        trained = {name for name, weight in full.named_parameters() if weight.requires_grad}
        assert not any(name.startswith("backbone.features") for name in trained)
        classifier = {"backbone.fc6.weight", "backbone.fc7.bias", "visual.weight"}
        assert classifier <= trained if stage.trains_classifier else not classifier & trained
        assert {"language.lstm.weight_hh_l0", "fusion.image.weight", "head.score.weight"} <= trained
        assert "language.lstm.bias_hh_l0" not in trained
        joining = {"upsample.weight", "detail.reduce.conv4.weight", "head.semantic.weight", "head.weight"}
        assert joining <= trained if stage.target == "pixels" else not joining & trained


def test_cells_know_neither_detail_nor_semantics(generators):
    plain, full = generators
    images = torch.randint(0, 256, (1, 3, 96, 64), dtype=torch.uint8)
    index = torch.tensor([0, 0])
    with torch.no_grad():
        found = snle.cell_logits(full, images, index, TOKENS, LENGTHS)
        expected = plain(images, index, TOKENS, LENGTHS).grid
    assert found.shape == (2, 1, 3, 2)
    torch.testing.assert_close(found, expected)


def test_boxes_are_classified_by_the_same_layers(generators):
    """A crop's logit is the textbook MLP over [unit fc8; 8 coordinates; unit sentence]."""
    full = generators[1]
    crops = torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8)
    coordinates = snle.box_coordinates(torch.tensor([[0, 0, 99, 49], [10, 20, 30, 40]]), height=50, width=100)
    with torch.no_grad():
        found = snle.box_logits(full, crops, coordinates, TOKENS, LENGTHS)
        fc8 = full.visual({"fc7": full.backbone.describe_crops(crops)}).flatten(1)
        weight = full.fusion.image.weight[:, : 16 + 8, 0, 0]
        joined = torch.cat([fc8 / fc8.norm(dim=1, keepdim=True), coordinates], dim=1)
        sentence = full.language(TOKENS, LENGTHS).sentence
        hidden = torch.relu(joined @ weight.T + sentence @ full.fusion.language.weight.T + full.fusion.image.bias)
        expected = hidden @ full.head.score.weight.flatten() + full.head.score.bias
    torch.testing.assert_close(found, expected)


def test_box_coordinates():
    found = snle.box_coordinates(torch.tensor([[10, 20, 30, 40]]), height=50, width=100)
    assert found[0].tolist() == pytest.approx([-0.8, -0.2, -0.4, 0.6, -0.6, 0.2, 0.4, 0.8])


def test_weight_decay_spares_biases_the_embedding_and_what_is_frozen(generators):
    full = generators[1]
    snle.prepare(full, snle.SCHEDULE[0])
    names = {id(weight): name for name, weight in full.named_parameters()}
    chosen = {names[id(weight)] for weight in snle.regularised_weights(full)}
    assert chosen == {
        "language.lstm.weight_ih_l0", "language.lstm.weight_hh_l0",
        "fusion.image.weight", "fusion.language.weight", "head.score.weight",
    }  # fmt: skip
    snle.prepare(full, snle.SCHEDULE[2])
    chosen = {names[id(weight)] for weight in snle.regularised_weights(full)}
    assert {"backbone.fc6.weight", "visual.weight", "upsample.weight", "head.semantic.weight"} <= chosen
    assert not any("bias" in name or "embedding" in name or "features" in name for name in chosen)


def test_the_mlp_starts_as_the_original_one():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VGG16, "classifier_size", 8)
        generator = build_generator(ModelConfig.for_variant(Variant.parse("SNLE"), 30, embedding_size=4))
    assert generator.fusion.image.weight.std().item() == pytest.approx(0.05, rel=0.02)
    assert generator.fusion.language.weight.std().item() == pytest.approx(0.05, rel=0.02)
    assert generator.head.score.weight.std().item() == pytest.approx(0.1, rel=0.2)


def test_a_cell_is_true_where_any_of_its_pixels_is():
    masks = torch.zeros(2, 64, 96, dtype=torch.bool)
    masks[0, 31, 32] = masks[1, 32, 95] = True
    target = target_of_cells(masks, 32)
    assert target.shape == (2, 1, 2, 3)
    assert target.nonzero().tolist() == [[0, 0, 0, 1], [1, 0, 1, 2]]


def test_negatives_weigh_a_third_in_a_mean_over_everything():
    logits, target = torch.tensor([[2.0, -1.0], [0.5, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    softplus = [math.log1p(math.exp(x)) for x in (-2.0, -1.0, 0.5, 0.0)]
    expected = (softplus[0] + softplus[1] / 3 + softplus[2] / 3 + softplus[3]) / 4
    assert weighted_cross_entropy(logits, target, 1 / 3).item() == pytest.approx(expected, abs=1e-6)
