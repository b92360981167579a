"""Which way of holding D back pays: from one cross-entropy run a seed, every arm goes on with the same batches.

    python -m benchmarks.paired OUT [--data own --root DIR --val-split SPLIT ...]

The arms differ by nothing but what they are named for, so that a difference needs half the runs and has a fraction of
the variance of two runs from scratch. Search on another part of the data than the one reported: `--val-split` says
which part scores; `asgn reproduce table2 --paired` takes the chosen switches and reports. OUT/paired.json is written
again after every run, and a run that is there already is not repeated, so that the command may be cut and given again.
"""

import argparse
import dataclasses
import json
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from asgn.config import TrainConfig
from asgn.data.datasets import open_dataset
from asgn.experiments.reproduce.balance import last_half
from asgn.experiments.runs.assembly import RunConfig, accelerator_of
from asgn.experiments.runs.summary import SUMMARY
from asgn.experiments.runs.train import train_run
from asgn.files import atomic_write_json
from asgn.training.loop import LAST
from asgn.training.recorder import METRICS, curves
from asgn.variants import Variant

MEASURES = ("oIoU", "mIoU", "Pr@0.5", "Pr@0.7", "Pr@0.9")
NO_AT = "no AT"
SWITCHES: dict[str, dict[str, Any]] = {
    "AT": {},
    "D's rate 1e-4": {"discriminator_learning_rate": 1e-4},
    "D's rate 1e-5": {"discriminator_learning_rate": 1e-5},
    "real label 0.9": {"real_label": 0.9},
    "floor 0.2": {"discriminator_floor": 0.2},
    "matched truth": {"real_masks": "matched"},
    "matched truth, floor 0.4": {"real_masks": "matched", "discriminator_floor": 0.4},
    "feature matching": {"adversarial_form": "none", "feature_matching": 10.0},
    "per cell, spectral": {"discriminator_output": "cell", "discriminator_norm": "spectral"},
    "mask alone": {"discriminator_input": "mask"},
    "product": {"discriminator_input": "product"},
    "held back": {"discriminator_learning_rate": 1e-4, "real_label": 0.9, "real_masks": "matched"},
    "lambda 0.01": {"ce_weight": 0.01},
    "lambda 0.01, matched truth": {"ce_weight": 0.01, "real_masks": "matched"},
    "lambda 0.01, held back": {
        "ce_weight": 0.01, "discriminator_learning_rate": 1e-4, "real_label": 0.9, "real_masks": "matched",
    },
}
"""Settings of an arm with AT that differ from the defaults."""


def go_on(base: RunConfig, arm: str, changes: Mapping[str, Any], steps: int, rate: float) -> RunConfig:
    """What goes on from a cross-entropy run for `steps` at `rate`: with AT and `changes`, or without for `NO_AT`."""
    losses = {name: value for name, value in changes.items() if hasattr(base.losses, name)}
    train = {name: value for name, value in changes.items() if name not in losses}
    return dataclasses.replace(
        base,
        variant=dataclasses.replace(base.variant, adversarial=arm != NO_AT),
        folder=base.folder.with_name(f"{base.folder.name}, {arm}"),
        losses=dataclasses.replace(base.losses, **losses),
        train=dataclasses.replace(
            base.train,
            steps=steps,
            learning_rate=rate,
            backbone_learning_rate=min(rate, base.train.backbone_learning_rate),
            seed=base.train.seed + 1000,
            **train,
        ),
        start_from=base.folder / LAST,
    )


def scored(config: RunConfig, accelerator: Accelerator) -> dict[str, Any]:
    """Train unless it was done, and give the last scores, the rate, and D's mean loss over the last half."""
    if not (config.folder / SUMMARY).exists():
        train_run(config, accelerator)
        accelerator.free_memory()
    summary = json.loads((config.folder / SUMMARY).read_text(encoding="utf-8"))
    scores = summary["last"] or {}
    found = {name: round(scores[name], 3) for name in MEASURES if name in scores}
    found["samples/s"] = summary["samples_per_second"]
    found_curves = curves(config.folder / METRICS, "train")
    if "discriminator" in found_curves:
        found["D's loss"] = last_half(found_curves["discriminator"])
    return found


def gains(found: Mapping[str, Mapping[str, Any]], arms: Iterable[str]) -> dict[str, Any]:
    """Points of each arm over `NO_AT` of the same run: mean, and each; `found` is by run, then by arm."""
    result: dict[str, Any] = {}
    for arm in arms:
        for measure in MEASURES:
            each = [
                round(by_arm[arm][measure] - by_arm[NO_AT][measure], 3)
                for by_arm in found.values()
                if measure in by_arm.get(arm, {}) and measure in by_arm.get(NO_AT, {})
            ]
            if each:
                result.setdefault(arm, {})[measure] = {"mean": round(statistics.mean(each), 3), "each": each}
    return result


def main(arguments: list[str] | None = None) -> None:
    given = _parse(arguments)
    train = TrainConfig(
        steps=given.base_steps, batch_size=given.batch_size, phrases_per_image=given.phrases_per_image,
        learning_rate=given.base_rate, backbone_learning_rate=given.base_rate, finetune=given.finetune,
        validate_every=0, checkpoint_every=0, precision=given.precision, workers=given.workers,
    )  # fmt: skip
    accelerator, arms = accelerator_of(train, given.cpu), given.arm or tuple(SWITCHES)
    found: dict[str, dict[str, Any]] = {}
    for seed in range(given.seeds):
        name = f"{given.row}, seed {seed}"
        base = RunConfig(
            variant=Variant.parse(given.row),
            train_data=open_dataset(given.data, given.root, given.split, seed=0),
            validation_data=open_dataset(given.data, given.root, given.val_split, seed=0),
            folder=given.out / name,
            train=dataclasses.replace(train, seed=seed),
            model_changes={"image_size": given.image_size, **json.loads(given.model)},
            weights=given.weights if given.weights == "random" else Path(given.weights),
            quiet=True,
        )
        found[name] = {"cross entropy alone": scored(base, accelerator)}
        for arm in (NO_AT, *arms):
            found[name][arm] = scored(go_on(base, arm, SWITCHES.get(arm, {}), given.steps, given.rate), accelerator)
            atomic_write_json(given.out / "paired.json", {"runs": found, "gains": gains(found, arms)})
            print(f"{name}, {arm}: {json.dumps(found[name][arm])}", flush=True)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the runs and of paired.json")
    parser.add_argument("--row", default="M+LSTM+DE+SE")
    parser.add_argument("--arm", action="append", choices=SWITCHES, help="only these; several options")
    parser.add_argument("--data", default="synthetic")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--split", default="train")
    parser.add_argument("--val-split", default="val", help="what is scored")
    parser.add_argument("--weights", default="random", help="backbone weights: random, or a file")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--base-steps", type=int, default=2000, help="steps of the cross-entropy run")
    parser.add_argument("--steps", type=int, default=500, help="steps of each arm")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--phrases-per-image", type=int, default=4)
    parser.add_argument("--image-size", type=int, default=320)
    parser.add_argument("--base-rate", type=float, default=1e-3, help="Adam's rate of the cross-entropy run")
    parser.add_argument("--rate", type=float, default=2.5e-4, help="Adam's rate of the arms")
    parser.add_argument("--finetune", action="store_true", help="as in `asgn train`; needed with random weights")
    parser.add_argument("--precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--model", default="{}", help="fields of ModelConfig that differ, as a JSON object")
    parser.add_argument("--cpu", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
