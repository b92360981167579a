"""`asgn export`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from asgn.cli.options import Json, json_text


def export(
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the graphs; made if needed")],
    model: Annotated[
        str | None, typer.Argument(help="checkpoint file, folder of a run, OWNER/NAME, or the default, asgn-mobile")
    ] = None,
    json_output: Json = False,
) -> None:
    """Export a model to ONNX: one graph encodes an image, one answers phrases; both are checked. Needs extra onnx.

    Example: asgn export runs/mine -o mine-onnx
    """
    from asgn.checkpoint import load_model
    from asgn.inference.load import find_model
    from asgn.inference.onnx.export import export_model

    parity = export_model(load_model(find_model(model)), out)
    sizes = {path.name: path.stat().st_size for path in sorted(out.glob("*.onnx"))}
    if json_output:
        typer.echo(json_text({"folder": str(out), "bytes": sizes, "parity": asdict(parity)}))
        return
    for name, size in sizes.items():
        typer.echo(f"{out / name}: {size / 1e6:.1f} MB")
    typer.echo(f"masks agree to {parity.mask_iou:.5f}, logits to {parity.logit_difference:.1g} of the largest")
    typer.echo(f"use it: asgn segment photo.jpg 'left person' --model {out}")
