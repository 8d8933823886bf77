"""The layout helps to find things only as long as the imports keep to it. So these tests find a file in the wrong
place, an import that points back up, and a library that is used outside its folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from assets import STAGES
from tests.support.tiny import ROOT

LAYERS = ("warehouse", "resources", "assets")
"""From the bottom up: a layer imports only itself and the layers before it."""

MODEL_LIBRARIES = {"torch", "transformers", "peft", "trl", "sentence_transformers", "safetensors", "gguf"}
DAGSTER = {"dagster", "dagster_graphql", "dagster_pandera", "dagster_webserver"}


def files(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]


@cache
def imports(file: Path) -> list[tuple[str, bool]]:
    """(module, whether it is imported when the file is loaded) for each import of a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    late = {id(node) for function in ast.walk(tree) if _waits(function) for node in ast.walk(function)}
    return [(module, id(node) not in late) for node in ast.walk(tree) for module in _modules(node)]


def _waits(node: ast.AST) -> bool:
    """Whether the code in `node` runs later than the file is loaded, or only in the type checker."""
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
    """Neither directly nor through others; graphlib raises CycleError with the folders of a circle."""
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


def test_files_that_load_a_model_library_are_loaded_only_when_needed() -> None:
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


@pytest.mark.parametrize("stage", STAGES)
def test_the_logic_of_a_stage_imports_neither_dagster_nor_duckdb_nor_a_model_library(stage: str) -> None:
    used = {module.split(".")[0] for file in files(f"assets/{stage}") for module, _ in imports(file)}
    assert used & (DAGSTER | MODEL_LIBRARIES | {"duckdb"}) == set()


@pytest.mark.parametrize("layer", LAYERS)
def test_every_file_is_in_a_folder(layer: str) -> None:
    loose = {path.name for path in (ROOT / layer).iterdir() if path.is_file()}
    assert loose <= {"__init__.py", "README.md"}
