"""Every setting of a model and of a training run, one documented field a line, with the values that it takes.

Each field is an option of `asgn train`, `plan` and `reproduce`, and its text the help there. Choices the paper leaves
open name their reason in docs/protocol.md.
"""

from dataclasses import dataclass
from typing import Any, Literal

from asgn.errors import UserError
from asgn.settings import Settings, setting
from asgn.variants import Variant

MAX_COUNT, MAX_SIZE = 1_000_000_000, 65_536


@dataclass(frozen=True)
class ModelConfig(Settings):
    """What the networks are; stored in each checkpoint, which rebuilds its model from it alone."""

    variant: str = setting("R+LSTM", "row name of the paper, dense CRF left out", is_option=False)
    vocabulary_size: int = setting(12112, "entries of the word embedding", 1, 10_000_000, is_option=False)
    word_vector_size: int = setting(
        0, "entries of a frozen word vector; 0 where words have none", 0, MAX_SIZE, is_option=False
    )
    trained_words: int = setting(
        0, "words with an embedding of their own, the first; 0 where all have one", 0, 10_000_000, is_option=False
    )
    image_size: int = setting(320, "side in pixels of the square input (Sec. IV-C)", 32, 4096, multiple_of=16)
    embedding_size: int = setting(1000, "size of a word embedding", 1, MAX_SIZE)
    language_size: int = setting(1000, "size of the LSTM state and sentence vector (Sec. IV-C)", 1, MAX_SIZE)
    visual_size: int = setting(1000, "channels of the image feature (Sec. IV-C)", 1, MAX_SIZE)
    fusion_size: int = setting(
        500, "channels between the two fusion convolutions; units of the mLSTM", 1, MAX_SIZE
    )
    detail_size: int = setting(400, "channels of each detail-enhancement layer", 1, MAX_SIZE)
    semantic_input: Literal["prob", "logit", "feat"] = setting("prob", "what SE joins to the backbone's last feature")
    semantic_start: Literal["neutral", "random"] = setting(
        "neutral", "SE's first weights: those that leave the base model's map as it is, or random ones (Glorot)"
    )
    conventions: Literal["torchvision", "caffe"] = setting(
        "torchvision",
        "what the weights of R, D and SNLE were trained with: pixels, batch norm and strides of torchvision, or of the "
        "base code",
    )
    outlines: Literal["grid", "image"] = setting(
        "grid", "what masks follow: the grid's logits as upsampled, or the image's edges too (guided filter)"
    )
    mask_threshold: Literal["half", "expected-iou"] = setting(
        "half", "where masks begin: at probability one half, or where the IoU to expect of the phrase is highest"
    )
    pieces: Literal["all", "large"] = setting(
        "all", "which pieces of a mask are kept: all, or the largest and those that come near it"
    )
    dilation: Literal["every-block", "later-blocks"] = setting(
        "every-block", "dilated blocks of res4 and res5: all (base code), or all but the stage's first (torchvision)"
    )
    vit_name: str = setting(
        "vit_small_patch14_dinov2.lvd142m", "V's vision transformer by its name in timm; images divide into its patches"
    )
    settings: dict[str, Any] | None = setting(  # noqa: RUF009
        None, "what a generator from outside of the rows keeps of its own, as JSON values", is_option=False
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant.split("+")[0] in ("SNLE", "N", "MN") and self.image_size % 32:
            raise UserError(
                f"image_size {self.image_size} cannot be used by {self.variant}: give a multiple of 32, such as "
                f"{self.image_size // 32 * 32}"
            )
        if self.conventions == "caffe" and not self.variant.startswith(("R+", "D+", "SNLE")):
            raise UserError(f"conventions caffe cannot be used by {self.variant}: it is for R, D and SNLE")
        if "vit_name" in self.changed() and not self.variant.startswith("V+"):
            raise UserError(f"vit_name cannot be used by {self.variant}: it is for V")

    @classmethod
    def for_variant(cls, variant: Variant, vocabulary_size: int, **changes: Any) -> "ModelConfig":
        """The paper's sizes; for `M`, `N`, `MN`, `V` and what others build, smaller widths that keep a model small.

        `V` takes images of 448 pixels, 32 patches of 14 or 28 of 16 a side.

        `D` is dilated as torchvision's DeepLab was trained; for a base-code DeepLab set `dilation` to `every-block`.
        """
        small = {"embedding_size": 256, "language_size": 512, "visual_size": 512, "fusion_size": 256}
        own: dict[str, dict[str, Any]] = {
            "R": {},
            "D": {"dilation": "later-blocks"},
            "SNLE": {"image_size": 512},
            **{name: {**small, "detail_size": 128} for name in ("M", "N", "MN")},
            "V": {**small, "detail_size": 128, "image_size": 448},
        }
        name = str(variant.without_densecrf())
        sizes = own[variant.backbone or "M"]
        return cls(**{"variant": name, "vocabulary_size": vocabulary_size, **sizes, **changes})


@dataclass(frozen=True)
class LossConfig(Settings):
    """Equations 3, 6 and 7, with a switch for each of their open readings (protocol section 6)."""

    ce_weight: float = setting(0.1, "lambda of Eq. 7: weight of the cross entropy in adversarial training", 0, 10_000)
    ce_reduction: Literal["sum", "mean"] = setting(
        "sum",
        "cross entropy summed over the grid (base code), as if it had 40 x 40 cells at every image size, or averaged "
        "(Eq. 3)",
    )
    weight_decay: float = setting(5e-4, "L2 penalty on convolution weights, scaled with the cross entropy", 0, 1)
    adversarial_form: Literal["non-saturating", "minimax", "none"] = setting(
        "non-saturating",
        "generator's loss: -log D(fake), log(1 - D(fake)) as Eq. 6 reads, or none but --feature-matching",
    )
    real_masks: Literal["literal", "matched"] = setting(
        "literal", "truth shown to the discriminator: as it is, or sampled and upsampled as predictions are"
    )
    feature_matching: float = setting(
        0.0,
        "weight of the distance between D's features of predicted and true masks in the generator's loss (SegAN)",
        0,
        10_000,
    )
    real_label: float = setting(
        1.0, "what the discriminator is to say of true masks; 0.9 smooths its labels", 0.5, 1
    )
    discriminator_floor: float = setting(
        0.0, "the discriminator's step is left out while its loss is below this; healthy is 0.2 to 0.5", 0, 100
    )
    discriminator_input: Literal["joined", "mask", "product"] = setting(
        "joined", "what the discriminator sees: image and mask joined (Sec. III-D), the mask alone, or their product"
    )
    discriminator_norm: Literal["batch", "spectral", "dropout", "none"] = setting(
        "batch", "within the discriminator: batch norm, or in place of it spectral norm, dropout of 0.5, or nothing"
    )
    discriminator_output: Literal["image", "cell"] = setting(
        "image", "the discriminator's verdict: one of the whole image, or one of each 32 x 32 pixels"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.adversarial_form == "none" and self.feature_matching == 0:
            raise UserError("adversarial_form none leaves no adversarial loss: give feature_matching more than 0")

    @property
    def without_adversary(self) -> "LossConfig":
        """What of it holds without AT."""
        return LossConfig(ce_reduction=self.ce_reduction, weight_decay=self.weight_decay)


@dataclass(frozen=True)
class TrainConfig(Settings):
    """How a run proceeds; stored in each checkpoint."""

    steps: int = setting(750_000, "optimisation steps", 1, MAX_COUNT)
    batch_size: int = setting(1, "expressions in a step, over all processes", 1, MAX_SIZE)
    micro_batch: int = setting(
        0, "expressions that a process passes at once; 0 passes its whole share of a batch", 0, MAX_SIZE
    )
    phrases_per_image: int = setting(
        1, "expressions of one image kept together in a batch, its features shared", 1, MAX_SIZE
    )
    learning_rate: float = setting(2.5e-4, "Adam's rate for both networks (Sec. IV-C)", 0, 1)
    discriminator_learning_rate: float = setting(
        0.0, "Adam's rate for the discriminator; 0 takes --learning-rate", 0, 1
    )
    backbone_learning_rate: float = setting(2.5e-5, "Adam's rate for a fine-tuned backbone", 0, 1)
    beta1: float = setting(0.9, "Adam's first-moment decay", 0, below=1)
    beta2: float = setting(0.999, "Adam's second-moment decay", 0, below=1)
    schedule: Literal["fixed", "poly"] = setting(
        "fixed", "learning rate: fixed (Sec. IV-C), or polynomial 0.9 to 1e-5 (base code)"
    )
    warmup_steps: int = setting(0, "first steps without the adversarial loss", 0, MAX_COUNT)
    snle: Literal["stages", "adam"] = setting(
        "stages", "SNLE's training: its own three stages of plain descent, or Adam at 320 pixels, as the paper reads"
    )
    snle_batches: Literal["own", "given"] = setting(
        "own", "batches of SNLE's stages: their own 50, 10 and 10, or --batch-size in each"
    )
    snle_negatives: int = setting(
        1, "SNLE's first stage: boxes drawn to miss the object, for each that holds it", 0, 100
    )
    average_decay: float = setting(
        0.0,
        "decay of a moving average of the generator's weights, which is what is validated and kept; 0 has none",
        0,
        below=1,
    )
    finetune: bool = setting(
        False, "train the backbone too, of M its dilated blocks, of N what follows dark3; batch norm stays fixed"
    )
    flip: bool = setting(False, "mirror half of the images, swapping left and right in their phrases")
    augment: bool = setting(False, "vary zoom, place and light of each image a little")
    seed: int = setting(0, "seed of weights, order and drawing", 0, 2**32 - 1)
    validate_every: int = setting(1000, "steps between validations; 0 validates at the end only", 0, MAX_COUNT)
    validation_limit: int = setting(0, "images of a validation; 0 takes all", 0, MAX_COUNT)
    checkpoint_every: int = setting(1000, "steps between checkpoints; 0 writes one at the end only", 0, MAX_COUNT)
    precision: Literal["no", "bf16", "fp16"] = setting("no", "mixed precision of the networks")
    workers: int = setting(2, "processes that read data", 0, 1024)

