"""FCN-32s on VGG-16: the backbone of `SNLE` (protocol section 8)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asgn.models.backbone import Backbone, Conventions, Features, Normalise
from asgn.models.resnet import IMAGENET_MEAN, IMAGENET_STD

_ORIGINAL_MEAN = (123.68, 116.779, 103.939)
_TAPS = {3: "conv1", 8: "conv2", 15: "conv3", 22: "conv4", 29: "conv5"}


class VGG16(Backbone):
    """VGG-16 up to fc7, its two fully connected layers as convolutions; fc8 is the generator's `visual` layer.

    `conv1` ... `conv5` are the last convolution of each group before its pooling: conv1_2, conv2_2, conv3_3, conv4_3
    and conv5_3. The input is normalised as torchvision's weights want it; by `caffe` conventions, as the original
    weights do: RGB less (123.68, 116.779, 103.939). The convolutions are frozen and fc6, fc7 trained unless all is set
    free (protocol section 8). There is no dropout.
    """

    classifier_size = 4096
    output = "fc7"
    between_pixels = True

    def __init__(self, conventions: Conventions = "torchvision") -> None:
        from torchvision.models.vgg import cfgs, make_layers  # 160 MiB that the models without it need not load

        super().__init__()
        self.normalise = (
            Normalise(1.0, _ORIGINAL_MEAN, (1.0, 1.0, 1.0))
            if conventions == "caffe"
            else Normalise(255.0, IMAGENET_MEAN, IMAGENET_STD)
        )
        self.features = make_layers(cfgs["D"])
        size = self.classifier_size
        self.fc6 = nn.Conv2d(512, size, 7, padding=3)
        self.fc7 = nn.Conv2d(size, size, 1)
        self.channels = {"conv1": 64, "conv2": 128, "conv3": 256, "conv4": 512, "conv5": 512, "fc7": size}
        self.strides = {"conv1": 1, "conv2": 2, "conv3": 4, "conv4": 8, "conv5": 16, "fc7": 32}

    def freeze(self, frozen: bool) -> None:
        """Freeze the convolutions, or set them free; fc6 and fc7 are trained either way."""
        self.features.requires_grad_(not frozen)
        self.fc6.requires_grad_(True)
        self.fc7.requires_grad_(True)

    def forward(self, images: Tensor) -> Features:
        """Raw RGB images to the five groups' last maps and fc7."""
        taps = self._convolve(images)
        taps["fc7"] = self._classify(taps.pop("pool5"), padding=3)
        return taps

    def describe_crops(self, crops: Tensor) -> Tensor:
        """Raw RGB crops, (P, 3, 224, 224), to fc7 of each as the classifier computes it, (P, 4096, 1, 1)."""
        return self._classify(self._convolve(crops)["pool5"], padding=0)

    def _convolve(self, images: Tensor) -> Features:
        feature, taps = self.normalise(images), {}
        for index, layer in enumerate(self.features):
            feature = layer(feature)
            if index in _TAPS:
                taps[_TAPS[index]] = feature
        taps["pool5"] = feature
        return taps

    def _classify(self, pool5: Tensor, padding: int) -> Tensor:
        fc6 = torch.relu(F.conv2d(pool5, self.fc6.weight, self.fc6.bias, padding=padding))
        return torch.relu(self.fc7(fc6))
