"""The commands that hand out a dataset or a student and call it back: export, merge, attest, verify, push, recall."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from assets.commands.completion import arms, withdrawable
from assets.commands.project import project_at
from assets.commands.reading_at import reading_at
from assets.commands.terminal import (
    AsJson,
    EnvironmentOption,
    RecipeOption,
    WarehouseOption,
    clear_errors,
    console,
    print_json,
    say,
)

app = typer.Typer()


@app.command()
@clear_errors
def export(
    arm: Annotated[str, typer.Argument(help="The arm whose training set to write.", autocompletion=arms)],
    to: Annotated[Path | None, typer.Option(help="The folder to write into: exports, or students.")] = None,
    version: Annotated[str | None, typer.Option(help="An earlier version, by its id or the first digits.")] = None,
    override: Annotated[str | None, typer.Option(help="The reason to write a version with withdrawn rows.")] = None,
    student: Annotated[
        bool, typer.Option("--student", help="Write the student as an adapter for peft instead.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="The training seed of the student; by default the first.")] = None,
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Write an arm's training set as a folder that `datasets` opens, with a dataset card, and as JSONL for trainers.

    Arms that were exported to the folder before stay in it."""
    from warehouse.core.errors import UserError

    project = reading_at(warehouse, env, recipe)
    if student:
        if version is not None or override is not None:
            raise UserError("--version and --override are for training sets; leave them out, or leave out --student")
        _say_written([project.export_student(arm, to or Path("students"), seed)], as_json)
        return
    if seed is not None:
        raise UserError("--seed is for students; add --student, or leave it out")
    _say_written(project.export(arm, to or Path("exports"), version, override), as_json)


@app.command()
@clear_errors
def merge(
    arm: Annotated[str, typer.Argument(help="The arm whose student to write.", autocompletion=arms)],
    to: Annotated[Path, typer.Option(help="The folder to write into.")] = Path("students"),
    seed: Annotated[int | None, typer.Option(help="The training seed of the student; by default the first.")] = None,
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Write an arm's student as one model: a folder that transformers loads, with its adapter merged."""
    _say_written([reading_at(warehouse, env, recipe).export_student(arm, to, seed, merged=True)], as_json)


def _say_written(paths: Sequence[Path], as_json: bool) -> None:
    if as_json:
        print_json({"written": paths})
        return
    for path in paths:
        say(str(path))


@app.command()
@clear_errors
def recall(
    start: Annotated[
        str, typer.Argument(help="A source row, a source or a model; by id or name.", autocompletion=withdrawable)
    ],
    reason: Annotated[str | None, typer.Option(help="The reason to withdraw it, which is recorded.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what depends on it.")] = False,
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw a source row, a source or a model, and show all that depends on it; the next build leaves it out."""
    from rich.text import Text

    from assets.commands.source_rows import affected_by
    from assets.reporting.audit_tables import recall_tables
    from warehouse.core.errors import UserError
    from warehouse.release.recall import withdraw

    project = project_at(recipe, warehouse)
    affected, counted = affected_by(project.store, lambda: (project.recipe, project.bench), start)
    if as_json:
        print_json(affected)
    else:
        terminal = console()
        terminal.print(Text(f"{affected.thing.kind} {affected.thing.id}: {affected.thing.shown}"))
        for table in recall_tables(affected):
            terminal.print("", table)
    if dry_run:
        return
    if reason is None:
        raise UserError(
            "nothing was withdrawn: a withdrawal needs --reason; use --dry-run to only show what depends on it"
        )
    withdraw(project.database, affected, reason, counted)
    if not as_json:
        in_recipe = affected.thing.kind in ("model", "source", "ancestor")
        then = "builds fail until the recipe no longer uses it" if in_recipe else "the next build leaves it out"
        say(f"withdrawn; {then}")


@app.command()
@clear_errors
def attest(
    arm: Annotated[str, typer.Argument(help="The arm whose exported files to attest.", autocompletion=arms)],
    to: Annotated[Path, typer.Option(help="The folder with the exported files.")] = Path("exports"),
    key: Annotated[Path | None, typer.Option(help="An Ed25519 private key (PEM) to sign with.")] = None,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Write an in-toto Statement with SLSA provenance beside an arm's exported files.

    With --json, print what verify finds in it.
    """
    from warehouse.release.attestation import attestation_path, statement, summary, write_attestation
    from warehouse.release.provenance import exported
    from warehouse.release.signing import load_signer
    from warehouse.release.verification import verify

    files, provenance = exported(project_at(warehouse=warehouse).database, arm, to)
    attested = statement(files, provenance)
    path = write_attestation(attested, attestation_path(files), load_signer(key) if key else None)
    if as_json:
        print_json(verify(path))
        return
    for line in [str(path), *summary(attested)]:
        say(line)


@app.command()
@clear_errors
def verify(
    file: Annotated[Path, typer.Argument(help="The attestation, in the folder with the exported files.")],
    key: Annotated[Path | None, typer.Option(help="The Ed25519 public key (PEM) of the expected signer.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check an attestation against the files beside it; no warehouse is needed."""
    from warehouse.release.verification import verify

    found = verify(file, key)
    if as_json:
        print_json(found)
        return
    for line in found.lines():
        say(line)


@app.command()
@clear_errors
def push(
    target: Annotated[str, typer.Argument(help="Where to: a path, or a URL such as hf://datasets/OWNER/NAME.")],
    folder: Annotated[Path, typer.Option("--from", help="The folder with the exported files.")] = Path("exports"),
    key: Annotated[Path | None, typer.Option(help="The Ed25519 public key (PEM) of the expected signer.")] = None,
    as_json: AsJson = False,
) -> None:
    """Copy exported and attested training sets to a hub, an object store or a folder; verifies them first."""
    from warehouse.release.push import push

    done = push(folder, target, key)
    if as_json:
        print_json(done)
        return
    say(f"verified and copied to {done.target}: {', '.join(done.arms)} in {len(done.files)} files")
