"""Generators from outside of the package: from an import name, `my_package.my_module:build`, to a network.

A checkpoint names the code that builds its network, and loading one runs that code. So it is run only where a user
has named it: as the row of `asgn train`, `plan` or `info`, or in the environment variable ASGN_TRUST, which holds
import names parted by commas. The program's own builders need no permission.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from asgn.config import ModelConfig
from asgn.errors import CheckpointError, VariantError
from asgn.models.detail import DetailEnhancement
from asgn.models.generator import Generator
from asgn.models.semantic import SemanticMaskHead
from asgn.variants import Variant

TRUSTED = "ASGN_TRUST"
"""The environment variable."""
OWN = ("asgn.models.clipseg:build",)
"""Builders of the program, which need no permission."""


def build_foreign(name: str, config: ModelConfig, named_by_user: bool) -> Generator:
    """The network that `name`, MODULE:FUNCTION, makes of a configuration, with the DE and SE that its row has.

    MODULE may lie in the working directory. What is wrong inside of the code itself is raised as it is.

    Raises:
        CheckpointError: the code is not trusted.
        VariantError: there is no such function, or it does not build what the row says.
    """
    if not (named_by_user or name in OWN or name in os.environ.get(TRUSTED, "").split(",")):
        raise CheckpointError(
            f"this model is built by {name}, code from outside of asgn, which is not run because a file names it: "
            f"if you trust it, set the environment variable {TRUSTED}={name}"
        )
    network = _import(name)(config)
    if not isinstance(network, Generator):
        wanted = f"{Generator.__module__}.{Generator.__name__}"
        raise VariantError(f"{name} gives a {type(network).__name__}: have it give a subclass of {wanted}")
    variant = Variant.parse(config.variant)
    parts = {"DE": (DetailEnhancement, bool(variant.detail)), "SE": (SemanticMaskHead, variant.semantic)}
    for token, (part, is_asked) in parts.items():
        if any(isinstance(module, part) for module in network.modules()) != is_asked:
            has = "no" if is_asked else "a"
            raise VariantError(
                f"{name} builds {has} {part.__name__} for {variant}: {'leave out' if is_asked else 'give'} +{token}, "
                "or have it heed config.variant"
            )
    return network


def _import(name: str) -> Callable[[ModelConfig], Any]:
    module, _, function = name.partition(":")
    if os.getcwd() not in sys.path:  # which `python -m` has, and the installed command has not
        sys.path.append(os.getcwd())
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        raise VariantError(f"cannot import {module} ({error}): give MODULE:FUNCTION as Python finds it here") from error
    builder = getattr(found, function, None)
    if not callable(builder):
        raise VariantError(f"{module} has no function {function}: give MODULE:FUNCTION, such as {module}:build")
    made: Callable[[ModelConfig], Any] = builder
    return made
