"""Exports are read by programs that know nothing of Slingshot: one that `datasets` cannot open, whose card the hub
cannot read, or whose licence and authors nobody can find, is no dataset."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import datasets
import polars as pl
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard

from tests.support.versions import documents, named, pairs, publish, rows
from warehouse.core.errors import UserError
from warehouse.core.identity import digest, file_digest
from warehouse.lineage.material import Material
from warehouse.release.attribution import attributions
from warehouse.release.export import export
from warehouse.release.layout import SHARED
from warehouse.release.licences import front_matter
from warehouse.release.provenance import exported
from warehouse.release.recall import find_affected, withdraw
from warehouse.results.result import Gate
from warehouse.schema.records import BenchmarkItem, Pair, Quality
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.materials import DESCRIPTION, record_materials
from warehouse.store.published import Published
from warehouse.store.versions import Store

SOURCE = (digest(["source", "wiki"]), "source")
BREAKS = "one\ntwo\r\nthree\x0bfour\x0cfive\x1csix\x85seven\u2028eight\u2029nine"
"""Everything that `str.splitlines` splits at."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """The training sets x, of the documents a, b and c, and y, of b; both were kept apart from two benchmark items."""
    store = Store(FileWarehouse(tmp_path / "warehouse.duckdb"))
    described = [(SOURCE[0], "source", "wiki", "path:/home/ada/wiki.jsonl", "a" * 64, "CC-BY-SA-4.0", "human", "[]")]
    record_materials(
        store.database, pl.DataFrame(described, schema=dict.fromkeys(DESCRIPTION, pl.String), orient="row")
    )
    gate = Gate(BenchmarkItem)
    for text in ("A lake.", ""):
        item = {"benchmark": "longform", "instruction": f"what is {text or 'nothing'}", "input": "", "details": ""}
        gate.keep(item | {"reference": text}, [SOURCE])
    items = publish(store, "benchmark_items", "9", gate.result())
    for arm, letters in (("x", "abc"), ("y", "b")):
        trained_on(store, arm, "1", letters, items)
    return store


def trained_on(store: Store, arm: str, version: str, letters: str, items: Published) -> Published:
    read = publish(store, f"documents/{arm}", version, documents([f"Text {one}." for one in letters], parents=[SOURCE]))
    return publish(store, f"training_sets/{arm}", version, pairs(store, read), pairs=read, benchmark_items=items)


def opened(folder: Path, config: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """The rows by split, as `datasets` reads them."""
    loaded = datasets.load_dataset(str(folder), config, cache_dir=str(folder.parent / "cache"))
    return {str(split): list(found) for split, found in loaded.items()}


def test_datasets_opens_the_folder_with_an_arm_as_a_config_and_items_apart(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(store, "x", out)
    found = opened(out)
    assert {split: [row["response"] for row in kept] for split, kept in found.items()} == {
        "train": ["Text a.", "Text b.", "Text c."],
        "test": ["A lake."],  # an item without a human reference has no response
    }
    types = {str(kind) for kind in pq.read_schema(out / "data/x/train.parquet").types}
    assert types == {"string", "list<element: string>"}
    export(store, "y", out)
    assert datasets.get_dataset_config_names(str(out)) == ["x", "y"]
    assert [row["response"] for row in opened(out, "y")["train"]] == ["Text b."]
    assert opened(out) == found, "the arm that was first in the folder is still the default"
    export(store, "x", out)
    assert opened(out) == found


def test_rows_that_no_student_is_trained_on_are_the_split_validation(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(store, "x", out, held_out=lambda responses: [one == "Text b." for one in responses])
    found = opened(out)
    assert [[row["response"] for row in found[split]] for split in ("train", "validation")] == [
        ["Text a.", "Text c."],
        ["Text b."],
    ]
    for form in ("messages", "alpaca", "sharegpt"):
        ids = [json.loads((out / f"{form}/x/{split}.jsonl").read_text().splitlines()[0])["id"]
               for split in ("train", "validation")]  # fmt: skip
        assert ids == [found[split][0]["id"] for split in ("train", "validation")]
    files, _ = exported(store.database, "x", out)
    assert files.row_ids == [row["id"] for split in ("train", "validation") for row in found[split]]
    assert files.held_out == [row["id"] for row in found["test"]]
    export(store, "x", out)
    assert [one for one in out.rglob("validation.*")] == []
    assert len(opened(out)["train"]) == 3


def test_a_row_has_the_sources_titles_and_licences_of_the_texts_behind_it(store: Store, tmp_path: Path) -> None:
    export(store, "x", tmp_path / "out")
    found = opened(tmp_path / "out")
    said = [{name: row[name] for name in ("sources", "titles", "licences")} for row in found["train"][:1]]
    assert said == [{"sources": ["wiki"], "titles": [""], "licences": ["CC-BY-SA-4.0"]}]
    assert found["test"][0]["titles"] == ["what is A lake."]
    with store.database.read() as connection:
        assert attributions(connection, ["e" * 32]).row(0) == ("e" * 32, [], [], [])


@pytest.mark.parametrize("split", ["\n", "splitlines"])
def test_every_reader_finds_one_row_on_each_line(tmp_path: Path, split: str) -> None:
    store = Store(FileWarehouse(tmp_path / "warehouse.duckdb"))
    gate = Gate(Pair)
    for number in range(2):
        texts = {"instruction": f"{number} {BREAKS}", "input": BREAKS, "response": BREAKS}
        gate.keep({"method": "m", "level": "", **texts}, [SOURCE])
    publish(store, "training_sets/x", "1", gate.result())
    export(store, "x", tmp_path / "out")
    read = {}
    for form in ("messages", "alpaca", "sharegpt"):
        text = (tmp_path / f"out/{form}/x/train.jsonl").read_bytes().decode()
        lines = text.splitlines() if split == "splitlines" else text.removesuffix("\n").split("\n")
        read[form] = [json.loads(line) for line in lines]
    prompt = f"1 {BREAKS}\n\n{BREAKS}"
    assert len(read["messages"]) == 2
    assert read["messages"][1]["messages"] == [
        {"role": "user", "content": prompt},
        {"role": "assistant", "content": BREAKS},
    ]
    assert read["sharegpt"][1]["conversations"] == [
        {"from": "human", "value": prompt},
        {"from": "gpt", "value": BREAKS},
    ]
    assert read["alpaca"][1] == {
        "id": read["messages"][1]["id"], "instruction": f"1 {BREAKS}", "input": BREAKS, "output": BREAKS,
    }  # fmt: skip


def test_the_hub_reads_the_card(store: Store, tmp_path: Path) -> None:
    gate = Gate(Quality)
    for measure, value in (("gain", 0.5), ("language: en", 97.0), ("language: fr", 3.0), ("unhelpful", 12.0)):
        gate.keep({"arm": "x", "measure": measure, "value": value, "unit": "%", "rows": 3}, [])
    trained = store.current("training_sets/x")
    assert trained is not None
    publish(store, "quality/x", "1", gate.result(), pairs=trained)
    export(store, "x", tmp_path / "words of ada")
    card = DatasetCard.load(tmp_path / "words of ada" / "README.md")
    assert card.data.to_dict() == {
        "pretty_name": "words of ada",
        "license": "cc-by-sa-4.0",
        "language": ["en"],
        "task_categories": ["text-generation"],
        "size_categories": ["n<1K"],
        "tags": ["instruction-tuning", "synthetic", "slingshot"],
        "configs": [
            {
                "config_name": "x",
                "default": True,
                "data_files": [
                    {"split": "train", "path": "data/x/train.parquet"},
                    {"split": "test", "path": "data/x/test.parquet"},
                ],
            }
        ],
    }
    for said in (
        "| source | wiki | CC-BY-SA-4.0 | human | a local file, wiki.jsonl |  |",
        "| documents/x | 3 | 3 |  |",
        "| gain (%) | 0.50 |",
        "- x: 12 % of the instructions do not help to predict their response.",
        ' "response": "Text a.",',
    ):
        assert said in card.text
    assert "/home/ada" not in card.content + (tmp_path / "words of ada" / "LICENSE").read_text()
    assert "wiki: CC-BY-SA-4.0" in (tmp_path / "words of ada" / "LICENSE").read_text()


def test_texts_cannot_change_what_the_card_says(tmp_path: Path) -> None:
    store = Store(FileWarehouse(tmp_path / "warehouse.duckdb"))
    gate = Gate(Pair)
    hostile = "```\n<script>alert(1)</script>\n---\n| a | b |\n# Licence: MIT"
    gate.keep({"method": "m", "level": "", "instruction": hostile, "input": "", "response": hostile}, [SOURCE])
    gate.reject({"method": "m", "level": "", "instruction": "x", "input": "", "response": "y"}, "<b>|`*", [SOURCE])
    publish(store, "training_sets/x", "1", gate.result())
    export(store, "x", tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    assert "rejected: &lt;b&gt;\\|\\`\\*" in text
    fences = [line for line in text.splitlines() if line.startswith("```")]
    assert fences == ["```python", "```", "```json", "```"]
    assert "\n# Licence" not in text


@pytest.mark.parametrize(
    ("licences", "front"),
    [
        (["CC-BY-SA-4.0"], {"license": "cc-by-sa-4.0"}),
        (["MIT AND CC-BY-4.0", "MIT"], {"license": ["mit", "cc-by-4.0"]}),
        (["ODC-By-1.0"], {"license": "odc-by"}),
        (["PSF-2.0", "MIT"], {"license": "other", "license_name": "psf-2.0-and-mit", "license_link": "LICENSE"}),
        ([], {"license": "apache-2.0"}),
    ],
)
def test_the_front_matter_has_the_licences_of_the_texts(licences: list[str], front: dict[str, Any]) -> None:
    model = Material("model", "writer", "Apache-2.0")
    sources = [Material("source", f"s{number}", licence) for number, licence in enumerate(licences)]
    assert front_matter([model, *sources]) == front
    assert front_matter([]) == {"license": "unknown"}


def test_a_folder_with_files_of_somebody_else_is_refused(store: Store, tmp_path: Path) -> None:
    for name in SHARED:
        folder = tmp_path / name.lower()
        folder.mkdir()
        (folder / name).write_text("mine")
        with pytest.raises(UserError) as refused:
            export(store, "x", folder)
        assert str(refused.value) == (
            f"{folder / name} was not written by an export and would be replaced; choose another folder with --to"
        )
        assert [one.name for one in folder.iterdir()] == [name]


def test_a_folder_of_another_warehouse_is_refused(store: Store, tmp_path: Path) -> None:
    other = Store(FileWarehouse(tmp_path / "other.duckdb"))
    publish(other, "training_sets/z", "1", pairs(other, publish(other, "documents", "1", documents("a"))))
    export(other, "z", tmp_path / "out")
    with pytest.raises(UserError) as refused:
        export(store, "x", tmp_path / "out")
    assert str(refused.value) == (
        f"{tmp_path / 'out'} has training sets that were not exported from this warehouse to there: z; choose another "
        "folder with --to"
    )


def test_another_arm_in_the_folder_must_be_as_it_was_exported(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(store, "x", out)
    (out / "alpaca/x/train.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match=f"^{re.escape(str(out / 'alpaca/x/train.jsonl'))} is not what was exported"):
        export(store, "y", out)
    (out / "data/x/train.parquet").unlink()
    export(store, "y", out)
    assert datasets.get_dataset_config_names(str(out)) == ["y"]


def test_another_arm_in_the_folder_must_have_nothing_withdrawn(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(store, "x", out)
    (gone,) = rows(store, "SELECT id FROM records.document WHERE text = 'Text a.'")[0]
    withdraw(store.database, find_affected(store.database, gone), "the author asked")
    with pytest.raises(UserError, match=r"^1 of the 4 rows of training_sets/x 111111111 are, or were made from, what"):
        export(store, "y", out)
    assert not (out / "data/y").exists()
    export(store, "x", out, override="for the court")
    export(store, "y", out)
    assert (
        "- x: it holds what was withdrawn, and was written all the same: for the court"
        in (out / "README.md").read_text()
    )


def test_a_withdrawn_benchmark_item_is_refused_and_found_by_a_recall(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(store, "x", out)
    (item,) = rows(store, "SELECT id FROM records.benchmark_item WHERE reference = 'A lake.'")[0]
    affected = find_affected(store.database, item)
    assert [(one.asset, one.version, one.folder) for one in affected.exports] == [
        ("benchmark_items", named("9"), str(out))
    ]
    withdraw(store.database, affected, "the author asked")
    with pytest.raises(UserError, match=r"^1 of the 4 rows of training_sets/x 111111111 are, or were made from, what"):
        export(store, "x", tmp_path / "later")


def test_croissant_describes_every_parquet_file(store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import mlcroissant

    out = tmp_path / "out"
    export(store, "x", out)
    export(store, "y", out)
    described = mlcroissant.Dataset(jsonld=str(out / "croissant.json"))
    assert described.metadata.ctx.issues.errors == set()
    assert "is not standard" not in caplog.text  # its @context
    assert {one.uuid: one.sha256 for one in described.metadata.distribution} == {
        str(file.relative_to(out)): file_digest(file) for file in sorted(out.rglob("*.parquet"))
    }
    assert [one.uuid for one in described.metadata.record_sets] == ["x/train", "x/test", "y/train", "y/test"]
    (row,) = described.records("y/train")
    assert row["y/train/response"] == b"Text b."
    assert list(row["y/train/licences"]) == [b"CC-BY-SA-4.0"]
