"""`asgn demo`."""

import time
from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option("--out", help="folder for the report, pictures and run")] = Path("demo"),
    steps: Annotated[int, typer.Option(help="training steps; the default takes minutes on two cores")] = 450,
    scenes: Annotated[int, typer.Option(help="held-out scenes to score")] = 100,
    seed: Annotated[int, typer.Option(help="seed of weights and order")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress line")] = False,
) -> None:
    """Ask the model in the box about photographs, train it on drawn scenes, write a report with pictures.

    Example: asgn demo --out demo
    """
    from asgn.experiments.demo import EXAMPLES, run_demo

    started = time.perf_counter()
    result = run_demo(out, steps, scenes, seed, quiet)
    true, shuffled, seconds = result.true, result.shuffled, time.perf_counter() - started
    found = sum(result.answers.values())
    typer.echo(f"the model in the box: something found for {found} of {len(result.answers)} phrases")
    typer.echo(
        f"after training: oIoU {true['oIoU']:.1f}, with shuffled phrases {shuffled['oIoU']:.1f}; "
        f"mIoU {true['mIoU']:.1f}, Pr@0.5 {true['Pr@0.5']:.1f}; {result.good_examples} of {EXAMPLES} examples good; "
        f"{seconds:.0f} s"
    )
    typer.echo(f"report: {result.report}")
