"""The two small backbones side by side, `MN`: what DeepLab segments and what the detector classifies."""

from torch import Tensor

from asgn.models.backbone import Backbone, Features
from asgn.models.mobilenet import MobileNetV2
from asgn.models.yolox import YoloxNano


class MobileNetAndYolox(Backbone):
    """Every layer joins those of the same name, each of its own stride; the output is M's conv5 and all that N ends in.

    Maps are named `m.` and `n.` and their own names.
    """

    output = "joined"

    def __init__(self) -> None:
        super().__init__()
        self.mobilenet, self.yolox = MobileNetV2(), YoloxNano()
        both: tuple[tuple[str, Backbone], ...] = (("m", self.mobilenet), ("n", self.yolox))
        self.channels = {f"{key}.{name}": size for key, part in both for name, size in part.channels.items()}
        self.strides = {f"{key}.{name}": size for key, part in both for name, size in part.strides.items()}
        layers = {
            layer: tuple(f"{key}.{layer}" for key, _ in both)
            for layer in ("conv1", "conv2", "conv3", "conv4", "conv5")
        }
        last = tuple(f"n.{name}" for name in self.yolox.maps_of(self.yolox.output))
        self.joined = {**layers, "joined": ("m.conv5", *last)}

    def forward(self, images: Tensor) -> Features:
        """Raw RGB images to the maps of both."""
        of_both = {"m": self.mobilenet(images), "n": self.yolox(images)}
        return {f"{key}.{name}": feature for key, maps in of_both.items() for name, feature in maps.items()}

    def freeze(self, frozen: bool) -> None:
        """Take the pretrained weights out of training, or put back what each trains."""
        self.mobilenet.freeze(frozen)
        self.yolox.freeze(frozen)
