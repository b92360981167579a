"""The page of a table or figure: what it was made from, what was found, and the paper's own numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from asgn import __version__
from asgn.data.by_image import image_ids
from asgn.data.types import ReferringDataset
from asgn.experiments.report import Section, write_report
from asgn.experiments.reproduce.config import ReproductionConfig
from asgn.experiments.reproduce.results import Results, listed, number, spread
from asgn.paper import PROTOCOL, SOURCE, TABLES, Cell, PublishedRow

DATA_NAMES = {
    "unc": "UNC",
    "unc+": "UNC+",
    "gref": "G-Ref",
    "gref-umd": "G-Ref (UMD split)",
    "referit": "ReferItGame",
    "grefcoco": "gRefCOCO",
    "ref-zom": "Ref-ZOM",
    "r-refcoco": "R-RefCOCO",
    "r-refcoco+": "R-RefCOCO+",
    "r-refcocog": "R-RefCOCOg",
    "own": "own data (no benchmark)",
    "synthetic": "synthetic scenes (no benchmark)",
}
_BUDGET = ("steps", "batch_size", "seed", "workers", "validate_every", "validation_limit", "checkpoint_every")
_READINGS = (
    "schedule", "warmup_steps", "beta1", "beta2", "finetune", "discriminator_learning_rate", "average_decay", "snle",
    "snle_batches", "snle_negatives", "semantic_input", "semantic_start", "dilation", "conventions",
)  # fmt: skip
"""Settings beside the loss that the paper leaves open."""


def write_page(results: Results, sections: Sequence[Section]) -> list[Path]:
    """Write the page as HTML, which holds its pictures, and as Markdown, which links them; gives all paths.

    Raises:
        OutputError: the folder cannot be written to.
    """
    config = results.config
    name = f"{config.what[:-1].capitalize()} {config.what[-1]}"
    heading = f"{'' if config.compares else 'The rows of '}{name} on {DATA_NAMES[config.data]}"
    failed = [[one.row.label, str(one.seed), one.failure] for one in results.outcomes if one.failure]
    failures = [Section("Failed", header=("row", "seed", "why"), rows=failed)] if failed else []
    notes = TABLES[config.what].notes if config.what in TABLES else ()
    about = [Section("About the published numbers", " ".join(notes))] if notes else []
    parts = [_budget_section(results), *failures, *sections, *about]
    return write_report(config.out / f"{config.name}.html", heading, parts)


def join_pages(found: Sequence[Results]) -> list[Path]:
    """One page with the oIoU of a table's rows on several data sets side by side, as the paper prints Table I."""
    columns = [(results, split.split) for results in found for split in results.splits.scored]
    rows = {row.label: row for results in found for row in results.config.rows}
    lines = []
    for label, row in rows.items():
        ours = [results.values(row, split, "oIoU") for results, split in columns]
        lines.append([label, "/".join(dict.fromkeys(str(len(values)) for values in ours)), *map(spread, ours)])
        printed = [results.published(row, split, "oIoU") for results, split in columns]
        if any(value is not None for value in printed):
            lines.append([f"paper: {row.printed}", "", *map(number, printed)])
    config = found[0].config
    names = ", ".join(DATA_NAMES[results.config.data] for results in found)
    text = (
        f"oIoU in percent, mean ± standard deviation over the seeds {listed(config.seeds)}; the paper's beneath. Each "
        f"data set trains its own rows, {config.samples_seen:,} samples each; their pages have the rest. Protocol "
        f"{config.scoring.protocol}; of the paper's numbers: {PROTOCOL}."
    )
    header = ("row", "seeds", *(f"{DATA_NAMES[results.config.data]} {split}" for results, split in columns))
    path = config.out / f"{config.what}-{'-'.join(results.config.data for results in found)}.html"
    number_of = config.what.removeprefix("table")
    return write_report(path, f"Table {number_of} on {names}", [Section("Measured", text, header, lines)])


