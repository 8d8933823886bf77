"""Writes the student of an arm as a folder of its own, and records it as an export: a recall then lists it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.steps import names
from assets.training.student_card import student_card
from resources.fetching.addresses import Address
from resources.models.calls import Adapter
from resources.tools.workbench import Workbench
from warehouse.core.errors import UserError
from warehouse.core.file_digests import FileDigests
from warehouse.lineage.withdrawals import read_withdrawals
from warehouse.release.export import record_export
from warehouse.release.layout import CARD
from warehouse.release.recall import withdrawn_ancestors
from warehouse.store.published import Published

ORIGIN = "slingshot.json"
"""The file of a written student that says what it was made from."""


@dataclass(frozen=True)
class _Student:
    """The checkpoint record `row` of a version, and the name of its base in the recipe."""

    published: Published
    row: dict[str, Any]
    base: str

    @property
    def adapter(self) -> Adapter:
        return Adapter(self.row["training"], self.row["weights"])


def write_student(bench: Workbench, arm: str, folder: Path, seed: int | None = None, merged: bool = False) -> Path:
    """Write the student of `arm` with the training seed `seed` (by default the first) into `folder`/ARM-SEED.

    It is an adapter for peft or, if it is `merged` or all its weights were trained, a model for transformers. The
    folder appears completely or not at all. Raises UserError if there is no such student or it failed a blocking
    check, if it was made from something withdrawn, if its base is not in the recipe, or if the place is taken.
    """
    from resources.models.merging import write_adapter, write_model
    from warehouse.store.checkpoints import is_model

    student = _found(bench, arm, seed)
    base = bench.models[student.base]
    target = folder / f"{arm}-{student.row['seed']}"
    if target.exists():
        raise UserError(f"{target} exists already; remove it, or choose another folder with --to")
    checkpoint = bench.adapter_folder(student.adapter)
    whole = merged or is_model(checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".exporting-") as scratch:
        made = Path(scratch) / target.name
        if whole:
            write_model(bench.base_folder(student.base), checkpoint, made)
        else:
            name, revision = portable(student.base, base.address)
            write_adapter(bench.base_folder(student.base), checkpoint, made, name, revision)
        origin = {
            "arm": arm, "seed": student.row["seed"], "checkpoint": student.row["id"],
            "version": student.published.version,
            "training": student.row["training"], "weights": student.row["weights"],
            "base": {"name": student.base, "address": _public(base.address), "sha256": base.sha256,
                     "licence": base.licence},
        }  # fmt: skip
        (made / ORIGIN).write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
        card = student_card(bench.store, arm, student.published, student.row, base, whole)
        (made / CARD).write_text(card, encoding="utf-8")
        made.rename(target)
    digests = FileDigests()
    files = {file.name: digests.of(file) for file in sorted(target.iterdir())}
    record_export(bench.store, student.published, target.resolve(), files)
    return target


def portable(name: str, address: str | None) -> tuple[str, str | None]:
    """How an adapter names its base to others: (name, revision).

    A model of the hub has its name there, and peft loads it. Another has its address or, if that is a path on this
    machine, the `name` in the recipe: who loads the adapter gives the base (ours).
    """
    found = Address.parse(address) if address else None
    if found is None or found.scheme == "path":
        return name, None
    return (found.name, found.version) if found.scheme == "hf" else (str(found), None)


def _public(address: str | None) -> str | None:
    """An address that means something to others; None for a path on this machine."""
    return address if address and Address.parse(address).scheme != "path" else None


def _found(bench: Workbench, arm: str, seed: int | None) -> _Student:
    published = bench.store.catalog().current(names.student(arm))
    if published is None:
        raise UserError(f"the arm {arm!r} has no student yet; build it first: slingshot build '+{names.student(arm)}'")
    if published.fault:
        raise UserError(published.fault)
    students = bench.store.read(published)
    row = students.filter(seed=students["seed"][0] if seed is None else seed)
    if row.is_empty():
        found = ", ".join(map(str, students["seed"]))
        raise UserError(f"the arm {arm!r} has no student with the training seed {seed}; choose one of these: {found}")
    student: dict[str, Any] = row.row(0, named=True)
    _refuse_withdrawn(bench, arm, student["id"])
    base = next((name for name, model in bench.models.items() if model.id == student["base"]), None)
    if base is None:
        raise UserError(f"the base of the student of {arm!r} is not a model of the recipe; build the student again")
    return _Student(published, student, base)


def _refuse_withdrawn(bench: Workbench, arm: str, student: str) -> None:
    with bench.database.read() as connection:
        _, withdrawn = withdrawn_ancestors(connection, [student], read_withdrawals(connection))
    if withdrawn:
        raise UserError(
            f"the student of {arm!r} was made from what was withdrawn: "
            f"{'; '.join(one.description for one in withdrawn)}. Build it again and write that"
        )
