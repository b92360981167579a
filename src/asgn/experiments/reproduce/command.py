"""From the name of a table or figure to its page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asgn.experiments.report import Section
from asgn.experiments.reproduce.config import ReproductionConfig, check_weights, open_splits
from asgn.experiments.reproduce.failures import failure_row, failure_sections
from asgn.experiments.reproduce.pages import join_pages, published_sections, write_page
from asgn.experiments.reproduce.panels import panel_row, panel_sections
from asgn.experiments.reproduce.progress_figures import curve_row, curve_sections, picture_row, picture_sections
from asgn.experiments.reproduce.results import Results, Say, Score, run_rows
from asgn.experiments.reproduce.separability import open_network
from asgn.experiments.reproduce.tables import PAGES, table_sections
from asgn.files import ensure_writable_folder

FIGURES: Mapping[str, tuple[Score, Callable[[Results], list[Section]]]] = {
    "figure4": (panel_row, panel_sections),
    "figure5": (panel_row, panel_sections),
    "figure6": (picture_row, picture_sections),
    "figure7": (curve_row, curve_sections),
    "figure8": (failure_row, failure_sections),
}


@dataclass(frozen=True)
class Reproduction:
    """The pages of one table or figure."""

    files: list[Path]
    """HTML, Markdown, then pictures."""
    results: Results

    @property
    def failed(self) -> list[str]:
        """A line for each run that failed."""
        return [f"{one.row.label}, seed {one.seed}: {one.failure}" for one in self.results.outcomes if one.failure]


def reproduce_all(configs: Sequence[ReproductionConfig], say: Say) -> tuple[list[Path], list[str]]:
    """Reproduce one after the other and, where there are several, join what they found; gives files and failures.

    Raises as `reproduce`.
    """
    done = [reproduce(config, say) for config in configs]
    files = [path for one in done for path in one.files]
    if len(done) > 1:
        files += join_pages([one.results for one in done])
    return files, [line for one in done for line in one.failed]


def reproduce(config: ReproductionConfig, say: Say) -> Reproduction:
    """Train, score and write what is missing for one table or figure.

    Raises:
        UserError: the data, weights or output folder cannot be used.
        KeyboardInterrupt: a signal stopped it; a repeated call goes on from there.
    """
    check_weights(config)
    splits = open_splits(config)
    for folder in (config.out, config.runs):
        ensure_writable_folder(folder)
    if config.what == "table4":
        open_network(config.scoring)
    if config.what in FIGURES:
        score, show = FIGURES[config.what]
        results = run_rows(config, splits, score, say)
        sections = show(results)
    else:
        results = run_rows(config, splits, PAGES[config.what].score, say)
        sections = [*table_sections(results), *published_sections(config)]
    return Reproduction(write_page(results, sections), results)
