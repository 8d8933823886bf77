"""People find commands by the help, by completion and by examples. Each must exist, and be listed where one looks."""

from __future__ import annotations

import shlex
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.commands.examples import EXAMPLES
from slingshot import FAMILIES, app
from tests.support.building import edit


def run(*words: str, **environment: str) -> str:
    done = CliRunner().invoke(app, words, env={"COLUMNS": "100", **environment}, prog_name="slingshot")
    assert done.exit_code == 0, done.output
    return done.output


def completed(line: str, recipe: Path) -> list[str]:
    """What bash is offered at the end of the line."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    return run(_SLINGSHOT_COMPLETE="complete_bash", SLINGSHOT_RECIPE=str(recipe), **words).split()


def test_the_help_lists_every_command_under_a_title() -> None:
    shown = run("--help")
    places = [shown.index(title) for title in FAMILIES]
    assert places == sorted(places)
    assert " Commands " not in shown


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version") == f"slingshot {version('slingshot')}\n"


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_help_of_a_command_ends_with_examples_that_it_understands(command: str) -> None:
    shown = [line.strip() for line in run(command, "--help").splitlines()]
    for example in EXAMPLES[command]:
        assert example in shown[shown.index("Examples:") :]
        name, *words = shlex.split(example)[1:]
        options = run(name, "--help")
        assert [word for word in words if word.startswith("--") and word not in options] == []


def test_the_shell_completes_commands_assets_and_arms(tiny: Path) -> None:
    assert completed("slingshot pla", tiny) == ["plan"]
    assert completed("slingshot build seed", tiny) == ["seed_tasks"]
    assert completed("slingshot plan +raw_self", tiny) == ["+raw_self_instruct", "+raw_self_training"]
    assert completed("slingshot export filt", tiny) == ["filtered_extract_then_generate"]
    edit(tiny, lambda recipe: recipe["curation"].update(rwos=3))
    assert completed("slingshot build seed", tiny) == []
