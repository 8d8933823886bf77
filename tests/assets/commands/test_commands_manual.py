"""People look up a command, an exit status or a variable in one page, and put its workflow into their repository. So
the page must have all that the code has, and nothing that it has not."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from collections.abc import Iterator
from functools import reduce
from importlib import import_module
from typing import Any

import click
import yaml
from typer.testing import CliRunner

from slingshot import FAMILIES, app
from tests.support.tiny import ROOT

MANUAL = (ROOT / "assets/commands/README.md").read_text(encoding="utf-8")
CODE = [
    ROOT / "slingshot.py",
    ROOT / "definitions.py",
    *(path for folder in ("assets", "resources", "warehouse") for path in sorted((ROOT / folder).rglob("*.py"))),
]
OF_LIBRARIES = {"NO_COLOR", "PGPASSFILE", "PGPASSWORD", "SSL_CERT_FILE"}
"""Variables that rich, libpq and httpx read, and no code of ours."""
NOT_OURS_TO_SET = {"LOCAL_RANK", "NICEGUI_STORAGE_PATH", "RAY_USAGE_STATS_ENABLED", "VLLM_NO_USAGE_STATS"}
"""Set around a call of a library, whatever the user has: nothing to look up."""


def section(title: str) -> str:
    """The text below a heading of the manual, up to the next heading of the same or a higher level."""
    level = title.split(" ")[0]
    (text,) = re.findall(
        rf"^{re.escape(title)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", MANUAL, flags=re.DOTALL | re.MULTILINE
    )
    return str(text)


def rows(text: str) -> list[list[str]]:
    """The cells of the only table in a text, without its head."""
    table = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in table[2:]]


def parsed_code() -> Iterator[tuple[str, ast.Module]]:
    """The name and the syntax tree of every module."""
    for path in CODE:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def value(node: ast.expr, module: str, tree: ast.Module) -> Any:
    """The value of a constant, or of a name that the module has or imports anywhere."""
    if isinstance(node, ast.Constant):
        return node.value
    root = ast.unparse(node).split(".")[0]
    imports = [
        one for one in ast.walk(tree) if isinstance(one, ast.ImportFrom) and root in [at.name for at in one.names]
    ]
    home = str(imports[0].module) if imports else module
    found = vars(import_module(home)).get(root) or import_module(f"{home}.{root}")
    return reduce(getattr, ast.unparse(node).split(".")[1:], found)


def test_every_command_is_listed_under_the_title_of_its_family_and_in_no_other() -> None:
    listed = {title: [cells[0].strip("`") for cells in rows(section(f"### {title}"))] for title in FAMILIES}
    commands = {
        title: [one.name or one.callback.__name__ for part in parts for one in part.app.registered_commands]
        for title, parts in FAMILIES.items()
    }
    assert listed == commands


def test_the_column_json_says_which_commands_have_the_option() -> None:
    found = {cells[0].strip("`"): cells[2] for title in FAMILIES for cells in rows(section(f"### {title}"))}
    callbacks = [one.callback for parts in FAMILIES.values() for part in parts for one in part.app.registered_commands]
    has = {one.__name__.replace("_", "-") for one in callbacks if "as_json" in inspect.signature(one).parameters}
    assert {name for name, said in found.items() if said == "yes"} == has
    assert {said for said in found.values()} == {"yes", ""}


def exits() -> Iterator[int]:
    """Each status with which the code ends a command."""
    yield from (0, click.UsageError.exit_code)
    for module, tree in parsed_code():
        if module.split(".")[:2] not in (["slingshot"], ["assets", "commands"]):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("typer.Exit", "os._exit", "sys.exit"):
                yield from (value(one, module, tree) for one in node.args)


def test_every_exit_status_is_explained() -> None:
    assert [int(cells[0]) for cells in rows(section("## Exit status"))] == sorted(set(exits()))


def variables() -> Iterator[str]:
    """Each environment variable that the code reads or sets, and each that it names."""
    for module, tree in parsed_code():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and re.fullmatch(r"SLINGSHOT_[A-Z_]+", str(node.value)):
                yield str(node.value)
            if isinstance(node, ast.Call) and re.fullmatch(r"os\.(environ\.\w+|getenv)", ast.unparse(node.func)):
                yield value(node.args[0], module, tree)
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
                yield value(node.slice, module, tree)
            if isinstance(node, ast.AugAssign | ast.BinOp) and ast.unparse(node).startswith("os.environ |"):
                added = node.value if isinstance(node, ast.AugAssign) else node.right
                yield from (
                    value(key, module, tree)
                    for one in ast.walk(added)
                    if isinstance(one, ast.Dict)
                    for key in one.keys
                    if key
                )


def test_every_environment_variable_is_explained_and_used() -> None:
    said = [name for cells in rows(section("## Environment variables")) for name in re.findall(r"`(\w+)`", cells[0])]
    assert len(said) == len(set(said))
    assert set(said) - OF_LIBRARIES == set(variables()) - NOT_OURS_TO_SET


def workflow() -> dict[Any, Any]:
    """The workflow of the manual."""
    (text,) = re.findall(r"^```yml\n(.*?)^```", MANUAL, flags=re.DOTALL | re.MULTILINE)
    found: dict[Any, Any] = yaml.safe_load(text)
    return found


def test_the_workflow_runs_only_commands_with_options_that_exist() -> None:
    lines = [step["run"] for job in workflow()["jobs"].values() for step in job["steps"] if "run" in step]
    ours = [shlex.split(line)[1:] for line in lines if line.startswith("slingshot ")]
    assert {name for name, *_ in ours} == {"check", "plan", "build", "review", "drop", "audit"}
    for name, *words in ours:
        shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"}).output
        assert [word for word in words if word.startswith("--") and word not in shown] == []


def test_the_workflow_is_one_that_github_accepts_and_does_not_run_what_a_stranger_sends() -> None:
    found = workflow()
    # YAML 1.1 reads the key `on` as true; GitHub reads it as text.
    assert set(found) == {"name", True, "permissions", "env", "jobs"}
    for name, job in found["jobs"].items():
        assert set(job) <= {"if", "runs-on", "env", "steps"}, name
        assert all(len({"run", "uses"} & step.keys()) == 1 for step in job["steps"]), name
    assert "head.repo.full_name == github.repository" in found["jobs"]["review"]["if"]
    # The only texts from outside that reach a shell are numbers.
    runs = [step["run"] for job in found["jobs"].values() for step in job["steps"] if "run" in step]
    assert {inside for run in runs for inside in re.findall(r"\$\{\{ (.*?) \}\}", run)} == {"github.event.number"}
