"""Scripts read what commands find as JSON. Every command that prints a result must have --json and then print one JSON
document to stdout and nothing else; what it says on the way goes to stderr."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import slingshot
from tests.support.building import edit

WITHOUT = {
    "up": "serves pages until it is stopped",
    "browse": "serves pages until it is stopped",
    "schema": "prints a JSON document in any case",
}
"""The commands without --json, each with the reason."""

ARM = "self_training"
MOVED = "enhanced_instructions/self_training"

COMMANDS = {
    "init": ["NEW"],
    "check": ["--cost"],
    "pin": [],
    "plan": [],
    "build": [],
    "replay": [],
    "serve": ["generator"],
    "copy": ["COPY", "--push"],
    "sync": ["OTHER", "--push"],
    "reproduce": [f"READY/{ARM}.intoto.json", "--to", "AGAIN"],
    "status": [],
    "gc": ["--dry-run"],
    "show": [f"training_sets/{ARM}"],
    "log": [],
    "report": [],
    "why": ["ROW"],
    "why-not": ["what is"],
    "trace": ["rows"],
    "diff": [MOVED, MOVED],
    "ledger": [],
    "quarantine": [],
    "audit": [],
    "review": ["--env", "pr-12"],
    "environments": [],
    "promote": ["pr-12"],
    "drop": ["pr-13"],
    "export": [ARM, "--to", "EXPORTED"],
    "merge": [ARM, "--to", "MERGED"],
    "attest": [ARM, "--to", "READY"],
    "verify": [f"READY/{ARM}.intoto.json"],
    "push": ["PUSHED", "--from", "READY"],
    "recall": ["ROW", "--dry-run"],
}
"""What to run for each command. A name in capitals is a path of the test, and ROW the id of a row."""

KEYS: dict[str, Any] = {
    "init": {"written"},
    "check": {
        "recipe", "assets", "arms", "unpinned", "not_in_any_arm", "warnings", "writes_with", "faster", "slower", "cost",
        "work", "fails"
    },
    "review": {
        "before", "after", "added", "removed", "changed", "diffs", "scores", "quality", "declared", "faults",
        "not_built"
    },
    "reproduce": {"arm", "rows", "root", "attested_rows", "attested_root", "found_again", "equal"},
    "serve": {"command", "environment", "servers", "models"},
    "copy": {"rows", "trainings", "without_files", "faults"},
    "sync": {"taken", "known", "differing", "refused"},
    "promote": {"promoted"},
    "drop": {"dropped"},
    "export": {"written"},
    "merge": {"written"},
    "push": {"target", "arms", "files"},
}  # fmt: skip
"""The keys of documents that no other test reads."""


def commands() -> dict[str, Any]:
    return typer.main.get_command(slingshot.app).commands  # type: ignore[attr-defined, no-any-return]


@pytest.fixture(scope="module")
def ready(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the built recipe and warehouse, two environments and an attested export."""
    folder = tmp_path_factory.mktemp("json")
    shutil.copy(built[0], folder / "recipe.yaml")
    shutil.copytree(built[1], folder / "data")
    edit(folder / "recipe.yaml", lambda recipe: recipe["enhancement"]["heuristics"].update(response_words=[1, 99]))
    for environment in ("pr-12", "pr-13"):
        slingshot.open(folder / "recipe.yaml", folder / "data", environment).build(f"+{MOVED}")
    shutil.copy(built[0], folder / "recipe.yaml")
    for words in (["export", ARM, "--to", "READY"], ["attest", ARM, "--to", "READY"]):
        assert printed(folder, *words)[0] == 0
    return folder


def printed(folder: Path, *words: str) -> tuple[int, str]:
    """The exit status of a command, and what it prints to stdout."""
    row = slingshot.open(folder / "recipe.yaml", folder / "data").rows("seed_tasks")["id"][0]
    heads = {"NEW", "EXPORTED", "MERGED", "READY", "PUSHED", "COPY", "OTHER", "AGAIN"}
    given = [row if one == "ROW" else str(folder / one) if one.split("/")[0] in heads else one for one in words]
    at = {"SLINGSHOT_RECIPE": str(folder / "recipe.yaml"), "SLINGSHOT_WAREHOUSE": str(folder / "data")}
    done = CliRunner().invoke(slingshot.app, given, env=at)
    return done.exit_code, done.stdout


def test_every_command_has_the_option_but_a_few() -> None:
    lacking = {name for name, command in commands().items() if all("--json" not in one.opts for one in command.params)}
    assert lacking == WITHOUT.keys()
    assert COMMANDS.keys() == commands().keys() - lacking


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_prints_one_document_and_nothing_else(
    command: str, ready: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    code, out = printed(ready, command, *COMMANDS[command], "--json")
    assert code == (2 if command == "review" else 0)
    found = json.loads(out)
    assert command not in KEYS or found.keys() == KEYS[command]
    assert capfd.readouterr().out == ""  # what a library writes past Python


def test_the_documents_say_what_was_done(ready: Path) -> None:
    assert json.loads(printed(ready, "pin", "--json")[1]) == []
    assert json.loads(printed(ready, "replay", "--json")[1]) == []
    verified = printed(ready, "verify", f"READY/{ARM}.intoto.json", "--json")
    assert printed(ready, "attest", ARM, "--to", "READY", "--json") == verified
