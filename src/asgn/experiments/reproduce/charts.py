"""Charts of reproductions."""

import statistics
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from asgn.experiments.report import save_figure

_COLOURS = ("#3b6ea8", "#d08a3c", "#5a9b63", "#8c6bb1")


def draw_bars(
    path: Path,
    rows: Sequence[str],
    values: Mapping[str, Sequence[Sequence[float]]],
    published: Mapping[str, Sequence[float | None]],
    xlabel: str,
    levels: Mapping[str, float] | None = None,
) -> None:
    """A bar for each row and group (such as a split): the mean of its values, a dot for each, a line as published.

    Args:
        path: of the PNG.
        rows: names of the rows, from the top.
        values: by group, the values of each row; none for a row that failed.
        published: by group, the published value of each row; none of a measure that does not compare.
        xlabel: what is measured.
        levels: named values to mark.
    """
    figure = Figure(figsize=(8, 1.2 + 0.26 * len(rows) * (1 + len(values))), layout="constrained")
    axis = figure.subplots()
    height = 0.8 / len(values)
    for place, (group, found) in enumerate(values.items()):
        colour = _COLOURS[place % len(_COLOURS)]
        ys = np.arange(len(rows)) + (place - (len(values) - 1) / 2) * height
        means = [statistics.mean(one) if one else 0.0 for one in found]
        axis.barh(ys, means, 0.9 * height, color=colour, alpha=0.75, label=group)
        for y, one, printed in zip_longest(ys, found, published[group]):
            axis.plot(one, [y] * len(one), "o", color="black", markersize=3)
            if printed is not None:
                axis.plot([printed] * 2, [y - height / 2, y + height / 2], color="crimson", linewidth=2)
    for name, level in (levels or {}).items():
        axis.axvline(level, linestyle=":", color="grey", label=name)
    axis.set_xlim(left=0)
    axis.set_yticks(range(len(rows)), rows)
    axis.invert_yaxis()
    axis.set_xlabel(xlabel)
    axis.grid(axis="x", alpha=0.3)
    if len(values) > 1 or levels:
        figure.legend(loc="outside upper right", ncols=4)
    save_figure(figure, path)


def draw_bands(
    path: Path,
    curves: Mapping[str, Mapping[int, Sequence[float]]],
    ylabel: str,
    level: tuple[float, float] | None = None,
) -> None:
    """Named curves over steps, as a PNG: the mean of each step's values, and a band of their standard deviation.

    A `level`, from one value to another, lies grey behind them.
    """
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axis = figure.subplots()
    if level is not None:
        axis.axhspan(*level, color="grey", alpha=0.15, linewidth=0)
    for place, (name, curve) in enumerate(curves.items()):
        steps = sorted(curve)
        means = np.array([statistics.mean(curve[step]) for step in steps])
        spreads = np.array([statistics.stdev(curve[step]) if len(curve[step]) > 1 else 0.0 for step in steps])
        colour = _COLOURS[place % len(_COLOURS)]
        axis.plot(steps, means, "o-", markersize=3, color=colour, label=name)
        axis.fill_between(steps, means - spreads, means + spreads, color=colour, alpha=0.2, linewidth=0)
    axis.set_xlabel("step")
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.set_ylabel(ylabel)
    axis.grid(alpha=0.3)
    if curves:
        axis.legend()
    save_figure(figure, path)
