"""Every setting of a model and of a training run, one documented field a line.

The text of each field is its help on the command line. Choices the paper leaves open name their reason in
docs/protocol.md.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from asgn.variants import Variant


def setting(default: Any, text: str) -> Any:
    """A dataclass field with its documentation."""
    return field(default=default, metadata={"help": text})


def help_of(config: type, name: str) -> str:
    """The documentation of one field of a configuration class."""
    return next(str(item.metadata["help"]) for item in fields(config) if item.name == name)


@dataclass(frozen=True)
class ModelConfig:
    """What the networks are; stored in each checkpoint, which rebuilds its model from it alone."""

    variant: str = setting("R+LSTM", "row name of the paper, dense CRF left out")
    vocabulary_size: int = setting(12112, "entries of the word embedding")
    word_vector_size: int = setting(0, "entries of a frozen word vector; 0 where words have none")
    trained_words: int = setting(0, "words with an embedding of their own, the first; 0 where all have one")
    image_size: int = setting(320, "side in pixels of the square input (Sec. IV-C)")
    embedding_size: int = setting(1000, "size of a word embedding")
    language_size: int = setting(1000, "size of the LSTM state and sentence vector (Sec. IV-C)")
    visual_size: int = setting(1000, "channels of the image feature (Sec. IV-C)")
    fusion_size: int = setting(500, "channels between the two fusion convolutions; units of the mLSTM")
    detail_size: int = setting(400, "channels of each detail-enhancement layer")
    semantic_input: Literal["prob", "logit", "feat"] = setting("prob", "what SE joins to the backbone's last feature")
    dilation: Literal["every-block", "later-blocks"] = setting(
        "every-block", "dilated blocks of res4 and res5: all (base code), or all but the stage's first (torchvision)"
    )

    @classmethod
    def for_variant(cls, variant: Variant, vocabulary_size: int, **changes: Any) -> "ModelConfig":
        """The paper's sizes; for `M`, `N` and `MN`, smaller widths that keep the shipped model small.

        `D` is dilated as torchvision's DeepLab was trained; for a base-code DeepLab set `dilation` to `every-block`.
        """
        small = {"embedding_size": 256, "language_size": 512, "visual_size": 512, "fusion_size": 256}
        own: dict[str, dict[str, Any]] = {
            "R": {},
            "D": {"dilation": "later-blocks"},
            "SNLE": {"image_size": 512},
            **{name: {**small, "detail_size": 128} for name in ("M", "N", "MN")},
        }
        name = str(variant.without_densecrf())
        return cls(**{"variant": name, "vocabulary_size": vocabulary_size, **own[variant.backbone], **changes})


@dataclass(frozen=True)
class LossConfig:
    """Equations 3, 6 and 7, with a switch for each of their open readings (protocol section 6)."""

    ce_weight: float = setting(0.1, "lambda of Eq. 7: weight of the cross entropy in adversarial training")
    ce_reduction: Literal["sum", "mean"] = setting(
        "sum", "cross entropy summed over the grid (as the base code) or averaged (Eq. 3)"
    )
    weight_decay: float = setting(5e-4, "L2 penalty on convolution weights, scaled with the cross entropy")
    adversarial_form: Literal["non-saturating", "minimax"] = setting(
        "non-saturating", "generator's loss: -log D(fake), or log(1 - D(fake)) as Eq. 6 reads"
    )
    real_masks: Literal["literal", "matched"] = setting(
        "literal", "truth shown to the discriminator: as it is, or sampled and upsampled as predictions are"
    )


@dataclass(frozen=True)
class TrainConfig:
    """How a run proceeds; stored in each checkpoint."""

    steps: int = setting(750_000, "optimisation steps")
    batch_size: int = setting(1, "expressions in a step, over all processes")
    micro_batch: int = setting(0, "expressions that a process passes at once; 0 passes its whole share of a batch")
    phrases_per_image: int = setting(1, "expressions of one image kept together in a batch, its features shared")
    learning_rate: float = setting(2.5e-4, "Adam's rate for both networks (Sec. IV-C)")
    backbone_learning_rate: float = setting(2.5e-5, "Adam's rate for a fine-tuned backbone")
    beta1: float = setting(0.9, "Adam's first-moment decay")
    beta2: float = setting(0.999, "Adam's second-moment decay")
    schedule: Literal["fixed", "poly"] = setting(
        "fixed", "learning rate: fixed (Sec. IV-C), or polynomial 0.9 to 1e-5 (base code)"
    )
    warmup_steps: int = setting(0, "first steps without the adversarial loss")
    finetune: bool = setting(
        False, "train the backbone too, of M its dilated blocks, of N what follows dark3; batch norm stays fixed"
    )
    flip: bool = setting(False, "mirror half of the images, swapping left and right in their phrases")
    augment: bool = setting(False, "vary zoom, place and light of each image a little")
    seed: int = setting(0, "seed of weights, order and drawing")
    validate_every: int = setting(1000, "steps between validations; 0 validates at the end only")
    validation_limit: int = setting(0, "images of a validation; 0 takes all")
    checkpoint_every: int = setting(1000, "steps between checkpoints")
    precision: Literal["no", "bf16", "fp16"] = setting("no", "mixed precision of the networks")
    workers: int = setting(2, "processes that read data")


def to_json(config: Any) -> dict[str, Any]:
    """The fields of a configuration as JSON values."""
    return asdict(config)
