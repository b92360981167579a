"""The table of generalised scores, which `asgn evaluate` and `asgn score` both print."""

from typing import TYPE_CHECKING

from rich.table import Table

from asgn.cli.tables import new_table
from asgn.evaluation.gres import GRES_METRICS, TARGETS

if TYPE_CHECKING:
    from asgn.evaluation.record import ScoreRecord


def gres_table(record: "ScoreRecord") -> Table | None:
    """The measures over all expressions and by number of targets; None where every expression has one target."""
    parts = record.gres["targets"]
    if set(parts) <= {TARGETS[1]}:
        return None
    table = new_table("generalised (GRES)", ("targets",), ("expr.", *GRES_METRICS))
    for name, part in {"all": record.gres, **parts}.items():
        shown = ["-" if part[measure] is None else f"{part[measure]:.2f}" for measure in GRES_METRICS]
        table.add_row(name, str(part["expressions"]), *shown)
    table.caption = f"no target where {record.no_target_flag}"
    return table
