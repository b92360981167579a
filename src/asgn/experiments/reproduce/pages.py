"""A report as Markdown and as HTML, with the parts that all tables and figures share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asgn import __version__
from asgn.data.by_image import image_ids
from asgn.experiments.report import Section, write_report
from asgn.experiments.reproduce.outcomes import Outcome
from asgn.experiments.reproduce.paper import SOURCE, TABLES, Cell, PublishedRow
from asgn.experiments.reproduce.rows import Row
from asgn.experiments.reproduce.setting import Setting, Splits
from asgn.experiments.reproduce.summary import listed, number
from asgn.files import atomic_write_text

DATA_NAMES = {
    "unc": "UNC",
    "unc+": "UNC+",
    "gref": "G-Ref",
    "gref-umd": "G-Ref (UMD split)",
    "referit": "ReferItGame",
    "own": "own data (no benchmark)",
    "synthetic": "synthetic scenes (no benchmark)",
}


def page_name(setting: Setting, what: str) -> str:
    """The name of a page's files: each data set has a page of its own."""
    return f"{what}-{setting.data}"


def write_pages(setting: Setting, what: str, sections: Sequence[Section]) -> list[Path]:
    """Write the HTML page, which holds its pictures, and the Markdown one, which links them; gives their paths.

    Raises:
        OutputError: the folder cannot be written to.
    """
    name = f"{what[:-1].capitalize()} {what[-1]}"
    heading = f"{name} on {DATA_NAMES[setting.data]}"
    if not setting.compares(what):
        heading = f"The rows of {name} on {DATA_NAMES[setting.data]}"
    base = setting.out / page_name(setting, what)
    html, markdown = base.with_name(f"{base.name}.html"), base.with_name(f"{base.name}.md")
    write_report(html, heading, sections)
    parts = [f"# {heading}", *(_markdown(section) for section in sections)]
    atomic_write_text(markdown, "\n\n".join(parts) + "\n")
    return [html, markdown, *(picture for section in sections for picture, _ in section.pictures)]


def _markdown(section: Section) -> str:
    parts = [f"## {section.title}"]
    if section.text:
        parts.append(section.text)
    if section.rows:
        header = section.header or [""] * len(section.rows[0])
        ruler = [":---", *["---:" if section.header else ":---"] * (len(header) - 1)]
        lines = [header, ruler, *section.rows]
        parts.append("\n".join(f"| {' | '.join(cell.replace('|', ' ') for cell in line)} |" for line in lines))
    parts += [f"![{caption}]({picture.name})" for picture, caption in section.pictures]
    return "\n\n".join(parts)


def budget_section(setting: Setting, splits: Splits, stamps: Sequence[str] = ()) -> Section:
    """What was trained on and scored, with which budget: all that a number needs to be read."""
    train, defaults = setting.train, type(setting.train)()
    free = ("steps", "batch_size", "seed", "workers", "validate_every", "validation_limit", "checkpoint_every")
    changed = [
        f"{name} = {value}"
        for name, value in vars(train).items()
        if name not in free and value != getattr(defaults, name)
    ]
    changed += [f"{name} = {value}" for name, value in setting.losses.changed().items()]
    changed += [f"{name} = {value}" for name, value in setting.model_changes.items()]
    facts = [
        ("trained on", _split_line(setting, splits.train)),
        ("validated on", _split_line(setting, splits.validation)),
        *(("scored on", _split_line(setting, split)) for split in splits.scored),
        ("budget of each row", f"{train.steps:,} steps of {train.batch_size} = {setting.samples_seen:,} samples seen"),
        ("seeds", listed(setting.seeds)),
        ("backbone weights", _weights_line(setting)),
        ("settings that are not the default", "; ".join(changed) or "none"),
        *_scoring_facts(setting, splits, stamps),
        ("made by", f"asgn {__version__}" + (f": {setting.command}" if setting.command else "")),
    ]
    return Section("Data and budget", rows=[list(fact) for fact in facts])


def _scoring_facts(setting: Setting, splits: Splits, stamps: Sequence[str]) -> list[tuple[str, str]]:
    """None for a figure that shows validations alone."""
    if not splits.scored:
        return []
    return [
        ("scored with", f"the weights after the last step, protocol {setting.protocol}{_limit_line(setting)}"),
        ("images seen in training (leaks)", "; ".join(dict.fromkeys(stamps)) or "not scored"),
    ]


def _split_line(setting: Setting, split: Any) -> str:
    counted = f"{len(image_ids(split.expressions)):,} {'scenes' if setting.data == 'synthetic' else 'images'}"
    return f"{split.name} {split.split}: {counted}, {len(split.expressions):,} expressions ({split.fingerprint()[:12]})"


def _weights_line(setting: Setting) -> str:
    if isinstance(setting.weights, Path):
        return setting.weights.name
    if isinstance(setting.weights, tuple):
        return listed(path.name for path in setting.weights)
    return {"default": "torchvision's", "random": "none: random"}[setting.weights]


def _limit_line(setting: Setting) -> str:
    return f", at most {setting.limit:,} images of each split" if setting.limit else ""


def failure_section(outcomes: Sequence[Outcome[Any]]) -> list[Section]:
    """The rows that failed, each with its line."""
    failed = [[outcome.row.label, str(outcome.seed), outcome.failure] for outcome in outcomes if outcome.failure]
    return [Section("Failed", header=("row", "seed", "why"), rows=failed)] if failed else []


def published_sections(setting: Setting, what: str, rows: Sequence[Row]) -> list[Section]:
    """The paper's own numbers that stand beside none of ours, under headings that say so.

    Where the data are the paper's, those of the rows that were not trained; else all those of the rows that were.
    """
    table, compares = TABLES[what], setting.compares(what)
    answered = {row.published.name for row in rows if row.published is not None}
    named = [row for row in table.rows if (row.name in answered) != compares]
    cells = [
        cell
        for cell in max(table.rows, key=lambda row: len(row.values)).values
        if any(cell in row.values for row in named) and (cell.dataset == setting.data or not compares)
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


def notes_section(what: str) -> list[Section]:
    """What is odd about the published numbers."""
    notes = TABLES[what].notes if what in TABLES else ()
    return [Section("About the published numbers", " ".join(notes))] if notes else []
