"""A command must use the project that the user is in, as git does, and say so where it is not obvious; a command that
was right before there were projects must still use the same files."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import slingshot
from resources.tools import locations
from resources.tools.locations import (
    HOME,
    cache_path,
    environment_name,
    not_obvious,
    project_folder,
    recipe_path,
    warehouse_path,
)
from warehouse.core.errors import UserError


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(locations.RECIPE, raising=False)
    monkeypatch.delenv(locations.WAREHOUSE, raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a folder two levels down."""
    folder = tmp_path / "project"
    (folder / "notes" / "deep").mkdir(parents=True)
    (folder / "recipe.yaml").write_text("extends: starter\n")
    return folder


def test_the_nearest_recipe_above_the_current_folder_makes_the_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (project, project / "notes", project / "notes" / "deep"):
        monkeypatch.chdir(folder)
        assert (project_folder(), recipe_path(), warehouse_path()) == (
            project,
            project / "recipe.yaml",
            project / "warehouse",
        )
    (project / "notes" / "recipe.yaml").write_text("extends: starter\n")
    assert project_folder() == project / "notes"


def test_outside_a_project_and_in_the_checkout_the_starter_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path, HOME, HOME / "assets" / "recipe"):
        monkeypatch.chdir(folder)
        assert (project_folder(), recipe_path(), warehouse_path()) == (
            None,
            HOME / "recipe.yaml",
            HOME / "warehouse" / "data",
        )


def test_environment_variables_come_before_the_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv(locations.WAREHOUSE, str(project / "other"))
    assert (recipe_path(), warehouse_path()) == (project / "recipe.yaml", project / "other")
    monkeypatch.setenv(locations.RECIPE, str(project / "mine.yaml"))
    assert recipe_path() == project / "mine.yaml"


def test_what_is_used_is_said_in_one_line_where_it_is_not_obvious(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (project, HOME, HOME / "tests"):
        monkeypatch.chdir(folder)
        assert not_obvious(True, True) is None
    monkeypatch.chdir(project / "notes")
    assert not_obvious(True, True) == f"using the recipe {project}/recipe.yaml and the warehouse {project}/warehouse"
    assert not_obvious(False, True) == f"using the warehouse {project}/warehouse"
    assert not_obvious(False, False) is None
    monkeypatch.chdir(tmp_path)
    assert not_obvious(True, False) == (
        f"no recipe.yaml is here or in a folder above; using the recipe {HOME}/recipe.yaml"
    )
    monkeypatch.setenv(locations.RECIPE, "mine.yaml")
    monkeypatch.setenv(locations.WAREHOUSE, "mine")
    assert not_obvious(True, True) is None


def test_commands_and_the_library_use_the_project_around_the_current_folder(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recipe `tiny` is a file recipe.yaml, so its folder is a project."""
    below = tiny.parent / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    opened = slingshot.open()
    assert (opened.recipe_file, opened.warehouse) == (tiny, tiny.parent / "warehouse")
    checked = CliRunner().invoke(slingshot.app, ["check"])
    assert (checked.exit_code, checked.stdout.splitlines()[0].split(":")[0]) == (0, f"{tiny} is good")
    assert checked.stderr == f"slingshot: using the recipe {tiny} and the warehouse {tiny.parent / 'warehouse'}\n"
    listed = CliRunner().invoke(slingshot.app, ["log", "--warehouse", str(tiny.parent / "data")])
    assert (listed.stdout, listed.stderr) == ("nothing was built here\n", "")


def test_an_environment_is_given_or_in_the_variable_or_the_main_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLINGSHOT_ENVIRONMENT", raising=False)
    assert environment_name() == ""
    monkeypatch.setenv("SLINGSHOT_ENVIRONMENT", "pr-12")
    assert (environment_name(), environment_name("other"), environment_name("")) == ("pr-12", "other", "")


@pytest.mark.parametrize("name", ["PR 12", "-a", "a/b", "a" * 64, "é"])
def test_an_odd_name_of_an_environment_is_an_error(name: str) -> None:
    right = "small letters, digits, '.', '_' and '-', such as pr-12"
    with pytest.raises(UserError) as error:
        environment_name(name)
    assert str(error.value) == f"an environment cannot be named {name!r}; right would be {right}"


def test_downloads_are_in_the_users_cache_unless_a_variable_names_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(locations.CACHE)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_path() == Path.home() / ".cache" / "slingshot"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative, and so not valid")
    assert cache_path() == Path.home() / ".cache" / "slingshot"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_path() == tmp_path / "slingshot"
    monkeypatch.setenv(locations.CACHE, str(tmp_path / "mine"))
    assert cache_path() == tmp_path / "mine"
    opened = slingshot.open(HOME / "recipe.yaml", tmp_path / "data")
    assert (opened.bench.cache.root, opened.bench.cache.older) == (tmp_path / "mine", (tmp_path / "data" / "cache",))
