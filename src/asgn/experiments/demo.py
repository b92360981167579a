"""The product in a few minutes: the model in the box on photographs, and a training that can be watched."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accelerate import Accelerator

import asgn
from asgn.checkpoint import load_model
from asgn.config import LossConfig, TrainConfig
from asgn.data.types import Expression
from asgn.evaluation.evaluate import Evaluation
from asgn.evaluation.metrics import PRECISION_THRESHOLDS, expression_iou
from asgn.experiments.demo_scenes import PlainScenes
from asgn.experiments.report import Panel, Section, draw_curves, draw_grid, draw_panels, heat, overlay, write_report
from asgn.experiments.runs.assembly import RunConfig
from asgn.experiments.runs.scoring import evaluate
from asgn.experiments.runs.train import train_run
from asgn.files import ensure_writable_folder
from asgn.inference.load import DEFAULT, load
from asgn.inference.results.segmentation import Segmentation, probability
from asgn.inference.segmenter import Segmenter
from asgn.training.loop import LAST
from asgn.training.recorder import METRICS, curves
from asgn.variants import Variant

PHOTOGRAPHS = Path(asgn.__file__).parent / "photographs"
ASKED = {
    "astronaut": ("the woman", "person in orange", "the horse"),
    "chelsea": ("the cat", "brown cat", "the dog"),
    "coffee": ("the cup", "cup on the table", "the table"),
    "rocket": ("the sky", "the rocket", "the car"),
}
"""Photographs and phrases, of which some name what is not there."""
SIDE, TRAIN_SCENES, EXAMPLES = 160, 800, 8
GOOD_IOU = 0.6


@dataclass(frozen=True)
class DemoResult:
    """What the demo measured, in percent, and the report it wrote."""

    answers: dict[str, bool]
    """By photograph and phrase, whether the model in the box found something."""
    true: dict[str, float]
    """Scores of the trained model on held-out scenes."""
    shuffled: dict[str, float]
    """The same where each mask was asked for with another object's phrase."""
    good_examples: int
    """Of `EXAMPLES` held-out scenes, those with an IoU of `GOOD_IOU` or more."""
    report: Path


def run_demo(folder: Path, steps: int, scenes: int = 100, seed: int = 0, quiet: bool = False) -> DemoResult:
    """Ask the model in the box, go on training it on drawn scenes, score held-out ones, and write a report.

    Raises:
        UserError: `folder` cannot be written to or holds another run.
    """
    ensure_writable_folder(folder)
    box = load(device="cpu")
    answers = ask_box(box, folder / "box.png")
    config = _training(folder / "run", box, steps, seed, quiet)
    train_run(config, Accelerator(cpu=True))
    segmenter = Segmenter(load_model(config.folder / LAST), "cpu")
    held_out = PlainScenes("test", scenes, SIDE)
    evaluation = evaluate(segmenter, held_out, control_seed=seed)
    assert evaluation.control is not None
    good = _draw_examples(folder / "examples.png", held_out, segmenter, evaluation)
    _draw_training(folder)
    report = folder / "report.html"
    sections = [_box_section(answers, folder), *_training_sections(evaluation, good, folder), _next_section()]
    write_report(report, "Referring image segmentation: a photograph and a phrase in, a mask out", sections)
    found = {f"{name}: {result.phrase}": result.found for name, result in answers}
    return DemoResult(found, evaluation.scores.summary(), evaluation.control.summary(), good, report)


def ask_box(segmenter: Segmenter, picture: Path) -> list[tuple[str, Segmentation]]:
    """The answers of the model in the box, by photograph, drawn into one picture."""
    answers = [
        (name, result)
        for name, phrases in ASKED.items()
        for result in segmenter(PHOTOGRAPHS / f"{name}.jpg", list(phrases))
    ]
    pictures = [
        (f"“{result.phrase}”" + ("" if result.found else ": nothing"), np.asarray(result.overlay()))
        for _, result in answers
    ]
    draw_grid(picture, pictures, columns=len(next(iter(ASKED.values()))))
    return answers


