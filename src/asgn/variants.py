"""The paper's row names as configurations: `Variant.parse("D+RMI+DE+SE+AT+DCRF")`, and `str()` gives it back."""

import difflib
import re
from dataclasses import dataclass, replace
from typing import Literal, cast

from asgn.errors import VariantError

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5")
DEFAULT_DETAIL = ("conv3", "conv4", "conv5")
GRAMMAR = "(SNLE | (R|D|M|N|MN|V)+(LSTM|RMI) | MODULE:FUNCTION) [+DE[(conv1,...,conv5)]] [+SE] [+AT] [+DCRF]"

_PATTERN = re.compile(
    r"(?:(?P<snle>SNLE)|(?P<backbone>MN|[RDMNV])\+(?P<fusion>LSTM|RMI)|(?P<builder>[^\W\d][\w.]*:[^\W\d]\w*))"
    r"(?P<detail>\+DE(?:\((?P<layers>[a-z0-9,]+)\))?)?(?P<semantic>\+SE)?(?P<adversarial>\+AT)?(?P<densecrf>\+DCRF)?"
)

BackboneName = Literal["R", "D", "M", "N", "MN", "V", "SNLE"]
FusionName = Literal["LSTM", "RMI"]


@dataclass(frozen=True)
class Variant:
    """One row of the paper's tables.

    `R` is ResNet-101 trained on ImageNet, `D` DeepLab-101 on VOC, `SNLE` FCN-32s on VGG-16, `M` DeepLab on
    MobileNetV2, `N` the detector YOLOX-nano, `MN` these two joined, `V` a vision transformer. Each field has exactly
    one reader: `backbone`, `fusion`, `detail`, `semantic` and `builder` the model's assembly, `adversarial` the
    training step, `densecrf` inference.
    """

    backbone: BackboneName | None
    fusion: FusionName = "LSTM"
    detail: tuple[str, ...] = ()
    semantic: bool = False
    adversarial: bool = False
    densecrf: bool = False
    builder: str | None = None
    """In the place of backbone and fusion, the import name of what builds a generator from outside of the package."""

    @classmethod
    def parse(cls, name: str) -> "Variant":
        """Read a row name.

        Raises:
            VariantError: `name` is not of the grammar; the message gives the nearest right name.
        """
        match = _PATTERN.fullmatch(name.replace(" ", ""))
        layers = _parse_layers(match["layers"], bool(match["detail"])) if match else None
        if match is None or layers is None:
            raise VariantError(f"unknown variant {name!r}: did you mean {nearest_name(name)!r}? Grammar: {GRAMMAR}")
        return cls(
            backbone=cast(BackboneName | None, match["backbone"] or match["snle"]),
            fusion=cast(FusionName, match["fusion"] or "LSTM"),
            detail=layers,
            semantic=bool(match["semantic"]),
            adversarial=bool(match["adversarial"]),
            densecrf=bool(match["densecrf"]),
            builder=match["builder"],
        )

    def __str__(self) -> str:
        parts = [self.builder or str(self.backbone), *([] if self.backbone in ("SNLE", None) else [self.fusion])]
        if self.detail:
            parts.append("DE" if self.detail == DEFAULT_DETAIL else f"DE({','.join(self.detail)})")
        switches = ("SE", self.semantic), ("AT", self.adversarial), ("DCRF", self.densecrf)
        parts += [token for token, present in switches if present]
        return "+".join(parts)

    def without_densecrf(self) -> "Variant":
        """The row whose checkpoint this one shares: dense CRF only post-processes."""
        return replace(self, densecrf=False)


def _parse_layers(text: str | None, has_detail: bool) -> tuple[str, ...] | None:
    """Layers in network order; None when a name is unknown or doubled."""
    if text is None:
        return DEFAULT_DETAIL if has_detail else ()
    names = text.split(",")
    if len(set(names)) != len(names) or not set(names) <= set(LAYERS):
        return None
    return tuple(layer for layer in LAYERS if layer in names)


def nearest_name(name: str) -> str:
    """The well-formed row name most similar to `name`."""
    backbones = ("R", "D", "M", "N", "MN", "V")
    bases = ["SNLE"] + [f"{backbone}+{fusion}" for backbone in backbones for fusion in ("LSTM", "RMI")]
    names = [
        base + detail + semantic + adversarial + densecrf
        for base in bases
        for detail in ("", "+DE")
        for semantic in ("", "+SE")
        for adversarial in ("", "+AT")
        for densecrf in ("", "+DCRF")
    ]
    return difflib.get_close_matches(name.upper(), names, n=1, cutoff=0.0)[0]
