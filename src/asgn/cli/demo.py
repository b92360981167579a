"""`asgn demo`."""

import time
from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option("--out", help="folder for the report, pictures and run")] = Path("demo"),
    steps: Annotated[int, typer.Option(help="training steps; the default takes minutes on two cores")] = 700,
    scenes: Annotated[int, typer.Option(help="held-out scenes to score")] = 100,
    seed: Annotated[int, typer.Option(help="seed of weights and order")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress line")] = False,
) -> None:
    """Train on drawn scenes, score held-out ones, write a report with pictures.

    Example: asgn demo --out demo
    """
    from asgn.experiments.demo import run_demo

    started = time.perf_counter()
    result = run_demo(out, steps, scenes, seed, quiet)
    true, shuffled = result.true, result.shuffled
    typer.echo(f"oIoU with the true phrases {true['oIoU']:.1f}, shuffled {shuffled['oIoU']:.1f}: {result.ratio:.2f}x")
    typer.echo(f"mIoU {true['mIoU']:.1f}, Pr@0.5 {true['Pr@0.5']:.1f}; {time.perf_counter() - started:.0f} s")
    typer.echo(f"report: {result.report}")
