"""Fixtures for several tests: a tiny model with the architecture of the starter's, and a recipe that builds in
seconds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from filelock import FileLock
from hypothesis import settings

from assets.steps import code_digest
from resources.fetching.cache import Cache
from resources.models.quiet import quiet
from resources.tools.locations import CACHE
from tests.support.postgres import Server, programs, running
from tests.support.tiny import save_tiny_embedder, save_tiny_model, tiny_recipe, write_rows
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.postgres_warehouse import PostgresWarehouse
from warehouse.store.warehouse import Warehouse

# Shared machines are sometimes slow; a slow example is not a failure.
settings.register_profile("slingshot", deadline=None)
settings.load_profile("slingshot")
quiet()


@pytest.fixture(scope="session", autouse=True)
def _downloads(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Commands that a test runs write nothing into the user's cache."""
    os.environ[CACHE] = str(tmp_path_factory.mktemp("downloads"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny language model."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny embedding model."""
    return save_tiny_embedder(tmp_path_factory.mktemp("models") / "embedder")


@pytest.fixture
def tiny(tiny_model: Path, tiny_embedder: Path, tmp_path: Path) -> Path:
    """The path of a recipe that builds in seconds."""
    source = write_rows(tmp_path / "rows.jsonl", 120, seed=1)
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(tiny_recipe(tiny_model, tiny_embedder, source), sort_keys=False))
    return path


@pytest.fixture(scope="session")
def built(tiny_model: Path, tiny_embedder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A recipe that builds in seconds and its built warehouse (recipe file, data folder). Tests only read them.

    It is built once for all processes of a test run.
    """
    from tests.support.building import build

    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "built"
    folder.mkdir(exist_ok=True)
    recipe, whole = folder / "recipe.yaml", folder / "whole"
    with FileLock(folder / "lock"):
        if not whole.exists():
            source = write_rows(folder / "rows.jsonl", 120, seed=1)
            recipe.write_text(yaml.safe_dump(tiny_recipe(tiny_model, tiny_embedder, source), sort_keys=False))
            log, failures = build(recipe, folder / "data", history=True)
            assert failures == []
            assert set(log.actions.values()) == {"built"}
            whole.touch()
    return recipe, folder / "data"


@pytest.fixture
def own(built: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """A copy of the built recipe and warehouse, for tests that change them."""
    recipe, data = built
    shutil.copytree(data, tmp_path / "data")
    shutil.copy(recipe, tmp_path / "recipe.yaml")
    return tmp_path / "recipe.yaml", tmp_path / "data"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server of PostgreSQL of this process."""
    where = programs()
    if where is None:
        assert not os.environ.get("CI"), "PostgreSQL is not installed; make test installs it"
        pytest.skip("PostgreSQL is not installed; make test installs it for root on Debian")
    with running(where) as server:
        yield server


@pytest.fixture(params=["file", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """An empty warehouse of each kind."""
    if request.param == "file":
        return FileWarehouse(tmp_path / "slingshot.duckdb")
    return PostgresWarehouse(request.getfixturevalue("postgres").database(), tmp_path)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that replaces the project as the place of the code."""
    (tmp_path / "assets").mkdir()
    monkeypatch.setattr(code_digest, "ROOT", tmp_path.resolve())
    return tmp_path.resolve()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """An empty download cache. Relative paths start at the test's folder."""
    return Cache(tmp_path / "cache", base=tmp_path)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=4, help="how many builds test_kills.py kills; at length: 100")
    parser.addoption("--accepted", type=int, default=24, help="rows for test_rounds_killed.py; at length: 1000")
    more = "how many files test_mutated_files.py and test_mutated_recipes.py damage; at length: 100000"
    parser.addoption("--mutations", type=int, default=400, help=more)
    parser.addoption("--screenshots", type=Path, help="a folder for the pictures of test_walk.py")
    parser.addoption("--audit", help="a warehouse built from the starter recipe, for test_audit_of_a_build.py")
