"""One finds one's way by the layout only while the imports keep to it: a file in the wrong place, an arrow that points
back up or a library that leaks out of its folder is found here before anybody relies on it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.support.tiny import ROOT

LAYERS = ("warehouse", "resources", "assets")
"""From the bottom up: a layer imports itself and the layers before it."""

MODEL_LIBRARIES = {"torch", "transformers", "peft", "trl", "sentence_transformers", "safetensors", "gguf"}
DAGSTER = {"dagster", "dagster_graphql", "dagster_pandera", "dagster_webserver"}


def files(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]


@cache
def imports(file: Path) -> list[tuple[str, bool]]:
    """(module, whether it is imported as the file loads) for each import of a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    late = {id(node) for function in ast.walk(tree) if _waits(function) for node in ast.walk(function)}
    return [(module, id(node) not in late) for node in ast.walk(tree) for module in _modules(node)]


def _waits(node: ast.AST) -> bool:
    """Whether what stands in `node` runs later, or for the type checker alone."""
    checked = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    return checked or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            yield whole if _file(whole) else node.module


def _file(module: str) -> Path | None:
    place = ROOT / module.replace(".", "/")
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def folder(file: Path) -> str:
    return file.parent.relative_to(ROOT).as_posix()


def test_no_folder_imports_one_that_imports_it() -> None:
    """Directly or through others. Raises CycleError, which names the folders of a circle."""
    above: dict[str, set[str]] = {}
    for file in files(*LAYERS):
        found = {folder(path) for module, _ in imports(file) if (path := _file(module))}
        above.setdefault(folder(file), set()).update(found - {folder(file)})
    assert {"warehouse/core", "assets/commands"} <= set(TopologicalSorter(above).static_order())


def test_no_file_imports_one_that_imports_it() -> None:
    above = {file: {path for module, _ in imports(file) if (path := _file(module))} for file in files(*LAYERS)}
    assert len(list(TopologicalSorter(above).static_order())) >= len(above) > 100


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_none_above_it(layer: str) -> None:
    above = set(LAYERS[LAYERS.index(layer) + 1 :]) | {"definitions", "slingshot", "tests"}
    wrong = [
        (str(file), module) for file in files(layer) for module, _ in imports(file) if module.split(".")[0] in above
    ]
    assert wrong == []


def test_building_alone_imports_dagster() -> None:
    used = {folder(file) for file in files(*LAYERS) for module, _ in imports(file) if module.split(".")[0] in DAGSTER}
    assert used == {"assets/building"}


def test_resources_models_alone_imports_model_libraries() -> None:
    used = {
        folder(file)
        for file in files(*LAYERS)
        for module, _ in imports(file)
        if module.split(".")[0] in MODEL_LIBRARIES
    }
    assert used == {"resources/models"}


def test_what_loads_a_model_library_is_itself_loaded_when_it_is_needed() -> None:
    """So that the UI and `slingshot --help` start quickly."""
    heavy = {
        file
        for file in files("resources/models")
        if any(module.split(".")[0] in MODEL_LIBRARIES and at_once for module, at_once in imports(file))
    }
    eager = [
        (str(file.relative_to(ROOT)), module)
        for file in set(files(*LAYERS)) - heavy
        for module, at_once in imports(file)
        if at_once and _file(module) in heavy
    ]
    assert heavy
    assert eager == []


@pytest.mark.parametrize("layer", LAYERS)
def test_every_file_lies_in_a_room(layer: str) -> None:
    loose = {path.name for path in (ROOT / layer).iterdir() if path.is_file()}
    assert loose <= {"__init__.py", "README.md"}
