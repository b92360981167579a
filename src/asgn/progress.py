"""How far some work has come: the one form in which it is told, and the bar that shows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Called while work proceeds."""

    def __call__(self, done: int, total: int | None, what: str = ..., /) -> None:
        """`done` of `total` things, or of an unknown number; `what` names them where there are several kinds."""


def silent(done: int, total: int | None, what: str = "", /) -> None:
    """Watch nothing."""


@contextmanager
def progress_bar(what: str, hidden: bool = False) -> Iterator[Progress]:
    """A bar on stderr, away from what a command prints, where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=hidden or not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)

        def show(done: int, total: int | None, part: str = "", /) -> None:
            bar.update(task, completed=done, total=total, description=part or what)

        yield show
