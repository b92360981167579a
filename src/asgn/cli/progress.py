"""A progress bar on stderr, away from what a command prints."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress


@contextmanager
def counting(what: str) -> Iterator[Callable[[str | None, int, int], None]]:
    """A bar on stderr, if that is a terminal, and the function that moves it: new description or None, done, total."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)

        def show(description: str | None, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, description=description or what)

        yield show
