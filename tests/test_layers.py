"""The import direction: a module imports only from layers below its own; siblings of a layer stay apart."""

import ast
from pathlib import Path

import pytest

import asgn

ROOT = Path(asgn.__file__).parent
LAYERS: list[set[str]] = [
    {"__init__", "errors", "variants", "config", "files", "losses"},
    {"data", "models"},
    {"checkpoint"},
    {"training", "evaluation", "inference"},
    {"experiments"},
    {"app"},
    {"cli"},
    {"__main__"},
]
RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}
FILES = sorted(ROOT.rglob("*.py"))


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(str(node.module))
    return {name for name in found if name == "asgn" or name.startswith("asgn.")}


def test_every_room_has_a_layer() -> None:
    rooms = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in FILES}
    assert rooms <= set(RANKS), rooms - set(RANKS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downward(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for module in imports_of(path):
        other = room_of(module)
        if other == own:
            continue
        basic = RANKS[own] == 0 and RANKS[other] == 0
        assert basic or RANKS[other] < RANKS[own], f"{own} imports {module}"
