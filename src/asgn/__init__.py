"""Referring image segmentation: an image and a phrase in, the mask of what the phrase refers to out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asgn.data.datasets import open_dataset
    from asgn.experiments.runs.scoring import evaluate
    from asgn.inference.load import load
    from asgn.inference.results.segmentation import Segmentation
    from asgn.inference.segmenter import Segmenter
    from asgn.variants import Variant

    __version__: str

__all__ = ["Segmentation", "Segmenter", "Variant", "__version__", "evaluate", "load", "open_dataset"]

_HOMES = {
    "Segmentation": "asgn.inference.results.segmentation",
    "Segmenter": "asgn.inference.segmenter",
    "Variant": "asgn.variants",
    "evaluate": "asgn.experiments.runs.scoring",
    "load": "asgn.inference.load",
    "open_dataset": "asgn.data.datasets",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import asgn` alone stays cheap."""
    if name == "__version__":
        from importlib.metadata import version

        found = globals()[name] = version("asgn")
        return found
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
