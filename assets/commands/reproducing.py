"""The command that builds an attested training set again, from its attestation alone: reproduce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.commands.building import build_shown
from assets.commands.project import Project
from assets.commands.terminal import AsJson, clear_errors, print_json, say

if TYPE_CHECKING:
    from warehouse.release.attested import Attested

app = typer.Typer()


@dataclass(frozen=True)
class Reproduced:
    """What was built beside what is attested: rows and Merkle root of their ids, in order.

    `found_again` counts the attested rows that were built too; None where the attested files are not at hand.
    """

    arm: str
    rows: int
    root: str
    attested_rows: int
    attested_root: str
    found_again: int | None

    @property
    def equal(self) -> bool:
        """Whether the rows and their order are the same."""
        return (self.rows, self.root) == (self.attested_rows, self.attested_root)


@app.command()
@clear_errors
def reproduce(
    file: Annotated[Path, typer.Argument(help="The attestation; the files beside it are not needed.")],
    to: Annotated[Path, typer.Option(help="The folder to build in; it goes on with what is there.")] = Path(
        "reproduced"
    ),
    key: Annotated[Path | None, typer.Option(help="The Ed25519 public key (PEM) of the expected signer.")] = None,
    as_json: AsJson = False,
) -> None:
    """Build an attested training set again from its recipe, and say whether the rows are the same.

    The exit code is 1 where they are not."""
    from warehouse.release.verification import read_attestation

    attested = read_attestation(file, key).attested
    project = Project(_recipe_in(to, attested, file), (to / "warehouse").resolve(), embedded=True)
    build_shown(project, f"+training_sets/{attested.arm}", as_json)
    done = _compared(project, attested, to / "exports", file.parent)
    if as_json:
        print_json(asdict(done) | {"equal": done.equal})
    else:
        for line in _lines(done):
            say(line)
    if not done.equal:
        raise typer.Exit(1)


def _recipe_in(folder: Path, attested: Attested, file: Path) -> Path:
    """The attested recipe as a file in the folder. Raises UserError where another one is there."""
    import yaml

    from warehouse.core.atomic import written_whole
    from warehouse.core.errors import UserError

    text = yaml.safe_dump(dict(attested.recipe), sort_keys=False, allow_unicode=True, width=100)
    path = folder.resolve() / "recipe.yaml"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise UserError(f"{path} is not the recipe of {file}; name an empty folder with --to")
    path.parent.mkdir(parents=True, exist_ok=True)
    return written_whole(path, lambda scratch: scratch.write_text(text, encoding="utf-8"))


def _compared(project: Project, attested: Attested, exports: Path, beside: Path) -> Reproduced:
    from warehouse.release.layout import tables_of
    from warehouse.release.merkle import merkle_root
    from warehouse.release.provenance import exported, ids_in

    project.export(attested.arm, exports)
    made, _ = exported(project.database, attested.arm, exports)
    tables = tables_of(attested.arm, attested.files)
    there = tables if all((beside / name).is_file() for name in tables) else []
    again = len(set(ids_in(beside, there)).intersection(made.row_ids)) if there else None
    root = merkle_root(made.row_ids)
    return Reproduced(attested.arm, len(made.row_ids), root, attested.rows, attested.root, again)


def _lines(done: Reproduced) -> Sequence[str]:
    if done.equal:
        return [f"equal: {done.rows} rows of arm {done.arm}, Merkle root {done.root}"]
    lines = [
        f"not equal: {done.rows} rows of arm {done.arm}, Merkle root {done.root}",
        f"attested:  {done.attested_rows} rows, Merkle root {done.attested_root}",
    ]
    if done.found_again is not None:
        lines.append(f"{done.found_again} of the attested rows were built again")
    return [
        *lines,
        "another processor or another version of a library may pick other words; with the model calls of the attested "
        "build (slingshot sync) the rows are the same",
    ]
