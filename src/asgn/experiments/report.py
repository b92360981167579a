"""Reports: Markdown, and one HTML file made of it that needs nothing else; pictures are inside it and beside it."""

import base64
import html
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import matplotlib
import numpy as np
from markdown_it import MarkdownIt
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image as Pillow

from asgn.data.types import Image, Mask
from asgn.files import atomic_write, atomic_write_text

matplotlib.use("Agg")

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1060px; padding: 0 1rem; color: #222; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .9rem; display: block; overflow-x: auto; }
th, td { border-top: 1px solid #ddd; padding: .3rem .5rem; text-align: left; vertical-align: top; }
th { border-top: none; vertical-align: bottom; } th:empty { display: none; }
td[style] { white-space: nowrap; } td { overflow-wrap: anywhere; min-width: 6rem; } td[style] { min-width: 0; }
tr:has(td:nth-child(2):empty) td { border-top: none; padding-top: 0; color: #777; }
tr:has(td:nth-child(2):empty) td:first-child { padding-left: 1.2rem; }
img { max-width: 100%; margin-top: 1.2rem; } img + em { display: block; color: #555; font-style: normal; }
"""

_LONG = 60
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


def write_report(path: Path, title: str, sections: Sequence[Section]) -> list[Path]:
    """Write `sections` as one HTML page with every picture in it, and as Markdown beside it; gives all paths.

    Raises:
        OutputError: the folder cannot be written to.
    """
    text = "\n\n".join([f"# {title}", *map(_markdown, sections)]) + "\n"
    markdown = path.with_suffix(".md")
    atomic_write_text(markdown, text)
    atomic_write_text(path, _html(title, text, path.parent))
    return [path, markdown, *(picture for section in sections for picture, _ in section.pictures)]


def _markdown(section: Section) -> str:
    parts = [f"## {section.title}"]
    if section.text:
        parts.append(section.text)
    if section.rows:
        header = section.header or [""] * len(section.rows[0])
        texts = {place for row in section.rows for place, cell in enumerate(row) if len(cell) > _LONG}
        is_left = [not section.header or place == 0 for place in range(len(header))]
        aligned = ["---" if place in texts else ":---" if left else "---:" for place, left in enumerate(is_left)]
        lines = [header, aligned, *section.rows]
        parts.append("\n".join(f"| {' | '.join(cell.replace('|', ' ') for cell in line)} |" for line in lines))
    parts += [f"![{caption}]({picture.name})" for picture, caption in section.pictures]
    return "\n\n".join(parts)


def _html(title: str, text: str, folder: Path) -> str:
    """The page of a Markdown text whose pictures lie in `folder`."""

    def embed(renderer: Any, tokens: Sequence[Any], place: int, options: Any, env: Any) -> str:
        name, caption = tokens[place].attrs["src"], html.escape(tokens[place].content)
        data = base64.b64encode((folder / unquote(name)).read_bytes()).decode()
        return f"<img alt='{caption}' src='data:image/png;base64,{data}'/><em>{caption}</em>"

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.add_render_rule("image", embed)
    return (
        f"<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        f"<meta name='viewport' content='width=device-width'><title>{html.escape(title)}</title>"
        f"<style>{STYLE}</style></head>\n<body>{reader.render(text)}</body></html>\n"
    )


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


def draw_grid(path: Path, pictures: Sequence[tuple[str, Image]], columns: int) -> None:
    """Titled pictures in rows of so many, as a PNG."""
    rows = -(-len(pictures) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.7 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.axis("off")
    for axis, (title, picture) in zip(axes, pictures, strict=False):
        axis.imshow(picture)
        axis.set_title("\n".join(textwrap.wrap(title, 40)), fontsize=10)
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
