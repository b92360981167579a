"""`asgn app`."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from asgn.cli.options import Device, Model
from asgn.errors import UserError


def app(
    model: Model = None,
    host: Annotated[str, typer.Option(help="address to listen on; 0.0.0.0 lets other machines in")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="port to listen on; 0 takes a free one")] = 7860,
    device: Device = "auto",
    x_anylabeling: Annotated[
        bool, typer.Option("--x-anylabeling", help="answer X-AnyLabeling's remote protocol too (docs/app.md)")
    ] = False,
    label_studio: Annotated[
        str,
        typer.Option(
            "--label-studio", metavar="URL", help="be an ML backend of the Label Studio at this address, too"
        ),
    ] = "",
    mcp: Annotated[
        bool, typer.Option("--mcp", help="be a tool of assistants by the Model Context Protocol too (extra mcp)")
    ] = False,
) -> None:
    """Serve a web page and an HTTP API that segment images by phrase. Needs the extra `app`.

    Example: asgn app
    """
    from asgn.app.server import Tools, bind, prepare_gradio, serve
    from asgn.inference.load import load

    if label_studio and not label_studio.startswith(("http://", "https://")):
        raise UserError(f"--label-studio {label_studio} is no address: give one such as http://localhost:8080")
    typer.echo("loading the model and the page ...", err=True)
    with tempfile.TemporaryDirectory(prefix="asgn-app-") as folder:
        prepare_gradio(Path(folder))
        segmenter = load(model, device)
        with bind(host, port) as listener:
            shown = f"[{host}]" if ":" in host else host
            typer.echo(f"open http://{shown}:{listener.getsockname()[1]} in a browser; Ctrl-C ends it")
            serve(segmenter, Path(folder), listener, Tools(x_anylabeling, label_studio, mcp))
