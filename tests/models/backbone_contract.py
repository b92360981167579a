"""What every backbone must do; a subclass names its backbone and inherits the tests."""

import pytest
import torch
from torch import nn

from asgn.models.backbone import Backbone, Normalise


class BackboneContract:
    strip = (8, 1200)
    """Height and width in pixels of an image so wide that one cell's receptive field ends inside."""

    @classmethod
    def build(cls) -> Backbone:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def backbone(cls):
        torch.manual_seed(0)
        return cls.build()

    @pytest.fixture(scope="class")
    @classmethod
    def images(cls):
        return torch.randint(0, 256, (2, 3, 96, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))

    @pytest.fixture(scope="class")
    @classmethod
    def features(cls, backbone, images):
        with torch.no_grad():
            return backbone(images)

    def test_declares_the_five_layers_and_its_output(self, backbone, features):
        assert set(features) == set(backbone.channels) == set(backbone.strides)
        for layer in ("conv1", "conv2", "conv3", "conv4", "conv5", backbone.output):
            strides = [backbone.strides[name] for name in backbone.maps_of(layer)]
            assert strides == sorted(strides), layer
        assert backbone.stride == strides[0]

    def test_maps_have_the_declared_channels_and_strides(self, backbone, features):
        for layer, feature in features.items():
            stride = backbone.strides[layer]
            assert feature.shape == (2, backbone.channels[layer], 96 // stride, 64 // stride), layer

    def test_maps_are_finite_and_differ_between_images(self, features):
        for feature in features.values():
            assert feature.isfinite().all()
            assert not torch.equal(feature[0], feature[1])

    def test_takes_bytes_and_floats_alike(self, backbone, images, features):
        with torch.no_grad():
            again = backbone(images.float())
        for layer, feature in features.items():
            assert torch.equal(feature, again[layer]), layer

    def test_train_mode_changes_nothing(self, backbone, images, features):
        backbone.train()
        assert not any(module.training for module in backbone.modules())
        before = {name: value.clone() for name, value in backbone.state_dict().items()}
        with torch.no_grad():
            again = backbone(images)
        assert all(torch.equal(feature, again[layer]) for layer, feature in features.items())
        assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())

    def test_freezing_stops_gradients_and_unfreezing_brings_them_back(self, backbone, images):
        backbone.freeze(True)
        trained = self.trained_while_frozen(backbone)
        assert {name for name, value in backbone.named_parameters() if value.requires_grad} == trained
        assert last_maps(backbone, images).requires_grad == bool(trained)
        backbone.freeze(False)
        backbone.zero_grad()
        last_maps(backbone, images).square().mean().backward()
        missing = {name for name, value in backbone.named_parameters() if value.grad is None or not value.grad.any()}
        backbone.zero_grad()
        backbone.freeze(True)
        assert missing == self.never_trained(backbone)

    def trained_while_frozen(self, backbone: Backbone) -> set[str]:
        return set()

    def never_trained(self, backbone: Backbone) -> set[str]:
        return set()

    def test_cells_are_centred_where_the_contract_says(self):
        """One cell's gradient has its centre of mass on the cell's pixel."""
        backbone = self.geometry()
        images = torch.full((1, 3, *self.strip), 0.5, dtype=torch.float64, requires_grad=True)
        features = backbone(images)
        for layer, feature in features.items():
            stride = backbone.strides[layer]
            cell = feature.shape[-1] // 2
            (gradient,) = torch.autograd.grad(feature[..., cell].sum(), images, retain_graph=True)
            mass = gradient.abs().sum(dim=(0, 1, 2))
            assert mass[0] == mass[-1] == 0, layer
            found = float(mass @ torch.arange(len(mass), dtype=mass.dtype) / mass.sum())
            centre = stride * cell + (stride - 1) / 2 if backbone.between_pixels else stride * cell
            assert found - centre == pytest.approx(self.places_behind(layer), abs=0.02), layer

    def geometry(self) -> Backbone:
        """The backbone with weights that show where a cell reads; where it reads everything, itself alone."""
        return averaging(self.build())

    def places_behind(self, layer: str) -> float:
        """How many pixels behind a layer's cells lie: at most a half, says the contract."""
        return 0


def last_maps(backbone, images):
    """All values of the output's maps of one image, (n,)."""
    features = backbone(images)
    return torch.cat([features[name].flatten() for name in backbone.maps_of(backbone.output)])


def averaging(backbone: Backbone) -> Backbone:
    """The same geometry with positive, equal weights and average pooling, so that no path is dead or preferred."""
    for parent in list(backbone.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.MaxPool2d):
                setattr(parent, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, Normalise):
            module.mean.zero_()
    return backbone.double()
