"""A whole run in a few minutes: train on drawn scenes, score held-out ones, show the pictures."""

import math
import random
from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator

from asgn.checkpoint import load_model
from asgn.config import LossConfig, TrainConfig
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.data.types import Expression
from asgn.evaluation.evaluate import Evaluation
from asgn.evaluation.metrics import PRECISION_THRESHOLDS
from asgn.experiments.report import Panel, Section, draw_curves, draw_panels, heat, overlay, write_report
from asgn.experiments.runs.assembly import RunConfig
from asgn.experiments.runs.scoring import evaluate
from asgn.experiments.runs.train import train_run
from asgn.inference.results.segmentation import probability
from asgn.inference.segmenter import Segmenter
from asgn.training.loop import BEST
from asgn.training.recorder import METRICS, curves
from asgn.variants import Variant

VARIANT = "M+LSTM+DE+SE+AT"
SIDE = 112
"""Pixels of a demo scene, small enough for a laptop."""


@dataclass(frozen=True)
class DemoResult:
    """What the demo measured, in percent, and the report it wrote."""

    true: dict[str, float]
    shuffled: dict[str, float]
    report: Path

    @property
    def ratio(self) -> float:
        """oIoU of true phrases over oIoU of shuffled ones; infinite where the latter hit nothing."""
        return self.true["oIoU"] / self.shuffled["oIoU"] if self.shuffled["oIoU"] else math.inf


def run_demo(folder: Path, steps: int, scenes: int = 100, seed: int = 0, quiet: bool = False) -> DemoResult:
    """Train the small backbone from random weights on synthetic scenes, evaluate, and write a report.

    Raises:
        UserError: `folder` cannot be written to or holds another run.
    """
    held_out = SyntheticDataset("test", scenes=scenes, size=SIDE, absent=False)
    plan = RunConfig(
        variant=Variant.parse(VARIANT),
        train_data=SyntheticDataset("train", scenes=3000, size=SIDE, absent=False),
        validation_data=SyntheticDataset("val", scenes=40, size=SIDE, absent=False),
        folder=folder / "run",
        train=TrainConfig(
            steps=steps,
            batch_size=32,
            phrases_per_image=8,
            learning_rate=1e-3,
            backbone_learning_rate=1e-3,
            warmup_steps=int(0.85 * steps),
            finetune=True,
            validate_every=max(1, steps // 4),
            checkpoint_every=0,
            workers=0,
            seed=seed,
        ),
        losses=LossConfig(real_masks="matched"),
        model_changes={"image_size": SIDE},
        weights="random",
        quiet=quiet,
    )
    train_run(plan, Accelerator(cpu=True))
    model = load_model(plan.folder / BEST)
    segmenter = Segmenter(model, "cpu")
    evaluation = evaluate(segmenter, held_out, control_seed=seed)
    assert evaluation.control is not None
    report = _write_report(folder, plan.folder, evaluation, held_out, segmenter, seed)
    return DemoResult(evaluation.scores.summary(), evaluation.control.summary(), report)


def _write_report(
    folder: Path, run: Path, evaluation: Evaluation, data: SyntheticDataset, segmenter: Segmenter, seed: int
) -> Path:
    draw_panels(folder / "examples.png", _panels(data, segmenter, seed))
    training = curves(run / METRICS, "train")
    draw_curves(folder / "segmentation.png", {"cross entropy": training["ce"]}, "summed, as over 40 x 40 cells")
    shown = {"discriminator": "discriminator", "generator, adversarial": "adversarial"}
    adversarial = {label: training[name] for label, name in shown.items()}
    draw_curves(folder / "adversarial.png", adversarial, "loss", {"D cannot tell": 0.693})
    sections = [
        Section("Scores", _explanation(evaluation), _header(), _rows(evaluation)),
        Section(
            "Examples",
            "One held-out expression of each kind, drawn at random: scene, truth, prediction and its probability.",
            pictures=[(folder / "examples.png", "image, truth, prediction, probability")],
        ),
        Section(
            "Training",
            "The discriminator's loss is 0.69 where it cannot tell true masks from predicted ones.",
            pictures=[
                (folder / "segmentation.png", "cross entropy of the generator (Eq. 3)"),
                (folder / "adversarial.png", "the two sides of the adversarial game (Eq. 6)"),
            ],
        ),
    ]
    report = folder / "report.html"
    write_report(report, f"{VARIANT} on synthetic scenes", sections)
    return report


def _explanation(evaluation: Evaluation) -> str:
    return (
        f"{len(evaluation.scores)} expressions over {evaluation.images} held-out scenes, protocol "
        f"{evaluation.protocol}. The control asks with the phrase of another object of the same scene: the more the "
        "two rows differ, the more the phrase decides. oIoU is the sum of intersections over the sum of unions, mIoU "
        "the mean over expressions, Pr@X the share of expressions whose IoU reaches X."
    )


def _header() -> list[str]:
    return ["phrases", "oIoU", "mIoU", *(f"Pr@{threshold}" for threshold in PRECISION_THRESHOLDS)]


def _rows(evaluation: Evaluation) -> list[list[str]]:
    assert evaluation.control is not None
    summaries = {"true": evaluation.scores.summary(), "shuffled (control)": evaluation.control.summary()}
    return [[name, *(f"{row[measure]:.1f}" for measure in _header()[1:])] for name, row in summaries.items()]


def _panels(data: SyntheticDataset, segmenter: Segmenter, seed: int) -> list[Panel]:
    """One expression of each kind, drawn at random."""
    panels = []
    for expression in _one_of_each_kind(data, seed):
        image, truth = data.image(expression.image_id), data.mask(expression)
        encodings = [segmenter.vocabulary.encode(expression.text)]
        logits = segmenter.pixel_logits(segmenter.encode(image), encodings)[0]
        prob = probability(logits, *truth.shape)
        found = {"truth": overlay(image, truth), "prediction": overlay(image, prob >= 0.5)}
        pictures = found | {"probability": heat(prob)}
        panels.append(Panel(image, expression.text, pictures))
    return panels


def _one_of_each_kind(data: SyntheticDataset, seed: int) -> list[Expression]:
    found: dict[str, Expression] = {}
    for image_id in random.Random(seed).sample(data.image_ids(), len(data.image_ids())):
        described = zip(data.kinds_of(image_id), data.expressions_of(image_id), strict=True)
        found |= dict([pair for pair in described if pair[0] not in found][:1])
    return [found[kind] for kind in sorted(found)]
