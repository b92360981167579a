"""Reports: one HTML file that needs nothing else, with its pictures inside and beside it."""

import base64
import html
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image as Pillow

from asgn.data.types import Image, Mask
from asgn.files import atomic_write, atomic_write_text

matplotlib.use("Agg")

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1060px; padding: 0 1rem; color: #222; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-top: 1px solid #ddd; padding: .3rem .8rem; text-align: right; vertical-align: top; }
th { border-top: none; vertical-align: bottom; }
th:first-child, td:first-child, .facts td, .numbers .text { text-align: left; }
.numbers { overflow-x: auto; font-size: .9rem; } .numbers :is(th, td) { padding: .3rem .5rem; }
.numbers td { white-space: nowrap; } .numbers td.text { white-space: normal; min-width: 18rem; }
.numbers .below td { border-top: none; padding-top: 0; color: #777; }
.numbers .below td:first-child { white-space: normal; padding-left: 1.2rem; }
.facts td { overflow-wrap: anywhere; } .facts td:first-child { white-space: nowrap; }
figure { margin: 1.2rem 0; } figure img { max-width: 100%; } figcaption { color: #555; }
"""

_LONG = 40
"""Letters of a cell, beyond which its column is one of text."""

Curve = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Panel:
    """One row of a picture sheet: an image, its phrase, and further pictures by their titles."""

    image: Image
    phrase: str
    pictures: dict[str, Image]


@dataclass(frozen=True)
class Section:
    """A part of a report: a heading, text, a table and pictures, any of them empty.

    A table without header is one of facts: a name and a text in each row. In one with a header, a row whose second
    cell is empty belongs to the row above, and a column with long cells is text, which wraps.
    """

    title: str
    text: str = ""
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    pictures: Sequence[tuple[Path, str]] = ()


def write_report(path: Path, title: str, sections: Sequence[Section]) -> None:
    """Write `sections` as one HTML page with every picture embedded."""
    body = "\n".join(_section_html(section) for section in sections)
    page = (
        f"<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        f"<meta name='viewport' content='width=device-width'><title>{html.escape(title)}</title>"
        f"<style>{STYLE}</style></head>\n<body><h1>{html.escape(title)}</h1>\n{body}\n</body></html>\n"
    )
    atomic_write_text(path, page)


def _section_html(section: Section) -> str:
    parts = [f"<h2>{html.escape(section.title)}</h2>"]
    if section.text:
        parts.append(f"<p>{html.escape(section.text)}</p>")
    if section.rows:
        parts.append(_table_html(section.header, section.rows))
    for picture, caption in section.pictures:
        data = base64.b64encode(picture.read_bytes()).decode()
        escaped = html.escape(caption)
        parts.append(
            f"<figure><img alt='{escaped}' src='data:image/png;base64,{data}'>"
            f"<figcaption>{escaped}</figcaption></figure>"
        )
    return "\n".join(parts)


def _table_html(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    texts = {place for row in rows for place, cell in enumerate(row) if header and place and len(cell) > _LONG}

    def line(tag: str, cells: Sequence[str], kind: str = "") -> str:
        escaped = map(html.escape, cells)
        inside = [_element(tag, cell, "text" if place in texts else "") for place, cell in enumerate(escaped)]
        return _element("tr", "".join(inside), kind)

    lines = [line("th", header)] if header else []
    lines += [line("td", row, "below" if header and len(row) > 1 and not row[1] else "") for row in rows]
    return _element("div", _element("table", "".join(lines)), "numbers" if header else "facts")


def _element(tag: str, inside: str, kind: str = "") -> str:
    return f"<{tag} class='{kind}'>{inside}</{tag}>" if kind else f"<{tag}>{inside}</{tag}>"


def draw_panels(path: Path, panels: Sequence[Panel]) -> None:
    """Rows of an image and its further pictures, as a PNG; the phrase stands above each row."""
    columns = 1 + max(len(panel.pictures) for panel in panels)
    size = 9 if columns <= 5 else 13  # a page shows a wide sheet smaller
    figure = Figure(figsize=(2.6 * columns, 2.75 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), columns, squeeze=False)
    for row, panel in zip(axes, panels, strict=True):
        pictures = {f"“{panel.phrase}”": panel.image} | panel.pictures
        for axis, (title, picture) in zip(row, pictures.items(), strict=True):
            axis.imshow(picture)
            axis.set_title("\n".join(textwrap.wrap(title, 270 // size)), fontsize=size)
            axis.axis("off")
    save_figure(figure, path)


def overlay(image: Image, mask: Mask, colour: tuple[int, int, int] = (255, 40, 90)) -> Image:
    """(H, W, 3) picture with the background dimmed and the mask tinted."""
    picture = image.astype(np.float32)
    tinted = 0.45 * picture + 0.55 * np.array(colour, dtype=np.float32)
    mixed: Image = np.where(mask[..., None], tinted, 0.6 * picture).astype(np.uint8)
    return mixed


def heat(prob: NDArray[np.float32]) -> Image:
    """(H, W) probability as a picture, dark for 0 and bright for 1."""
    picture: Image = (matplotlib.colormaps["magma"](np.clip(prob, 0, 1))[..., :3] * 255).astype(np.uint8)
    return picture


def draw_curves(path: Path, curves: Mapping[str, Curve], ylabel: str, hlines: dict[str, float] | None = None) -> None:
    """Named curves over training steps, with labelled levels, as a PNG."""
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axis = figure.subplots()
    for name, curve in curves.items():
        axis.plot([step for step, _ in curve], [value for _, value in curve], label=name)
    for name, level in (hlines or {}).items():
        axis.axhline(level, linestyle=":", color="grey", label=name)
    axis.set_xlabel("step")
    axis.set_ylabel(ylabel)
    axis.grid(alpha=0.3)
    axis.legend()
    save_figure(figure, path)


def write_picture(path: Path, picture: Image) -> None:
    """Write an (H, W, 3) picture as a PNG."""
    atomic_write(path, lambda temporary: Pillow.fromarray(picture).save(temporary, format="PNG"))


def save_figure(figure: Figure, path: Path) -> None:
    """Write a drawn figure as a PNG."""
    atomic_write(path, lambda temporary: figure.savefig(temporary, format="png", dpi=100))
