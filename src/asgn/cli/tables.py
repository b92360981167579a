"""Tables on the terminal, in a pipe and in a file: their headings and numbers are never cut."""

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table


def new_table(title: str, texts: Iterable[str], numbers: Iterable[str] = ()) -> Table:
    """An empty table with columns of text, which wrap, and then of numbers, which do not."""
    table = Table(title=title, title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in texts:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def print_table(table: Table) -> None:
    """Print it, wider than the terminal where its longest words need that."""
    console = Console()
    needed = Measurement.get(console, console.options.update(max_width=10_000), table).minimum
    console.width = max(console.width, needed)
    console.print(table)
