"""`asgn info`."""

from dataclasses import asdict
from typing import Annotated

import typer

from asgn.cli.options import Json, json_text
from asgn.config import ModelConfig
from asgn.errors import UserError
from asgn.variants import Variant


def info(
    variant: Annotated[str | None, typer.Argument(help="row name, such as R+LSTM+DE+SE+AT")] = None,
    vocabulary_size: Annotated[int, typer.Option(help="words; 12112 is the reference vocabulary")] = 12112,
    table: Annotated[bool, typer.Option("--table", help="every row, as the table of docs/models.md")] = False,
    json_output: Json = False,
) -> None:
    """Parameters, trainable parameters, operations and checkpoint size of a row.

    Example: asgn info R+LSTM+DE+SE+AT --json
    """
    if table:
        from asgn.experiments.model_table import render_model_table

        typer.echo(render_model_table())
        return
    if variant is None:
        raise UserError("no variant: give a row name such as R+LSTM, or --table for all")
    row = Variant.parse(variant)

    from asgn.models.complexity import WORDS, complexity

    config = ModelConfig.for_variant(row, vocabulary_size)
    costs = complexity(config, named_by_user=True)
    if json_output:
        typer.echo(json_text({"variant": str(row)} | asdict(costs) | {"config": asdict(config)}))
        return
    typer.echo(f"{row}, {config.image_size}x{config.image_size} pixels, {vocabulary_size} words")
    typer.echo(f"  parameters              {costs.parameters:>13,}")
    typer.echo(f"  trained, frozen backbone{costs.trainable_parameters:>13,}")
    typer.echo(f"  discriminator           {costs.discriminator_parameters:>13,}")
    typer.echo(f"  GFLOPs to encode        {costs.encode_flops / 1e9:>13.2f}")
    typer.echo(f"  GFLOPs a phrase         {costs.phrase_flops / 1e9:>13.3f}  ({WORDS} words)")
    typer.echo(f"  training checkpoint     {costs.checkpoint_megabytes:>13.2f} MB")