def _training(folder: Path, box: Segmenter, steps: int, seed: int, quiet: bool) -> RunConfig:
    """A run that begins with the weights of the model in the box; AT joins for the last steps."""
    known = box.model.config
    return RunConfig(
        variant=Variant.parse(f"{known.variant.removesuffix('+AT')}+AT"),
        train_data=PlainScenes("train", TRAIN_SCENES, SIDE),
        validation_data=PlainScenes("val", 20, SIDE),
        folder=folder,
        train=TrainConfig(
            steps=steps,
            batch_size=32,
            phrases_per_image=2,
            learning_rate=1e-3,
            backbone_learning_rate=5e-4,
            schedule="poly",
            warmup_steps=int(0.85 * steps),
            finetune=True,
            average_decay=0.98,
            validate_every=max(1, steps // 3),
            checkpoint_every=0,
            workers=0,
            seed=seed,
        ),
        losses=LossConfig(real_masks="matched"),
        model_changes={
            "image_size": SIDE,
            "fusion_size": known.fusion_size,
            "mask_threshold": known.mask_threshold,
            "pieces": known.pieces,
        },
        start_from=DEFAULT,
        quiet=quiet,
    )


def _draw_examples(path: Path, data: PlainScenes, segmenter: Segmenter, evaluation: Evaluation) -> int:
    """Draw one phrase of each of the first scenes, whatever came out; how many of them are good."""
    ious = dict(zip(evaluation.scores.sentence_ids, expression_iou(evaluation.scores.pixels), strict=True))
    shown = _one_of_each_image(data.expressions)[:EXAMPLES]
    panels = []
    for expression in shown:
        image, truth = data.image(expression.image_id), data.mask(expression)
        encodings = [segmenter.vocabulary.encode(expression.text)]
        prob = probability(segmenter.pixel_logits(segmenter.encode(image), encodings)[0], *truth.shape)
        title = f"prediction, IoU {ious[expression.sentence_id]:.2f}"
        pictures = {"truth": overlay(image, truth), title: overlay(image, prob >= 0.5), "probability": heat(prob)}
        panels.append(Panel(image, expression.text, pictures))
    draw_panels(path, panels)
    return sum(ious[expression.sentence_id] >= GOOD_IOU for expression in shown)


def _one_of_each_image(expressions: Sequence[Expression]) -> list[Expression]:
    return list({expression.image_id: expression for expression in expressions}.values())


def _draw_training(folder: Path) -> None:
    training = curves(folder / "run" / METRICS, "train")
    draw_curves(folder / "segmentation.png", {"cross entropy": training["ce"]}, "summed over the grid")
    shown = {"discriminator": "discriminator", "generator, adversarial": "adversarial"}
    adversarial = {label: training[name] for label, name in shown.items() if name in training}
    draw_curves(folder / "adversarial.png", adversarial, "loss", {"D cannot tell": 0.693})


def _box_section(answers: Sequence[tuple[str, Segmentation]], folder: Path) -> Section:
    rows = [
        [name, result.phrase, f"{result.presence:.2f}", f"{result.mask.mean():.1%}" if result.found else "nothing"]
        for name, result in answers
    ]
    return Section(
        "The model in the box",
        f"{DEFAULT} on photographs that it never saw. Presence says how sure it is that something is meant; below its "
        "threshold the answer is that nothing matches. Misses are shown like hits.",
        ["photograph", "phrase", "presence", "mask"],
        rows,
        [(folder / "box.png", "each phrase and what was found for it")],
    )


def _training_sections(evaluation: Evaluation, good: int, folder: Path) -> list[Section]:
    header = ["phrases", "oIoU", "mIoU", *(f"Pr@{threshold}" for threshold in PRECISION_THRESHOLDS)]
    assert evaluation.control is not None
    summaries = {"true": evaluation.scores.summary(), "shuffled (control)": evaluation.control.summary()}
    return [
        Section(
            "A training that can be watched",
            f"The same model, trained for a few minutes more on drawn scenes, whose shapes it had no words for: "
            f"{len(evaluation.scores)} phrases about {evaluation.images} held-out scenes. The control asks with the "
            "phrase of another object of the same scene: the more the two rows differ, the more the phrase decides.",
            header,
            [[name, *(f"{row[measure]:.1f}" for measure in header[1:])] for name, row in summaries.items()],
            [(folder / "examples.png", f"the first held-out scenes; IoU {GOOD_IOU} or more in {good} of {EXAMPLES}")],
        ),
        Section(
            "Curves",
            "The adversarial part joins for the last steps. The discriminator's loss is 0.69 where it cannot tell true "
            "masks from predicted ones.",
            pictures=[
                (folder / "segmentation.png", "cross entropy of the generator (Eq. 3)"),
                (folder / "adversarial.png", "the two sides of the adversarial game (Eq. 6)"),
            ],
        ),
    ]


def _next_section() -> Section:
    return Section(
        "What next",
        rows=[
            ["Ask about a photograph", "asgn segment street.jpg “white car on the right”"],
            ["In a browser", "asgn app"],
            ["From Python", "asgn.load()(image, phrase).mask"],
            ["Phrases for annotations of your own", "asgn data expressions instances.json --out my-set"],
            ["Train on them", "asgn train ROW --data own --root my-set --start-from asgn-mobile --finetune --flip"],
            ["How good is it there", "asgn evaluate --data own --root my-set --split val, and asgn probe"],
        ],
    )
