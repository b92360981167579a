"""From trained runs to the model in the box: average, balance of its masks, presence, scores, half precision.

    python -m benchmarks.mobile_finish RUN/last.safetensors [RUN/last.safetensors ...] OUT.safetensors

The runs began from one another, so that the mean of their weights is a model too, and a better one than each (Wortsman
et al., Model soups, 2022). Cross entropy leaves masks too small where the model is in doubt; the constant of its mask
head is raised by the amount that is best for oIoU + mIoU. That amount and the presence threshold are chosen on
photorefer's val, so the scores given are those of halves: each half of the photographs is scored with what was best
for the other.
"""

import copy
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from asgn.checkpoint import Model, load_model, save_model
from asgn.data.datasets import open_dataset
from asgn.evaluation.evaluate import Evaluation
from asgn.evaluation.metrics import SegmentationScores
from asgn.experiments.probe import calibrate_presence, probe
from asgn.experiments.runs.scoring import evaluate
from asgn.inference.segmenter import Segmenter
from benchmarks.measure import record

DATA = Path(os.environ.get("ASGN_SHARED", "../shared")) / "data" / "photorefer"
LIFTS = (0.0, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1)
EMBEDDING = "language.embedding.weight"
CPU = torch.device("cpu")


def main(runs: list[Path], out: Path) -> None:
    model = average([load_model(run) for run in runs])
    data = open_dataset("own", DATA, "val", seed=0)
    found = {lift: evaluate(Segmenter(lifted(model, lift), CPU), data) for lift in LIFTS}
    images = sorted({expression.image_id for expression in data.expressions})
    halves: list[list[int]] = [[], []]
    for item in data.expressions:
        halves[images.index(item.image_id) % 2].append(item.sentence_id)
    crossed = SegmentationScores()
    for scored, chosen_on in (halves, halves[::-1]):
        crossed.merge(found[best_lift(found, chosen_on)].scores.subset(scored))
    lift = best_lift(found, [*halves[0], *halves[1]])
    finished = lifted(model, lift)
    shipped = evaluate(Segmenter(finished, CPU), data, control_seed=0)
    trust = probe(Segmenter(finished, CPU), data)
    calibration = calibrate_presence(trust.phrases, data)
    summary = {
        "as trained": found[0.0].scores.summary(),
        "lift chosen on the other half": crossed.summary(),
        "as shipped": shipped.scores.summary(),
        "as shipped, phrases shuffled": shipped.control.summary() if shipped.control else None,
    }
    finished = replace(finished, presence=calibration, provenance=provenance(model, summary, lift))
    save_model(out, finished, half_precision=True)
    trusted: dict[str, Any] = trust.to_json()
    record("mobile", {"lift": lift, "scores": summary, "trust": trusted, "bytes": out.stat().st_size})


def average(models: list[Model]) -> Model:
    """The mean of the weights of models that began from one another; the last one knows the most words."""
    last = models[-1]
    states = [model.generator.state_dict() for model in models]
    for model, state in zip(models, states, strict=True):
        known = len(model.vocabulary)
        assert model.vocabulary.words == last.vocabulary.words[:known]
        state[EMBEDDING] = torch.cat([state[EMBEDDING], states[-1][EMBEDDING][known:]])
    generator = copy.deepcopy(last.generator)
    mean = {name: torch.stack([state[name].double() for state in states]).mean(0) for name in states[-1]}
    generator.load_state_dict({name: value.to(states[-1][name].dtype) for name, value in mean.items()})
    return replace(last, generator=generator)


def lifted(model: Model, lift: float) -> Model:
    """The model with a constant added to its mask logits."""
    generator = copy.deepcopy(model.generator)
    with torch.no_grad():
        generator.head.semantic.bias += lift
    return replace(model, generator=generator)


def best_lift(found: dict[float, Evaluation], sentence_ids: list[int]) -> float:
    def quality(lift: float) -> float:
        summary = found[lift].scores.subset(sentence_ids).summary()
        return float(summary["oIoU"] + summary["mIoU"])

    return max(found, key=quality)


def provenance(trained: Model, summary: dict[str, Any], lift: float) -> dict[str, Any]:
    names = ("oIoU", "mIoU", "Pr@0.5", "Pr@0.7", "Pr@0.9")
    scores = {
        f"photorefer val, {how}": {name: values[name] for name in names} for how, values in summary.items() if values
    }
    start = {
        "licence": "Apache-2.0 (deeplabv3_mnv2_pascal_trainval, TensorFlow models)",
        "trained_on": ["PASCAL VOC 2012 trainval", "by its family's documentation also ImageNet and MS COCO"],
    }
    words = {
        "photographs": "3,546 and 2,200 collages of them: COCO and Flickr photographs (Creative Commons terms per "
        "image), PASCAL VOC, DAVIS 2016",
        "phrases": "photorefer's own, and made ones (benchmarks/mobile_data.py); no benchmark's sentences",
        "training": "mean of the weights after three stages; samples seen: 48,000 with a frozen backbone and 21,920 "
        "fine-tuned at 256 x 256, 3,680 with AT, 5,440 at 320 x 320 (the last 320 with AT); 96,000 with a frozen "
        "backbone; 13,600 fine-tuned (the last 1,920 with AT)",
        "licence": "COCO annotations CC BY 4.0; photographs under their own terms, none of which ship",
        "mask constant": f"raised by {lift} after training",
    }
    kept = trained.provenance
    return kept | {"backbone": kept["backbone"] | start, "data": kept["data"] | words, "scores": scores}


if __name__ == "__main__":
    *trained, target = map(Path, sys.argv[1:])
    main(trained, target)
