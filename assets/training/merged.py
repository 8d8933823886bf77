"""Writes the student of an arm as a model of its own, and records it as an export: a recall then lists it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from assets.steps import names
from assets.training.checkpoint import adapter_of
from resources.tools.workbench import Workbench
from warehouse.core.errors import UserError
from warehouse.core.file_digests import FileDigests
from warehouse.lineage.withdrawals import read_withdrawals
from warehouse.release.export import record_export
from warehouse.release.recall import withdrawn_ancestors

ORIGIN = "slingshot.json"
"""The file of a written model that says what it was made from."""


def write_student(bench: Workbench, arm: str, folder: Path, seed: int | None = None) -> Path:
    """Write the student of `arm` with the training seed `seed` (by default the first) into `folder`/ARM-SEED.

    It appears there completely or not at all. Raises UserError if there is no such student or it failed a blocking
    check, if it was made from something withdrawn, if its base is not in the recipe, or if the place is taken.
    """
    from resources.models.merging import write_model

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
    target = folder / f"{arm}-{student['seed']}"
    if target.exists():
        raise UserError(f"{target} exists already; remove it, or choose another folder with --to")
    checkpoint = bench.adapter_folder(adapter_of(row))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".exporting-") as scratch:
        made = Path(scratch) / target.name
        write_model(bench.base_folder(base), checkpoint, made)
        origin = {
            "arm": arm, "seed": student["seed"], "checkpoint": student["id"], "version": published.version,
            "training": student["training"], "weights": student["weights"],
            "base": {"name": base, "address": bench.models[base].address, "sha256": bench.models[base].sha256,
                     "licence": bench.models[base].licence},
        }  # fmt: skip
        (made / ORIGIN).write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
        made.rename(target)
    digests = FileDigests()
    files = {file.name: digests.of(file) for file in sorted(target.iterdir())}
    record_export(bench.store, published, target.resolve(), files)
    return target


def _refuse_withdrawn(bench: Workbench, arm: str, student: str) -> None:
    with bench.database.read() as connection:
        _, withdrawn = withdrawn_ancestors(connection, [student], read_withdrawals(connection))
    if withdrawn:
        raise UserError(
            f"the student of {arm!r} was made from what was withdrawn: "
            f"{'; '.join(one.description for one in withdrawn)}. Build it again and write that"
        )
