"""The `asgn` command."""

import io
import logging
import sys

import typer
from rich.console import Console
from rich.logging import RichHandler

from asgn import __version__
from asgn.cli.app import app as serve_app
from asgn.cli.data import data_app
from asgn.cli.demo import demo
from asgn.cli.doctor import doctor
from asgn.cli.evaluate import evaluate
from asgn.cli.export import export
from asgn.cli.info import info
from asgn.cli.plan import plan
from asgn.cli.probe import probe
from asgn.cli.reproduce import reproduce
from asgn.cli.score import score
from asgn.cli.segment import segment
from asgn.cli.train import train
from asgn.errors import UserError

app = typer.Typer(
    name="asgn",
    help="Referring image segmentation: an image and a phrase in, the mask of what the phrase refers to out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (segment, serve_app, plan, train, evaluate, probe, score, reproduce, export, info, doctor, demo):
    app.command()(command)
app.add_typer(data_app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True)) -> None:
    """Referring image segmentation: an image and a phrase in, the mask of what the phrase refers to out."""


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # for file names that are no UTF-8, and poor terminals
        sys.stdout.reconfigure(errors="backslashreplace")
    console = Console(stderr=True)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[RichHandler(console=console)])
    try:
        sys.exit(app(standalone_mode=False, prog_name="asgn") or 0)
    except UserError as error:
        print(f"asgn: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("asgn: interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if not hasattr(error, "format_message"):  # Click's mistakes have it; Typer has moved their class
            raise
        if message := " ".join(error.format_message().split()):  # none where the help was shown instead
            command = getattr(getattr(error, "ctx", None), "command_path", "asgn")
            print(f"asgn: {message.rstrip('.?')}: see `{command} --help`", file=sys.stderr)
        sys.exit(2)
