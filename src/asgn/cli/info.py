"""`asgn info`."""
from typing import Annotated

import typer


def info(variant: Annotated[str, typer.Argument(help="row name")]) -> None:
    """Parameters, operations and memory of a row."""
