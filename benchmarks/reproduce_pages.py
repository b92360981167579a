"""Every page of `asgn reproduce`, from drawn scenes at a budget of minutes, with a picture of each in a browser.

    python -m benchmarks.reproduce_pages OUT WEIGHTS_OF_M [WEIGHTS_OF_SQUEEZENET] [NAME...]

OUT/runs holds the runs, which the pages share, and OUT/NAME.png how NAME's page looks, 1200 pixels wide; without
playwright there are pages alone. Names choose some of the eleven. Table IV needs SqueezeNet's weights and is left out
without them. The numbers mean nothing: each row sees 160 samples.
"""

import contextlib
import shutil
import sys
import time
from pathlib import Path

from asgn.cli.main import main as asgn
from asgn.experiments.reproduce.rows import NAMES

BUDGET = (
    "--data", "synthetic", "--backbone", "M", "--image-size", "64", "--steps", "20", "--batch-size", "8",
    "--phrases-per-image", "4", "--warmup-steps", "10", "--precision", "bf16", "--workers", "0", "--cpu", "--limit",
    "20", "--validate-every", "4", "--validation-limit", "8", "--checkpoint-every", "0", "--seeds", "0,1",
)  # fmt: skip
WIDTH = 1200


def make_page(name: str, out: Path, weights: Path, features: Path | None) -> int:
    """The exit code of the command."""
    extra = ["--features", "squeezenet", "--weights-features", str(features)] if name == "table4" else []
    extra += ["--ce-reduction", "both"] if name == "table6" else []
    folders = ["--out", str(out), "--runs", str(out / "runs"), "--weights", str(weights)]
    sys.argv = ["asgn", "reproduce", name, *BUDGET, *folders, *extra]
    try:
        asgn()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def take_picture(page: Path, picture: Path) -> None:
    """The whole page as a browser shows it; raises RuntimeError where it is wider than the window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        window = browser.new_page(viewport={"width": WIDTH, "height": 900})
        window.goto(page.resolve().as_uri())
        width = window.evaluate("document.documentElement.scrollWidth")
        window.screenshot(path=picture, full_page=True)
        browser.close()
    if width > WIDTH:
        raise RuntimeError(f"{page} is {width} pixels wide in a window of {WIDTH}")


def main() -> None:
    names = [text for text in sys.argv[1:] if text in NAMES]
    out, weights, *others = [Path(text) for text in sys.argv[1:] if text not in NAMES]
    features = others[0] if others else None
    for name in names or NAMES:
        if name == "table4" and features is None:
            continue
        started = time.perf_counter()
        code = make_page(name, out, weights, features)
        print(f"{name}: exit code {code}, {time.perf_counter() - started:.0f} s", flush=True)
        with contextlib.suppress(ImportError):
            take_picture(out / f"{name}-synthetic.html", out / f"{name}.png")


if __name__ == "__main__":
    main()
