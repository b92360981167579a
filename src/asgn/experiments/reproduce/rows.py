"""Which rows a table or figure has, with the backbone that the user can train."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from asgn.config import LossConfig
from asgn.errors import UserError
from asgn.paper import LAMBDAS, TABLES, PublishedRow
from asgn.variants import BackboneName, Variant

FIGURES = {
    "figure4": ("R+LSTM", "R+LSTM+AT", "R+LSTM+DE+SE+AT"),
    "figure5": ("R+LSTM", "R+LSTM+AT", "R+LSTM+SE", "R+LSTM+DE", "R+LSTM+DE+SE+AT"),
    "figure6": ("R+LSTM", "R+LSTM+AT"),
    "figure7": ("R+LSTM", "R+LSTM+AT"),
    "figure8": ("R+LSTM+DE+SE+AT",),
}
"""The rows that each figure shows; Figure 5's columns as Section IV-E numbers them."""

NAMES = (*TABLES, *FIGURES)

ONE_SEED = ("figure4", "figure5", "figure6")
"""Figures that show one model of each row: that of the first seed."""


@dataclass(frozen=True)
class Row:
    """One row to train and score."""

    variant: Variant
    published: PublishedRow | None = field(default=None, hash=False)
    """The row of the paper that it answers to."""
    loss_changes: tuple[tuple[str, Any], ...] = ()
    """Fields of LossConfig that are the row's own."""

    @property
    def label(self) -> str:
        """The name of what is trained."""
        names = {"ce_weight": "lambda={:g}", "ce_reduction": "CE {}"}
        return ", ".join([str(self.variant), *(names[name].format(value) for name, value in self.loss_changes)])

    @property
    def printed(self) -> str | None:
        """The name in the paper."""
        return self.published.name if self.published else None

    def losses(self, common: LossConfig) -> LossConfig:
        """The row's losses, from those of all rows."""
        return dataclasses.replace(common, **dict(self.loss_changes))


def rows_of(
    what: str,
    backbone: BackboneName | None = None,
    wanted: Sequence[str] = (),
    reductions: Sequence[str] = ("sum",),
) -> list[Row]:
    """The rows of a table or figure in the paper's order, each once.

    Args:
        what: such as `table2` or `figure7`.
        backbone: takes the place of each row's own; rows that then coincide answer to the first of them, and those of
            SNLE, which is a network of its own, are left out.
        wanted: row names, ours or the paper's; a row that the table lacks is added. Empty for all.
        reductions: of the cross entropy, for Table VI, which alone may have both.

    Raises:
        UserError: there is no such table or figure, a wanted name is not a row name, or both reductions are given to
            another table.
    """
    if len(reductions) > 1 and what != "table6":
        raise UserError(f"--ce-reduction both is for table6 alone: choose sum or mean for {what}")
    rows = _all_rows(what, reductions)
    if backbone is not None:
        rows = [_with_backbone(row, backbone) for row in rows if row.variant.backbone != "SNLE"]
    rows = _unique(rows)
    return _unique(row for name in wanted for row in _named(name, rows)) if wanted else rows


def seeds_of(what: str, seeds: tuple[int, ...]) -> tuple[int, ...]:
    """The seeds that a table or figure uses of those given."""
    return seeds[:1] if what in ONE_SEED else seeds


def paper_data(what: str) -> str:
    """The data set that the paper's table or figure is of; UNC where it has several or names none."""
    found = [cell.dataset for cell in TABLES[what].cells] if what in TABLES else []
    return found[0] if found and "unc" not in found else "unc"


def _all_rows(what: str, reductions: Sequence[str]) -> list[Row]:
    if what in FIGURES:
        return [Row(Variant.parse(name)) for name in FIGURES[what]]
    if what not in TABLES:
        raise UserError(f"unknown table or figure {what!r}: choose one of {', '.join(NAMES)}")
    printed = [(row, Variant.parse(row.variant)) for row in TABLES[what].rows if row.variant is not None]
    if what != "table6":
        return [Row(variant, row) for row, variant in printed]
    return [
        Row(variant, row, (("ce_weight", LAMBDAS[row.name]), *_reduction(reduction, reductions)))
        for reduction in reductions
        for row, variant in printed
    ]


def _reduction(reduction: str, reductions: Sequence[str]) -> Iterable[tuple[str, str]]:
    """The row's own reduction, where there are several."""
    return [("ce_reduction", reduction)] if len(reductions) > 1 else []


def _with_backbone(row: Row, backbone: BackboneName) -> Row:
    return dataclasses.replace(row, variant=dataclasses.replace(row.variant, backbone=backbone))


def _unique(rows: Iterable[Row]) -> list[Row]:
    """The first row of each label, in order."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.label, row)
    return list(first.values())


def _named(name: str, rows: Iterable[Row]) -> list[Row]:
    """Rows by label, variant or printed name; all rows of Table VI have one variant."""
    found = [row for row in rows if name.strip() in (row.label, str(row.variant), row.printed)]
    return found or [Row(Variant.parse(name))]
