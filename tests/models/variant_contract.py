"""What every row of the tables must do as a network; a subclass names its row and inherits the tests."""

import pytest
import torch

from asgn.config import ModelConfig
from asgn.models.build import build_generator
from asgn.models.generator import Generator
from asgn.models.vgg import VGG16
from asgn.variants import Variant

WORDS = 30


class VariantContract:
    row = "R+LSTM"
    side = 64

    @classmethod
    def config(cls, **changes) -> ModelConfig:
        small = {"embedding_size": 12, "language_size": 10, "visual_size": 16, "fusion_size": 8, "detail_size": 4}
        sizes = {**small, "image_size": cls.side, **changes}
        return ModelConfig.for_variant(Variant.parse(cls.row), WORDS, **sizes)

    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls):
        torch.manual_seed(0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(VGG16, "classifier_size", 32)
            return build_generator(cls.config()).eval()

    @pytest.fixture(scope="class")
    @classmethod
    def images(cls):
        source = torch.Generator().manual_seed(1)
        return torch.randint(0, 256, (2, 3, cls.side, cls.side), dtype=torch.uint8, generator=source)

    @pytest.fixture
    def tokens(self):
        return torch.tensor([[4, 5, 6, 7, 0], [8, 9, 0, 0, 0], [10, 11, 12, 13, 14]])

    @pytest.fixture
    def lengths(self):
        return torch.tensor([4, 2, 5])

    @pytest.fixture(scope="class")
    @classmethod
    def encoded(cls, generator, images):
        with torch.no_grad():
            return generator.encode(images)

    def test_gives_logits_on_the_grid_and_on_pixels(self, generator, images, tokens, lengths):
        with torch.no_grad():
            prediction = generator(images, torch.tensor([0, 1, 0]), tokens, lengths)
        cells = self.side // generator.stride
        assert prediction.grid.shape == (3, 1, cells, cells)
        assert prediction.pixels.shape == (3, 1, self.side, self.side)
        assert prediction.pixels.isfinite().all()

    def test_the_mask_depends_on_the_phrase_and_on_the_image(self, generator, images, tokens, lengths):
        with torch.no_grad():
            grid = generator(images, torch.tensor([0, 1, 0]), tokens[[0, 0, 2]], lengths[[0, 0, 2]]).grid
        assert not torch.equal(grid[0], grid[1])
        assert not torch.equal(grid[0], grid[2])

    def test_encoding_once_equals_the_whole_pass(self, generator, images, encoded, tokens, lengths):
        index = torch.tensor([0, 1, 0])
        with torch.no_grad():
            whole = generator(images, index, tokens, lengths).grid
            apart = generator.decode(encoded.select(index), tokens, lengths)
        close(apart, whole)

    def test_one_image_serves_all_phrases(self, generator, encoded, tokens, lengths):
        one = encoded.select(torch.tensor([1]))
        with torch.no_grad():
            broadcast = generator.decode(one, tokens, lengths)
            repeated = generator.decode(encoded.select(torch.tensor([1, 1, 1])), tokens, lengths)
        close(broadcast, repeated)

    def test_phrases_do_not_touch_each_other(self, generator, encoded, tokens, lengths):
        one = encoded.select(torch.tensor([0]))
        with torch.no_grad():
            together = generator.decode(one, tokens, lengths)
            for p, length in enumerate(lengths.tolist()):
                close(generator.decode(one, tokens[p : p + 1, :length], lengths[p : p + 1]), together[p : p + 1])

    def test_pads_never_change_the_mask(self, generator, encoded, tokens, lengths):
        noise = torch.where(torch.arange(5) < lengths[:, None], tokens, 29)
        one = encoded.select(torch.tensor([0]))
        with torch.no_grad():
            close(generator.decode(one, noise, lengths), generator.decode(one, tokens, lengths))

    def test_training_and_inference_compute_the_same(self, generator, encoded, tokens, lengths):
        one = encoded.select(torch.tensor([0]))
        with torch.no_grad():
            inferred = generator.decode(one, tokens, lengths)
        close(generator.decode(one, tokens, lengths).detach(), inferred)

    def test_every_trainable_weight_learns_and_no_other(self, generator, images, tokens, lengths):
        generator.zero_grad()
        generator(images, torch.tensor([0, 1, 0]), tokens, lengths).pixels.square().sum().backward()
        gradients = {name: weight.grad for name, weight in generator.named_parameters()}
        without = {name for name, gradient in gradients.items() if gradient is None}
        fixed = {name for name, weight in generator.named_parameters() if not weight.requires_grad}
        finite = all(gradient.isfinite().all() for gradient in gradients.values() if gradient is not None)
        silent = {name for name, gradient in gradients.items() if gradient is not None and not gradient.any()}
        generator.zero_grad()
        assert without == fixed
        assert finite
        assert silent == set()
        assert any(name.startswith("backbone.") for name in fixed)

    def test_the_penalty_acts_on_trained_convolutions_only(self, generator):
        names = {id(weight): name for name, weight in generator.named_parameters()}
        chosen = [names[id(weight)] for weight in generator.regularised_weights()]
        assert len(chosen) == len(set(chosen))
        assert not any(name.startswith(("backbone.", "language.")) or "bias" in name for name in chosen)
        assert {"visual.weight", "head.score.weight"} <= set(chosen)

    def test_a_state_dict_and_the_configuration_rebuild_it(self, generator, encoded, tokens, lengths):
        rebuilt = self.rebuild(generator)
        one = encoded.select(torch.tensor([0]))
        with torch.no_grad():
            assert torch.equal(rebuilt.decode(one, tokens, lengths), generator.decode(one, tokens, lengths))

    def rebuild(self, generator) -> Generator:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(VGG16, "classifier_size", 32)
            rebuilt = build_generator(self.config())
        rebuilt.load_state_dict(generator.state_dict(), strict=True)
        return rebuilt.eval()


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)
