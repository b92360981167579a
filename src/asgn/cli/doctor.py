"""`asgn doctor`."""

from typing import Annotated

import typer

from asgn.cli.options import Json, Root, json_text


def doctor(
    model: Annotated[str | None, typer.Option("--model", help="check this model too")] = None,
    data: Annotated[str | None, typer.Option("--data", help="check this data set too")] = None,
    root: Root = None,
    split: Annotated[str, typer.Option(help="split of the data set to open")] = "train",
    json_output: Json = False,
) -> None:
    """Check the installation: versions, device, a known answer; on request a model and a data set.

    Leaves with exit code 1 where a check fails.

    Example: asgn doctor --data own --root my-photos
    """
    from asgn.experiments.doctor import run_checks

    checks = run_checks(model, data, root, split)
    if json_output:
        typer.echo(json_text([vars(check) for check in checks]))
    else:
        for check in checks:
            typer.echo(f"{'ok  ' if check.passed else 'FAIL'}  {check.name}: {check.detail}")
    if not all(check.passed for check in checks):
        raise typer.Exit(1)
