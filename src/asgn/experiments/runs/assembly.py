"""From a plan to what trains: networks, optimisers, step and stream."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from asgn.checkpoint import Model, load_model
from asgn.config import LossConfig, ModelConfig, TrainConfig
from asgn.data.checks.image_origin import ImageLists
from asgn.data.files.word_vectors import WordVectors
from asgn.data.loading.batches import BatchStream
from asgn.data.types import Batch, Expression, ReferringDataset
from asgn.data.vocabulary import Subwords, Vocabulary
from asgn.errors import UserError
from asgn.experiments.runs.features import cached_features
from asgn.experiments.runs.packing import packed_split
from asgn.experiments.runs.warm_start import load_start
from asgn.experiments.runs.words import extended_vocabulary, with_vectors
from asgn.inference.device import processor_has_bfloat16
from asgn.inference.load import find_model
from asgn.models import snle
from asgn.models.build import build_generator
from asgn.models.discriminator import Discriminator
from asgn.models.generator import Generator
from asgn.models.paper_generator import PaperGenerator
from asgn.models.pretrained import Weights, load_backbone_weights
from asgn.models.word_embedding import WordEmbedding
from asgn.training.average import AveragedGenerator
from asgn.training.distributed import accept_either_layout
from asgn.training.optimizers import discriminator_optimizer, generator_optimizer
from asgn.training.snle import PixelLoss, StagedStep, pixel_scale, snle_optimizer, stage_starts
from asgn.training.state import PAPER_SIZE, TrainingState
from asgn.training.step import AdversarialStep, GridLoss, Report, Step, SupervisedStep
from asgn.variants import Variant

_LOG = logging.getLogger(__name__)

_DRAWN_TEXTS = 3200

FREE_TO_CHANGE = {"steps", "workers", "micro_batch", "validate_every", "validation_limit", "checkpoint_every"}
"""Settings that a resumed run may change: none of them changes a step, but for rounding."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What the runs of one reproduction have in common."""

    train: TrainConfig = field(default_factory=TrainConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    model_changes: dict[str, Any] = field(default_factory=dict)
    """Fields of ModelConfig that differ from the variant's own."""
    vocabulary: Vocabulary | None = None
    """None builds one from the training expressions."""
    word_vectors: WordVectors | None = None
    """Words that the model is to know beside those of its phrases."""
    weights: Weights = "default"
    packed: Path | None = None
    """Folder of packed splits, where the training split is packed on first use; None decodes it each time."""
    cached_features: Path | None = None
    """Folder of caches, where the features of a frozen backbone are computed on first use, once per image."""
    image_lists: ImageLists = field(default_factory=ImageLists)
    """Where the evaluation images are named that the training images are compared with."""
    allow_leak: bool = False
    quiet: bool = False


@dataclass(frozen=True, kw_only=True)
class RunConfig(RunSettings):
    """One training run."""

    variant: Variant
    train_data: ReferringDataset
    validation_data: ReferringDataset
    folder: Path
    start_from: str | Path | None = None
    """A trained model whose weights and words the run begins with."""
    resume: bool = False

    @property
    def is_staged(self) -> bool:
        """Whether the run goes through SNLE's own three stages."""
        return self.variant.backbone == "SNLE" and self.train.snle == "stages"

    @property
    def batch_sizes(self) -> tuple[tuple[int, int], ...]:
        """First step and batch size of each stretch of the run."""
        if not self.is_staged or self.train.snle_batches == "given":
            return ((0, self.train.batch_size),)
        starts = stage_starts(self.train.steps)
        return tuple((start, stage.batch_size) for start, stage in zip(starts, snle.SCHEDULE, strict=True))

    def batch_at(self, step: int) -> int:
        """Expressions in the batch of a step."""
        return [size for start, size in self.batch_sizes if start <= step][-1]

    def __post_init__(self) -> None:
        own_rate = TrainConfig().learning_rate
        if self.is_staged and (self.train.learning_rate != own_rate or self.train.schedule != "fixed"):
            raise UserError(
                "learning_rate and schedule cannot be used with SNLE's stages, whose rates are their own: leave them "
                "out, or give --snle adam"
            )
        if self.variant.backbone == "SNLE" and self.variant.adversarial and self.losses.ce_weight == 0:
            raise UserError(
                f"ce_weight 0 cannot be used with {self.variant}, whose learning rate it divides: give more than 0"
            )


def accelerator_of(train: TrainConfig, cpu: bool) -> Accelerator:
    """Where a run computes, with its precision.

    Raises:
        UserError: the precision needs a GPU, and there is none or it is not to be used.
    """
    if train.precision == "fp16" and (cpu or not torch.cuda.is_available()):
        raise UserError("--precision fp16 cannot be used here (it needs a GPU): try another, such as bf16")
    accelerator = Accelerator(cpu=cpu, mixed_precision=train.precision)
    if train.precision == "bf16" and accelerator.device.type == "cpu" and processor_has_bfloat16() is False:
        _LOG.warning(
            "this processor has no bfloat16 arithmetic: --precision bf16 is many times slower here than --precision no"
        )
    return accelerator


def build_state(plan: RunConfig) -> TrainingState:
    """Networks with their first weights, and their optimisers."""
    source = None if plan.start_from is None else load_model(find_model(plan.start_from), plan.variant.builder)
    vocabulary, vectors = _words(plan, source)
    config = _model_config(plan, len(vocabulary), source)
    if vectors is not None:
        config = replace(config, word_vector_size=vectors.shape[1], trained_words=vocabulary.trained)
    generator = build_generator(config, named_by_user=True).to(memory_format=torch.channels_last)
    if vectors is not None and isinstance(generator, PaperGenerator):
        assert isinstance(generator.language.embedding, WordEmbedding)
        generator.language.embedding.set_vectors(vectors)
    provenance = _first_weights(generator, plan, vocabulary, source)
    generator.freeze_backbone(not plan.train.finetune)
    own = _as_snle(generator, plan.variant)
    optimizer = generator_optimizer(generator, plan.train) if own is None else snle_optimizer(own, plan.train)
    discriminator = build_discriminator(plan.losses) if plan.variant.adversarial else None
    decay = plan.train.average_decay
    provenance["data"] = data_description(plan.train_data)
    provenance |= _words_description(plan)
    return TrainingState(
        model=Model(generator, config, vocabulary, provenance),
        optimizer=optimizer,
        discriminator=discriminator,
        discriminator_optimizer=None if discriminator is None else discriminator_optimizer(discriminator, plan.train),
        settings=run_settings(plan),
        average=AveragedGenerator(generator, optimizer, decay) if decay else None,
    )


def _words(plan: RunConfig, source: Model | None) -> tuple[Vocabulary, Tensor | None]:
    """The words that a run knows, and their vectors where they have any.

    What is built outside of the package, and began from a trained model, keeps that model's words.
    """
    if plan.variant.builder is not None and plan.word_vectors is not None:
        raise UserError(f"word vectors are for the rows of asgn: leave them out with {plan.variant}")
    if plan.variant.builder is not None and source is not None:
        return plan.vocabulary or source.vocabulary, None
    known = None if source is None else source.vocabulary
    trained = plan.vocabulary or extended_vocabulary(known, (item.text for item in _texts(plan.train_data)))
    if isinstance(trained, Subwords) and plan.word_vectors is not None:
        raise UserError("word vectors are for a list of words: leave them out with a tokeniser, which has none")
    return with_vectors(trained, plan.word_vectors, source)


def _model_config(plan: RunConfig, words: int, source: Model | None) -> ModelConfig:
    """The row's own sizes, or for what is built outside of the package those of the model that it began from."""
    variant, changes = plan.variant, plan.model_changes
    if variant.builder is not None and source is not None:
        name = str(variant.without_densecrf())
        return replace(source.config, **{"variant": name, "vocabulary_size": words, **changes})
    size = {"image_size": PAPER_SIZE} if variant.backbone == "SNLE" and not plan.is_staged else {}
    return ModelConfig.for_variant(variant, words, **size | changes)


def _first_weights(
    generator: Generator, plan: RunConfig, vocabulary: Vocabulary, source: Model | None
) -> dict[str, Any]:
    """Load what a run begins with, and say where it comes from."""
    if source is not None:
        return load_start(generator, vocabulary, source, str(plan.start_from))
    if plan.resume:
        return {}
    provenance = {"backbone": asdict(load_backbone_weights(generator, plan.variant, plan.weights))}
    is_unknown = plan.variant.builder is not None and plan.weights != "random"
    return provenance | {"start": {}} if is_unknown else provenance  # which no audit knows


def build_discriminator(losses: LossConfig) -> Discriminator:
    """The discriminator that a run's settings ask for, with random weights."""
    network = Discriminator(losses.discriminator_input, losses.discriminator_norm, losses.discriminator_output)
    return network.to(memory_format=torch.channels_last)


def run_settings(plan: RunConfig) -> dict[str, Any]:
    """What a run keeps in its checkpoints as JSON values, and must find there again to go on."""
    return {
        "train": {name: value for name, value in plan.train.to_json().items() if name not in FREE_TO_CHANGE},
        "losses": plan.losses.to_json(),
        "data": data_description(plan.train_data),
        **_words_description(plan),
    }


def _words_description(plan: RunConfig) -> dict[str, Any]:
    """The table of word vectors; nothing for a run without one."""
    given = plan.word_vectors
    return {} if given is None else {"word_vectors": {"source": given.source, "sha256": given.sha256}}


def build_step(state: TrainingState, plan: RunConfig, accelerator: Accelerator) -> Step:
    """The step that the variant asks for: AT decides, after the warm-up; SNLE has stages of its own."""
    network = state.model.generator
    is_adversarial = state.discriminator is not None
    scale, rate = pixel_scale(plan.losses, is_adversarial)
    weight = plan.losses.ce_weight if plan.is_staged else 1.0  # plain descent heeds a loss's scale, Adam does not
    own = _as_snle(network, plan.variant)
    segmentation = GridLoss(network, plan.losses) if own is None else PixelLoss(own, scale)
    accept_either_layout()
    generator, optimizer = accelerator.prepare(network, state.optimizer)
    supervised = SupervisedStep(accelerator, generator, optimizer, segmentation, plan.train.micro_batch)
    step: Step = supervised
    if is_adversarial:
        judge, its_optimizer = accelerator.prepare(state.discriminator, state.discriminator_optimizer)
        adversarial = AdversarialStep(supervised, judge, its_optimizer, plan.losses)

        def after_warm_up(batch: Batch) -> Report:
            if state.step < plan.train.warmup_steps:
                return supervised.descend(supervised.passes(batch), weight)
            return adversarial(batch)

        step = after_warm_up
    if plan.is_staged and own is not None:
        return StagedStep(own, state.optimizer, step, rate, plan.train, lambda: state.step)
    return step


def _as_snle(generator: Generator, variant: Variant) -> PaperGenerator | None:
    """SNLE's network, which has an optimiser and losses of its own; None for any other row's."""
    return generator if isinstance(generator, PaperGenerator) and variant.backbone == "SNLE" else None


def data_description(data: ReferringDataset) -> dict[str, Any]:
    """What a checkpoint says of the data it was trained on."""
    return {"name": data.name, "split": data.split, "fingerprint": data.fingerprint()}


def _texts(data: ReferringDataset) -> Sequence[Expression]:
    """The expressions whose words a run knows; drawn scenes use few, all of which a part of them shows."""
    return data.expressions[:_DRAWN_TEXTS] if data.name == "synthetic" else data.expressions


def training_stream(plan: RunConfig, state: TrainingState, accelerator: Accelerator) -> BatchStream:
    """The batches of a run that this process takes."""
    data, side = plan.train_data, state.model.config.image_size
    if plan.packed is not None:
        data = packed_split(data, plan.packed, side, accelerator, plan.quiet)
    cache = None
    if plan.cached_features is not None:
        cache = cached_features(state.model, data, plan.train, plan.cached_features, accelerator, plan.quiet)
    return BatchStream(
        data,
        state.model.vocabulary,
        side=side,
        batch_size=plan.batch_sizes,
        steps=plan.train.steps,
        seed=plan.train.seed,
        phrases_per_image=plan.train.phrases_per_image,
        flip=plan.train.flip,
        augment=plan.train.augment,
        features=cache,
        process=accelerator.process_index,
        processes=accelerator.num_processes,
    )


