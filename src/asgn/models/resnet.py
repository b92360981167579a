"""ResNet-101 at output stride 8: the backbone of `R` (ImageNet) and `D` (DeepLab-101 on VOC)."""

from typing import Literal

from torch import Tensor, nn

from asgn.models.backbone import Backbone, Conventions, Features, Normalise

Dilation = Literal["every-block", "later-blocks"]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CAFFE_MEAN = (104.00698793, 116.66876762, 122.67891434)
"""Of the channels in the order blue, green, red."""
CAFFE_EPSILON = 1e-3
"""Of batch norm in TF-resnet and TF-deeplab."""


class ResNet101(Backbone):
    """torchvision's ResNet-101 with res4 dilated by 2 and res5 by 4 (protocol section 3).

    `dilation` says whether a stage's first block is dilated as its others are: in `every-block`, as in the base code,
    or only in `later-blocks`, as torchvision's DeepLab was trained. `caffe` conventions are those of the base code's
    weights: channels from blue to red less their mean, batch norm's epsilon 1e-3, strides in the 1x1.

    `conv1` is taken behind the max pool, so it has
    stride 4 like `conv2`.
    """

    def __init__(self, dilation: Dilation = "every-block", conventions: Conventions = "torchvision") -> None:
        from torchvision.models import resnet101  # 160 MiB that the models without it need not load

        super().__init__()
        network = resnet101(replace_stride_with_dilation=[False, True, True])
        if dilation == "every-block":
            _dilate(network.layer3[0], 2)
            _dilate(network.layer4[0], 4)
        self.is_caffe = conventions == "caffe"
        if self.is_caffe:
            _follow_caffe(network)
            self.normalise = Normalise(1.0, CAFFE_MEAN, (1.0, 1.0, 1.0))
        else:
            self.normalise = Normalise(255.0, IMAGENET_MEAN, IMAGENET_STD)
        self.conv1 = network.conv1
        self.bn1 = network.bn1
        self.relu = network.relu
        self.maxpool = network.maxpool
        self.layer1 = network.layer1
        self.layer2 = network.layer2
        self.layer3 = network.layer3
        self.layer4 = network.layer4
        self.channels = {"conv1": 64, "conv2": 256, "conv3": 512, "conv4": 1024, "conv5": 2048}
        self.strides = {"conv1": 4, "conv2": 4, "conv3": 8, "conv4": 8, "conv5": 8}
        self.train()

    def forward(self, images: Tensor) -> Features:
        """Raw RGB images to the outputs of the stem and of res2 ... res5."""
        pixels = self.normalise(images.flip(1) if self.is_caffe else images)
        conv1 = self.maxpool(self.relu(self.bn1(self.conv1(pixels))))
        conv2 = self.layer1(conv1)
        conv3 = self.layer2(conv2)
        conv4 = self.layer3(conv3)
        conv5 = self.layer4(conv4)
        return {"conv1": conv1, "conv2": conv2, "conv3": conv3, "conv4": conv4, "conv5": conv5}


def _follow_caffe(network: nn.Module) -> None:
    """The base code's epsilon, and each block's stride in its first convolution, where torchvision's second has it."""
    from torchvision.models.resnet import Bottleneck

    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = CAFFE_EPSILON
        if isinstance(module, Bottleneck):
            module.conv1.stride, module.conv2.stride = module.conv2.stride, module.conv1.stride


def _dilate(block: nn.Module, rate: int) -> None:
    """torchvision's first block keeps the dilation before it; the base code dilates every block of a stage."""
    from torchvision.models.resnet import Bottleneck

    assert isinstance(block, Bottleneck)
    block.conv2.dilation = (rate, rate)
    block.conv2.padding = (rate, rate)
