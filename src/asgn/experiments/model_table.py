"""The table of docs/models.md: every row that the authors ran and the small backbones' rows, counted from the code."""

from asgn.config import ModelConfig
from asgn.models.complexity import complexity
from asgn.paper import TABLES
from asgn.variants import Variant

VOCABULARY_SIZE = 12112
"""Entries of the COCO data sets' vocabulary file (protocol section 1)."""
SMALL_ROWS = (
    "M+LSTM", "M+LSTM+DE+SE", "M+LSTM+DE+SE+AT", "M+RMI", "M+RMI+AT", "M+RMI+DE+SE+AT",
    "N+LSTM", "N+LSTM+DE+SE", "MN+LSTM", "MN+LSTM+DE+SE", "MN+LSTM+DE+SE+AT",
)  # fmt: skip
_TABLE_NAMES = {"table1": "I", "table2": "II", "table3": "III", "table5": "V"}
_BACKBONES = {
    "R": "ResNet-101, ImageNet",
    "D": "DeepLab-101, VOC",
    "SNLE": "FCN-32s on VGG-16, ImageNet",
    "M": "DeepLab on MobileNetV2, VOC",
    "N": "YOLOX-nano, COCO",
    "MN": "M and N joined",
}
_COLUMNS = (
    "row", "paper's table", "backbone", "fusion", "DE", "SE", "AT", "DCRF", "parameters", "trained", "D",
    "GFLOPs an image", "GFLOPs a phrase", "checkpoint MB",
)  # fmt: skip


def model_rows() -> list[str]:
    """Row names in the paper's order, each once, then those of the small backbones."""
    names = [row.variant for name in _TABLE_NAMES for row in TABLES[name].rows if row.variant is not None]
    return list(dict.fromkeys([*names, *SMALL_ROWS]))


def render_model_table() -> str:
    """A Markdown table with a line for each row; it ends without a newline."""
    lines = [_COLUMNS, ["---"] * 8 + ["---:"] * 6, *(_describe(name) for name in model_rows())]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _describe(name: str) -> list[str]:
    variant = Variant.parse(name)
    cost = complexity(ModelConfig.for_variant(variant, VOCABULARY_SIZE))
    switches = (variant.semantic, variant.adversarial, variant.densecrf)
    return [
        f"`{name}`",
        ", ".join(_TABLE_NAMES[table] for table in _TABLE_NAMES if name in [row.variant for row in TABLES[table].rows]),
        _BACKBONES[str(variant.backbone)],
        "mLSTM" if variant.fusion == "RMI" else "1x1 convolution",
        ", ".join(variant.detail),
        *("yes" if present else "" for present in switches),
        f"{cost.parameters:,}",
        f"{cost.trainable_parameters:,}",
        f"{cost.discriminator_parameters:,}" if variant.adversarial else "",
        f"{cost.encode_flops / 1e9:.1f}",
        f"{cost.phrase_flops / 1e9:.2f}",
        f"{cost.checkpoint_megabytes:.2f}",
    ]
