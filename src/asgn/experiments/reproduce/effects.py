"""What DE, SE and AT each add: every pair of rows that differ by that switch alone, with the same seed."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from asgn.data.types import ReferringDataset
from asgn.evaluation.metrics import INTERSECTION, TRUTH, UNION, expression_iou
from asgn.experiments.report import Section
from asgn.experiments.reproduce.results import MISSING, Results
from asgn.experiments.reproduce.rows import Row
from asgn.paper import Cell
from asgn.variants import DEFAULT_DETAIL

SWITCHES: dict[str, dict[str, Any]] = {
    "DE": {"detail": DEFAULT_DETAIL},
    "SE": {"semantic": True},
    "AT": {"adversarial": True},
}
SCORES = ("oIoU", "mIoU", "Pr@0.5")
SHAPES = ("boundary F", "holes kept", "parts per true part")
RESAMPLES = 1000

Pair = tuple[Row, Row]
"""Rows without and with a switch."""


def effect_sections(results: Results) -> list[Section]:
    """For each split a table of what each part adds, over all pairs and in each; none where no rows are a pair."""
    sections = (_section(results, data) for data in results.splits.scored)
    return [section for section in sections if section.rows]


def _section(results: Results, data: ReferringDataset) -> Section:
    measures = (*SCORES, *SHAPES) if results.config.is_paired else SCORES
    fractions = {
        (row, seed): image_fractions(found, data, measures)
        for row in results.config.rows
        for seed, found in results.of(row, data.split).items()
    }
    lines = []
    for name in SWITCHES:
        if not (pairs := pairs_of(name, results.config.rows)):
            continue
        groups = {f"+{name}, all {len(pairs)} pairs": pairs}
        groups |= {f"  {before.label} to +{name}": [(before, after)] for before, after in pairs}
        for label, group in groups.items():
            gains = [seed_effects(group, data.split, measure, results) for measure in measures]
            intervals = bootstrap(fractions, group, len(measures))
            cells = [_cell(values, over) for values, over in zip(gains, intervals, strict=True)]
            lines.append([label, str(max(map(len, gains))), *cells, paper_effect(group)])
    text = (
        "Points gained by a switch, over all pairs of rows that differ by it alone and in each of them: for each seed "
        "the mean over the pairs, then mean ± standard deviation over the seeds. In square brackets the 95 % interval "
        "of Student's t over the seeds, in braces the one over the images (bootstrap, "
        f"{RESAMPLES} resamples). An interval that holds 0 leaves open whether the part helps. A seed of which a row "
        "failed is left out. The last column is the same mean of the paper's numbers on UNC val, by oIoU."
    )
    if results.config.is_paired:
        text += (
            " Both rows of a pair for AT go on from one run without it, with the same batches for the same steps. "
            "Boundary F: contours met within 1 % of the image's diagonal; holes kept: ring-shaped objects whose mask "
            "has at least half of their hole; parts: connected parts of the masks for each of the truth's."
        )
    header = ("part", "seeds", *measures, "paper, oIoU on UNC val")
    return Section(f"What each part adds on {results.config.data} {data.split}", text, header, lines)


def pairs_of(switch: str, rows: Sequence[Row]) -> list[Pair]:
    """Rows without and with a switch that are otherwise equal."""
    return [
        (without, with_it)
        for without, with_it in product(rows, rows)
        if without.variant != with_it.variant
        and without.loss_changes == with_it.loss_changes
        and replace(without.variant, **SWITCHES[switch]) == with_it.variant
    ]


def seed_effects(pairs: Sequence[Pair], split: str, measure: str, results: Results) -> list[float]:
    """The mean gain over all pairs, for each seed that has both rows of every pair."""
    gains: dict[int, list[float]] = {}
    for pair in pairs:
        before, after = (results.by_seed(row, split, measure) for row in pair)
        for seed in before.keys() & after.keys():
            gains.setdefault(seed, []).append(after[seed] - before[seed])
    return [statistics.mean(gain) for _, gain in sorted(gains.items()) if len(gain) == len(pairs)]


def image_fractions(found: Mapping[str, Any], data: ReferringDataset, measures: Sequence[str]) -> NDArray[np.float64]:
    """(I, M, 2) numerator and denominator of each measure over the expressions of each image of a split."""
    pixels = np.array(list(found["pixels"].values()), dtype=np.int64).reshape(-1, 4)
    iou, present, ones = expression_iou(pixels), pixels[:, TRUTH] > 0, np.ones(len(pixels))
    parts = {
        "oIoU": (100 * pixels[:, INTERSECTION], pixels[:, UNION]),
        "mIoU": (100 * iou, ones),
        "Pr@0.5": (100 * (present & (iou >= 0.5)), present),
    }
    if "shapes" in found:
        shapes = np.array([found["shapes"].get(key, [0] * 5) for key in found["pixels"]], dtype=np.float64)
        parts |= {
            "boundary F": (100 * shapes[:, 0], present),
            "holes kept": (100 * shapes[:, 2], shapes[:, 1]),
            "parts per true part": (shapes[:, 3] * present, shapes[:, 4]),
        }
    image_of = {str(item.sentence_id): item.image_id for item in data.expressions}
    images = np.unique([image_of[key] for key in found["pixels"]], return_inverse=True)[1]
    sums = np.zeros((int(images.max()) + 1, len(measures), 2))
    for place, measure in enumerate(measures):
        np.add.at(sums[:, place], images, np.stack(parts[measure], axis=1))
    return sums


def bootstrap(
    fractions: Mapping[tuple[Row, int], NDArray[np.float64]], pairs: Sequence[Pair], measures: int
) -> list[tuple[float, float] | None]:
    """The central 95 % of the mean gain of each measure over resamples of the images; None where none is defined."""
    seeds = {seed for _, seed in fractions}
    whole = [seed for seed in seeds if all((row, seed) in fractions for pair in pairs for row in pair)]
    if not whole or not pairs:
        return [None] * measures
    images = len(fractions[pairs[0][0], whole[0]])
    times = np.random.default_rng(0).multinomial(images, [1 / images] * images, size=RESAMPLES)
    gains = np.zeros((RESAMPLES, measures))
    with np.errstate(invalid="ignore", divide="ignore"):
        for seed, (before, after) in product(whole, pairs):
            for row, sign in ((before, -1), (after, 1)):
                sums = np.tensordot(times, fractions[row, seed], axes=1)
                gains += sign * sums[..., 0] / sums[..., 1]
    central = np.full((2, measures), np.nan)
    for place in range(measures):
        if np.isfinite(defined := gains[:, place]).any():
            central[:, place] = np.percentile(defined[np.isfinite(defined)], (2.5, 97.5)) / len(whole) / len(pairs)
    return [None if np.isnan(low) else (float(low), float(high)) for low, high in central.T]


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % confidence interval of the mean of at least two values."""
    half = float(stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / sqrt(len(values))
    return statistics.mean(values) - half, statistics.mean(values) + half


def _cell(values: Sequence[float], over_images: tuple[float, float] | None) -> str:
    if not values:
        return MISSING
    text = f"{statistics.mean(values):+.2f}"
    if len(values) > 1:
        low, high = t_interval(values)
        text += f" ± {statistics.stdev(values):.2f} [{low:+.2f}, {high:+.2f}]"
    return text if over_images is None else f"{text} {{{over_images[0]:+.2f}, {over_images[1]:+.2f}}}"


def paper_effect(pairs: Sequence[Pair], split: str = "val") -> str:
    """The same mean over pairs of the oIoU that the paper prints for these rows on UNC."""
    cell, gains = Cell("unc", split, "oIoU"), []
    for pair in pairs:
        before, after = (None if row.published is None else row.published.values.get(cell) for row in pair)
        if before is None or after is None:
            return MISSING
        gains.append(after - before)
    return f"{statistics.mean(gains):+.2f}" if gains else MISSING