def _budget_section(results: Results) -> Section:
    """What was trained on and scored, with which budget: all that a number needs to be read."""
    config, splits = results.config, results.splits
    settings, scoring = config.settings, config.scoring
    train, losses = settings.train, settings.losses
    changed = {name: value for name, value in train.changed().items() if name not in _BUDGET}
    changed |= losses.changed() | settings.model_changes
    model = {"semantic_input": "prob", "dilation": "each row's own", **settings.model_changes}
    readings = losses.to_json() | {name: vars(train)[name] for name in _READINGS if name in vars(train)}
    readings |= {name: model[name] for name in _READINGS if name in model}
    facts = [
        ("trained on", _split_line(splits.train)),
        ("validated on", _split_line(splits.validation)),
        *(("scored on", _split_line(split)) for split in splits.scored),
        ("budget of each row", config.budget),
        ("seeds", listed(config.seeds)),
        ("backbone weights", _weights_line(config)),
        ("settings that are not the default", _named(changed) or "none"),
        ("readings of the paper in force", _named(readings)),
    ]
    if splits.scored:
        limit = f", at most {scoring.limit:,} images of each split" if scoring.limit else ""
        facts += [
            ("scored with", f"the weights after the last step, protocol {scoring.protocol}{limit}"),
            ("protocol of the paper's numbers", PROTOCOL),
            ("images seen in training (leaks)", "; ".join(dict.fromkeys(results.stamps)) or "not scored"),
        ]
    facts.append(("made by", f"asgn {__version__}" + (f": {config.command}" if config.command else "")))
    return Section("Data and budget", rows=[list(fact) for fact in facts])


def _named(values: Mapping[str, object]) -> str:
    return "; ".join(f"{name} = {value}" for name, value in values.items())


def _split_line(split: ReferringDataset) -> str:
    counted = f"{len(image_ids(split.expressions)):,} {'scenes' if split.name == 'synthetic' else 'images'}"
    return f"{split.name} {split.split}: {counted}, {len(split.expressions):,} expressions ({split.fingerprint()[:12]})"


def _weights_line(config: ReproductionConfig) -> str:
    weights = config.settings.weights
    if isinstance(weights, Path | tuple):
        return listed(path.name for path in ([weights] if isinstance(weights, Path) else weights))
    return "torchvision's" if weights == "default" else "none: random"


def published_sections(config: ReproductionConfig) -> list[Section]:
    """The paper's own numbers that stand beside none of ours, under headings that say so.

    Where the data are the paper's, those of the rows that were not trained; else all those of the rows that were.
    """
    table, compares = TABLES[config.what], config.compares
    answered = {row.published.name for row in config.rows if row.published is not None}
    named = [row for row in table.rows if (row.name in answered) != compares]
    cells = [
        cell
        for cell in max(table.rows, key=lambda row: len(row.values)).values
        if any(cell in row.values for row in named) and (cell.dataset == config.data or not compares)
    ]
    comparison = "for rows not trained here" if compares else "not comparable"
    data = "" if compares else " on other data than the numbers above"
    text = f"{table.caption}. Printed in {SOURCE}; measured or quoted by its authors{data}."
    if len({cell.metric for cell in table.cells}) == 1 and len(cells) > 1:
        return [_published(f"Published {cells[0].metric}, {comparison}", text, named, {_place(c): c for c in cells})]
    blocks: dict[str, dict[str, Cell]] = {}
    for cell in cells:
        blocks.setdefault(_place(cell), {})[cell.metric] = cell
    return [
        _published(f"Published on {place}, {comparison}", "Of the same table." if later else text, named, columns)
        for later, (place, columns) in enumerate(blocks.items())
    ]


def _place(cell: Cell) -> str:
    return f"{DATA_NAMES[cell.dataset]} {cell.split}"


def _published(title: str, text: str, rows: Sequence[PublishedRow], columns: Mapping[str, Cell]) -> Section:
    lines = [
        [row.name, *(number(row.values.get(cell), cell.metric) for cell in columns.values())]
        for row in rows
        if row.values.keys() & {*columns.values()}
    ]
    return Section(title, text, ("row", *columns), lines)
