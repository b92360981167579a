"""The import direction: a module imports only from layers below its own; siblings of a layer stay apart."""

import ast
from pathlib import Path

import pytest

import asgn

ROOT = Path(asgn.__file__).parent

LAYERS: dict[str, list[set[str]]] = {
    "": [
        {"__init__", "errors", "variants", "settings", "config", "files", "losses", "progress", "paper"},
        {"data", "models"},
        {"checkpoint"},
        {"training", "evaluation", "inference"},
        {"experiments"},
        {"app"},
        {"cli"},
        {"__main__"},
    ],
    "data": [
        {"types", "transforms", "vocabulary", "by_image"},
        {"files"},
        {"expressions", "readers", "loading"},
        {"photographs", "synthetic"},
        {"datasets"},
        {"download", "checks"},
    ],
    "inference": [
        {"backend", "densecrf", "device", "encoded", "phrases", "presence"},
        {"explain", "sharing"},
        {"results"},
        {"segmenter", "onnx"},
        {"load", "sheets"},
    ],
    "evaluation": [
        {"metrics", "control", "gres", "record", "shape"},
        {"evaluate"},
        {"scorer", "probes"},
        {"separability"},
    ],
    "experiments": [
        {"report", "demo_scenes"},
        {"runs"},
        {"planning", "probe", "doctor"},
        {"reproduce", "demo"},
        {"model_table"},
    ],
}
"""The rooms of each package from the lowest layer up. The lowest layer's own files may import one another."""

FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")
"""All but the face, which names what lies above it for type checkers and imports it when it is asked for."""


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(str(node.module))
    return {name for name in found if name == "asgn" or name.startswith("asgn.")}


def rooms_of(module: str) -> tuple[str, ...]:
    return tuple(module.split(".")[1:]) or ("__init__",)


def rank(package: str, room: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS[package]) if room in rooms)


def is_downward(own: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether `own` may import `other`: decided in the first package whose rooms tell them apart."""
    package = ""
    for mine, its in zip(own, other, strict=False):
        if package not in LAYERS:
            return True
        if mine != its:
            basic = rank(package, mine) == 0 and rank(package, its) == 0
            return basic or rank(package, its) < rank(package, mine)
        package = mine
    return True


@pytest.mark.parametrize("package", LAYERS)
def test_every_room_has_a_layer(package: str) -> None:
    folder = ROOT / package
    rooms = {path.relative_to(folder).parts[0].removesuffix(".py") for path in folder.rglob("*.py")}
    known: list[str] = [room for layer in LAYERS[package] for room in layer]
    assert len(known) == len(set(known))
    assert rooms - ({"__init__"} if package else set()) == set(known)


@pytest.mark.parametrize("package", ["data", "inference"])
def test_rooms_stay_few(package: str) -> None:
    assert len([path for path in (ROOT / package).iterdir() if not path.name.startswith("__")]) <= 13


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downward(path: Path) -> None:
    own = tuple(path.relative_to(ROOT).with_suffix("").parts)
    for module in imports_of(path):
        assert is_downward(own, rooms_of(module)), f"{path.relative_to(ROOT)} imports {module}"


def test_a_wrong_direction_is_seen() -> None:
    assert not is_downward(("data", "files", "images"), ("data", "readers", "refer"))
    assert not is_downward(("data", "datasets"), ("training", "step"))
    assert is_downward(("data", "datasets"), ("data", "readers", "refer"))
