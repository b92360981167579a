"""Whether D and G kept in balance in each row with AT: D's loss, and how often it knew true masks from predicted."""

import statistics
from collections.abc import Mapping

from asgn.experiments.report import Curve, Section
from asgn.experiments.reproduce.charts import draw_bands
from asgn.experiments.reproduce.results import Results, spread
from asgn.training.balance import HEALTHY
from asgn.training.recorder import METRICS, curves

MEASURES = {"D's loss": "discriminator", "true masks known": "real_accuracy", "predictions known": "fake_accuracy"}


def balance_sections(results: Results) -> list[Section]:
    """A table and a chart over the steps of all rows with AT; nothing where no row has it."""
    config = results.config
    found: dict[str, list[Mapping[str, Curve]]] = {}
    for one in results.done:
        if one.row.variant.adversarial and one.trained is not None:
            run = curves(one.trained.folder / METRICS, "train")
            if "discriminator" in run:  # which a run that is all warm-up has not
                found.setdefault(one.row.label, []).append(run)
    if not found:
        return []
    lines = [
        [label, str(len(runs)), *(spread([last_half(run[name]) for run in runs]) for name in MEASURES.values())]
        for label, runs in found.items()
    ]
    losses = {label: [dict(run["discriminator"]) for run in runs] for label, runs in found.items()}
    shared = {label: sorted(set.intersection(*map(set, runs))) for label, runs in losses.items()}
    drawn = {label: {step: [run[step] for run in losses[label]] for step in steps} for label, steps in shared.items()}
    path = config.out / f"{config.name}-balance.png"
    draw_bands(path, drawn, "D's loss", HEALTHY)
    low, high = HEALTHY
    text = (
        "D's loss, and the shares of true and of predicted masks that it takes for what they are, each averaged over "
        f"the last half of the steps with AT; mean ± standard deviation over the seeds. Between {low} and {high} both "
        "sides learn; below, D has won and teaches little; 0.69 is guessing (protocol section 6)."
    )
    caption = f"D's loss: mean of the seeds, the band their standard deviation; grey from {low} to {high}"
    return [Section("The balance of D and G", text, ("row", "seeds", *MEASURES), lines, [(path, caption)])]


def last_half(curve: Curve) -> float:
    """The mean of a curve over the last half of its steps, from its own first on: that of D begins after a warm-up."""
    middle = (curve[0][0] + curve[-1][0]) / 2
    return statistics.mean(value for step, value in curve if step >= middle)
