"""Exported files cannot be called back. So no version with something withdrawn may be exported by accident, and if it
is exported on purpose, the folder and the reason must be recorded."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.support.versions import documents, named, pairs, publish, rows
from warehouse.core.errors import UserError
from warehouse.core.identity import digest
from warehouse.release.export import export
from warehouse.release.recall import find_affected, withdraw
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.materials import DESCRIPTION, record_materials
from warehouse.store.published import Published
from warehouse.store.versions import Store
from warehouse.store.warehouse import now

ASSET = "training_sets/x"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Training sets of the documents a, b and c (version 1), then of b and c (version 2, the current one)."""
    store = Store(FileWarehouse(tmp_path / "warehouse.duckdb"))
    trained_on(store, "1", "abc")
    trained_on(store, "2", "bc")
    return store


def trained_on(store: Store, version: str, letters: str, source: str = "5" * 32) -> Published:
    texts = [f"Document {letter}." for letter in letters]
    read = publish(store, "documents", version, documents(texts, parents=[(source, "source")]))
    made = publish(store, "raw_m", version, pairs(store, read), documents=read)
    return publish(store, ASSET, version, pairs(store, read), pairs=made)


def document(store: Store, letter: str) -> str:
    (row_id,) = rows(store, f"SELECT id FROM records.document WHERE text = 'Document {letter}.'")[0]
    return str(row_id)


def written(folder: Path) -> list[str]:
    return pl.read_parquet(folder / "data/x/train.parquet")["response"].to_list()


def overrides(store: Store) -> list[tuple[Any, ...]]:
    return rows(store, "SELECT version[:1], override FROM lineage.exports ORDER BY exported_at")


@pytest.mark.parametrize("version", ["1" * 32, "1", "11111"])
def test_an_earlier_version_is_exported_by_its_id_or_the_start_of_it(
    store: Store, tmp_path: Path, version: str
) -> None:
    export(store, "x", tmp_path / "now")
    export(store, "x", tmp_path / "then", version)
    assert written(tmp_path / "now") == ["Document b.", "Document c."]
    assert written(tmp_path / "then") == ["Document a.", "Document b.", "Document c."]
    assert overrides(store) == [("2", None), ("1", None)]


def test_a_version_that_is_not_stored_is_refused_with_those_that_are(store: Store, tmp_path: Path) -> None:
    unknown = "no versions of training_sets/x begin with '3', choose one of these: 111111111, 222222222"
    with pytest.raises(UserError, match=f"^{re.escape(unknown)}$"):
        export(store, "x", tmp_path / "out", "3")
    with pytest.raises(UserError, match=r"^2 versions of training_sets/x begin with '', choose one of these"):
        export(store, "x", tmp_path / "out", "")
    with pytest.raises(UserError, match=r"^no versions of training_sets/y begin with '1', .* one of these: none$"):
        export(store, "y", tmp_path / "out", "1")
    assert not (tmp_path / "out").exists()


def test_a_version_with_a_withdrawn_row_is_refused_with_what_when_and_why(store: Store, tmp_path: Path) -> None:
    withdraw(store.database, find_affected(store.database, document(store, "a")), "the author asked for it")
    export(store, "x", tmp_path / "now")
    with pytest.raises(UserError) as refused:
        export(store, "x", tmp_path / "then", "1")
    assert str(refused.value) == (
        "1 of the 3 rows of training_sets/x 111111111 are, or were made from, what was withdrawn: the document "
        f"'Document a.' ({document(store, 'a')[:9]}), withdrawn on {now():%Y-%m-%d}: the author asked for it. "
        "Build it again and export that, or give a reason to write it anyway (--override)"
    )
    assert not (tmp_path / "then").exists()
    assert overrides(store) == [("2", None)]


def test_the_current_version_is_refused_too_until_it_is_built_again(store: Store, tmp_path: Path) -> None:
    withdraw(store.database, find_affected(store.database, document(store, "c")), "a mistake")
    with pytest.raises(UserError, match=r"^1 of the 2 rows of training_sets/x 222222222 are"):
        export(store, "x", tmp_path)
    trained_on(store, "3", "b")
    export(store, "x", tmp_path)
    assert written(tmp_path) == ["Document b."]


def test_an_override_is_recorded_only_if_it_was_needed(store: Store, tmp_path: Path) -> None:
    withdraw(store.database, find_affected(store.database, document(store, "a")), "the author asked for it")
    for version, reason in (("1", " for the court "), ("2", "for the court")):
        export(store, "x", tmp_path / "out", version, override=reason)
    assert overrides(store) == [("1", "for the court"), ("2", None)]
    exports = find_affected(store.database, document(store, "a")).exports
    assert [(one.version, one.folder, one.rows, one.override) for one in exports] == [
        (named("1"), str(tmp_path / "out"), 1, "for the court")
    ]


@pytest.mark.parametrize("blank", ["", "  "])
def test_an_override_without_a_reason_is_refused(store: Store, tmp_path: Path, blank: str) -> None:
    with pytest.raises(
        UserError, match=r"^an override needs a reason, found none; the reason is recorded with the export$"
    ):
        export(store, "x", tmp_path / "out", "1", override=blank)
    assert overrides(store) == []


def test_rows_with_the_same_text_as_a_withdrawn_row_are_refused_too(store: Store, tmp_path: Path) -> None:
    gone = document(store, "a")
    again = publish(store, "documents", "4", documents(["DOCUMENT -- a"], parents=[("6" * 32, "source")]))
    publish(store, ASSET, "4", pairs(store, again), pairs=again)
    withdraw(store.database, find_affected(store.database, gone), "the author asked for it")
    with pytest.raises(UserError, match=r"^1 of the 1 rows of training_sets/x 444444444 are"):
        export(store, "x", tmp_path / "out", "4")


def test_rows_of_a_withdrawn_source_are_refused_also_under_another_name_of_its_file(
    store: Store, tmp_path: Path
) -> None:
    ids = {name: digest(["source", name]) for name in ("wiki", "copied", "other")}
    shas = {"wiki": "a" * 64, "copied": "a" * 64, "other": "b" * 64}
    described = [
        (ids[name], "source", name, f"path:{name}.jsonl", sha, "MIT", "human", "[]") for name, sha in shas.items()
    ]
    schema = dict.fromkeys(DESCRIPTION, pl.String)
    record_materials(store.database, pl.DataFrame(described, schema=schema, orient="row"))
    for version, name, letters in (("4", "wiki", "ab"), ("5", "copied", "abc"), ("6", "other", "o")):
        trained_on(store, version, letters, ids[name])
    affected = find_affected(store.database, "wiki")
    assert affected.thing.same == (ids["copied"],)
    withdraw(store.database, affected, "no licence")
    for version, count in (("4", 2), ("5", 3)):
        with pytest.raises(
            UserError, match=f"^{count} of the {count} rows of training_sets/x {version * 9} are, or were"
        ):
            export(store, "x", tmp_path, version)
    export(store, "x", tmp_path, "6")
    assert json.loads((tmp_path / "alpaca/x/train.jsonl").read_text().splitlines()[0])["output"] == "Document o."
