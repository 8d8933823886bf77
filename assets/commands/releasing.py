"""The commands that hand a dataset on: attest, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assets.commands.terminal import AsJson, WarehouseOption, clear_errors, folder, print_json, store

app = typer.Typer()

Folder = Annotated[Path, typer.Option(help="The folder with the exported files.")]


@app.command()
@clear_errors
def attest(
    arm: Annotated[str, typer.Argument(help="The arm whose exported files to attest.")],
    to: Folder = Path("exports"),
    key: Annotated[Path | None, typer.Option(help="An Ed25519 private key (PEM) to sign with.")] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Write an in-toto Statement with SLSA provenance beside an arm's exported files."""
    from warehouse.attestation import attestation_path, statement, summary, write_attestation
    from warehouse.audit.provenance import exported
    from warehouse.signing import load_signer

    files, provenance = exported(store(folder(warehouse)).database, arm, to)
    said = statement(files, provenance)
    path = write_attestation(said, attestation_path(files), load_signer(key) if key else None)
    for line in [str(path), *summary(said)]:
        typer.echo(line)


@app.command()
@clear_errors
def verify(
    file: Annotated[Path, typer.Argument(help="The attestation, with the files that it is about beside it.")],
    key: Annotated[Path | None, typer.Option(help="The Ed25519 public key (PEM) of who must have signed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check an attestation against the files beside it; no warehouse is needed."""
    from warehouse.verification import verify as check

    found = check(file, key)
    if as_json:
        print_json(found)
        return
    for line in found.lines():
        typer.echo(line)
