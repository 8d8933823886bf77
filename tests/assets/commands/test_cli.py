"""Tests the command as users type it: its output, its exports, and its errors, each in one line without a traceback."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from slingshot import app
from tests.support.building import build, edit, query, store
from tests.support.tiny import ROOT
from tests.support.versions import checkpoint, documents, named, publish, stored


def slingshot(*arguments: str, recipe: Path, data: Path) -> subprocess.CompletedProcess[str]:
    """Runs the command in a new process."""
    environment = os.environ | {"SLINGSHOT_RECIPE": str(recipe), "SLINGSHOT_WAREHOUSE": str(data)}
    return subprocess.run(
        [sys.executable, str(ROOT / "slingshot.py"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def built(tiny: Path, tmp_path: Path) -> tuple[Path, Path]:
    _, failures = build(tiny, tmp_path / "data", "+training_sets/self_training")
    assert failures == []
    return tiny, tmp_path / "data"


def test_check_counts_the_assets_and_names_the_arms(tiny: Path, tmp_path: Path) -> None:
    done = slingshot("check", recipe=tiny, data=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"{tiny} is good: 44 assets, arms self_training, self_instruct, instruction_generation, "
        "filtered_extract_then_generate\n"
        "generator writes with transformers, float32 on cpu\n"
    )


@pytest.mark.parametrize("command", ["check", "build", "status", "up"])
def test_a_wrong_recipe_is_one_clear_error(command: str, tiny: Path, tmp_path: Path) -> None:
    edit(tiny, lambda recipe: recipe["curation"].update(rwos=3))
    line = tiny.read_text(encoding="utf-8").splitlines().index("  rwos: 3") + 1
    done = slingshot(command, recipe=tiny, data=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"slingshot: {tiny}: 1 problem\n"
        "  curation.rwos: found 3; there is no such key; did you mean 'rows'? "
        f"(known: control_tokens, decontamination, diversity, response_tokens, rows) (line {line}, column 3)\n"
    )


def test_a_wrong_hash_fails_the_asset_in_one_line_and_leaves_nothing(tiny: Path, tmp_path: Path) -> None:
    edit(tiny, lambda recipe: recipe["sources"]["rows"].update(sha256="0" * 64))
    done = slingshot("build", "benchmark_items", recipe=tiny, data=tmp_path / "data")
    assert done.returncode == 1
    assert done.stderr.startswith("slingshot: benchmark_items failed: ")
    assert "   failed  benchmark_items" in done.stdout.splitlines()
    assert done.stderr.count("\n") == 1
    assert "0" * 64 in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_file_that_is_no_model_fails_the_asset_in_one_line(tiny: Path, tmp_path: Path) -> None:
    edit(tiny, lambda recipe: recipe["models"].update(generator=recipe["sources"]["rows"]))
    done = slingshot("build", "+predictions/longform/base", recipe=tiny, data=tmp_path / "data")
    assert (done.returncode, done.stderr) == (
        1,
        "slingshot: predictions/longform/base failed: a model must be a folder or a .gguf file; "
        "found the file 'rows.jsonl'\n",
    )


def test_the_error_for_a_misspelt_asset_suggests_the_nearest_name(tiny: Path, tmp_path: Path) -> None:
    done = slingshot("build", "leaderbord", recipe=tiny, data=tmp_path / "data")
    assert done.returncode == 1
    assert done.stderr.startswith("slingshot: no asset is named 'leaderbord'; did you mean 'leaderboard'? (known: ")
    assert done.stderr.count("\n") == 1


def test_an_asset_without_its_inputs_says_what_to_build_first(tiny: Path, tmp_path: Path) -> None:
    done = slingshot("build", "seed_tasks", recipe=tiny, data=tmp_path / "data")
    assert done.returncode == 1
    assert "benchmark_items has not been built yet; build it first: slingshot build '+benchmark_items'" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_shows_version_rows_and_cost_of_each_asset(built: tuple[Path, Path]) -> None:
    recipe, data = built
    done = slingshot("status", "--json", recipe=recipe, data=data)
    assert done.returncode == 0
    by_asset = {one["asset"]: one for one in json.loads(done.stdout)}
    assert len(by_asset) == 44
    assert by_asset["seed_tasks"]["rows"]["kept"] == 12
    assert sum(by_asset["seed_tasks"]["rows"].values()) == 120
    assert by_asset["raw_self_training"]["computed"] == 12
    assert by_asset["raw_self_training"]["from_memo"] == 0
    assert by_asset["leaderboard"] == {
        "asset": "leaderboard",
        "version": None,
        "rows": {},
        "reasons": {},
        "action": None,
        "computed": None,
        "from_memo": None,
        "tokens": None,
        "seconds": None,
        "state": "waiting",
    }
    build(recipe, data, "raw_self_training")
    again = json.loads(slingshot("status", "--json", recipe=recipe, data=data).stdout)
    assert again == list(by_asset.values())
    table = slingshot("status", recipe=recipe, data=data).stdout
    assert table.startswith("6 of 44 assets built in ")
    assert "– not built" in table
    assert table.endswith("\nnext: slingshot plan\n")


OWN = [
    "data/self_training/train.parquet",
    "messages/self_training/train.jsonl",
    "alpaca/self_training/train.jsonl",
    "sharegpt/self_training/train.jsonl",
    "data/self_training/test.parquet",
    "recipes/self_training.yaml",
]
"""The files of an arm; those about all arms follow."""


def test_export_writes_the_same_rows_in_every_form(built: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, data = built
    folder = tmp_path / "out"
    done = slingshot("export", "self_training", "--to", str(folder), recipe=recipe, data=data)
    names = [*OWN, "LICENSE", "croissant.json", "README.md"]
    assert done.stdout.split() == [str(folder / name) for name in names]
    rows = pl.read_parquet(folder / OWN[0]).to_dicts()
    assert len(rows) == 2
    assert len(pl.read_parquet(folder / OWN[4])) == 2
    assert [len(row["sources"]) for row in rows] == [1, 1]  # the seed task whose instruction it has
    chats, alpacas = (
        [json.loads(line) for line in (folder / f"{form}/self_training/train.jsonl").read_text().splitlines()]
        for form in ("messages", "alpaca")
    )
    assert alpacas == [
        {"id": r["id"], "instruction": r["instruction"], "input": r["input"], "output": r["response"]} for r in rows
    ]
    assert chats == [
        {
            "id": row["id"],
            "messages": [
                {"role": "user", "content": row["instruction"]},
                {"role": "assistant", "content": row["response"]},
            ],
        }
        for row in rows
    ]
    there = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    assert sorted(there) == sorted(names)


def test_an_export_is_recorded_with_the_digests_of_its_files(built: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, data = built
    folder = tmp_path / "out"
    for _ in range(2):
        slingshot("export", "self_training", "--to", str(folder), recipe=recipe, data=data)
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in OWN}
    current = query(data, "SELECT asset, version FROM lineage.current WHERE asset = 'training_sets/self_training'").row(
        0
    )
    exports = query(data, f"FROM lineage.exports WHERE folder = '{folder}' ORDER BY exported_at").rows()
    items, exports = exports[::2], exports[1::2]
    assert [(row[0], json.loads(row[3])) for row in items] == 2 * [("benchmark_items", {OWN[4]: digests[OWN[4]]})]
    assert [(*row[:3], json.loads(row[3])) for row in exports] == 2 * [(*current, str(folder), digests)]
    assert [row[4] for row in exports] == [None, None]
    assert exports[0][5] < exports[1][5]


def test_export_of_an_unknown_or_unbuilt_arm_is_one_clear_error(built: tuple[Path, Path]) -> None:
    recipe, data = built
    unknown = slingshot("export", "self_trainng", recipe=recipe, data=data)
    assert unknown.stderr == (
        "slingshot: the recipe has no arm 'self_trainng'; did you mean 'self_training'? (known: "
        "filtered_extract_then_generate, instruction_generation, self_instruct, self_training)\n"
    )
    unbuilt = slingshot("export", "self_instruct", recipe=recipe, data=data)
    assert unbuilt.stderr == (
        "slingshot: the arm 'self_instruct' has no training set yet; build it first: slingshot build\n"
    )
    assert (unknown.returncode, unbuilt.returncode) == (1, 1)


def test_help_needs_no_model_library() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; import slingshot\n"
        "result = CliRunner().invoke(slingshot.app, ['--help']); assert result.exit_code == 0, result.output\n"
        "print([name for name in ('torch', 'transformers', 'dagster') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


@pytest.fixture
def aged(tmp_path: Path) -> Path:
    """A warehouse with four versions of two assets; the oldest has a checkpoint that no other version uses."""
    data = tmp_path / "data"
    for version in "1234":
        publish(store(data), "documents", version, documents(version))
    for version in "1234":
        publish(store(data), "students/x", version, checkpoint(version * 32))
    folder = data / "checkpoints" / ("1" * 32)
    folder.mkdir(parents=True)
    (folder / "adapter").write_bytes(bytes(3 * 2**19))
    return data


def oldest(data: Path) -> set[tuple[str, str]]:
    return {place for place in stored(store(data)) if place[1] == "1"}


def gc(*options: str, data: Path) -> str:
    done = CliRunner().invoke(app, ["gc", *options], env={"SLINGSHOT_WAREHOUSE": str(data)})
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


def test_gc_shows_what_it_would_free_and_frees_it_with_yes(aged: Path) -> None:
    shown = gc(data=aged).splitlines()
    assert shown.pop() == "nothing was freed; add --yes to free it"
    lines = [line.split() for line in shown if line.strip()]
    made = [lines[row][2:] for row in (1, 2)]
    assert lines == [
        ["asset", "versions", "to", "free,", "by", "the", "time", "(UTC)", "they", "were", "made"],
        ["documents", named("1")[:9], *made[0]],
        ["students/x", named("1")[:9], *made[1]],
        ["table", "rows", "to", "free"],
        ["lineage.versions", "2"],
        ["lineage.decisions", "2"],
        ["lineage.records", "2"],
        ["lineage.edges", "2"],
        ["records.document", "1"],
        ["records.checkpoint", "1"],
        ["checkpoint", "MiB", "to", "free"],
        ["1" * 32, "1.5"],
    ]
    assert gc("--dry-run", "--yes", data=aged).splitlines() == shown
    assert oldest(aged) == {("documents", "1"), ("students/x", "1")}
    freed = gc("--yes", data=aged).splitlines()
    assert freed[:-2] == shown
    assert freed[-2].startswith("freed; the tables took ")
    assert freed[-1].startswith("in use: ")
    assert freed[-1].endswith(" MiB database")
    assert oldest(aged) == set()
    assert not (aged / "checkpoints" / ("1" * 32)).exists()
    assert gc(data=aged) == "nothing to free\n"
    assert "lineage.versions 4" in " ".join(gc("--keep", "1", "--dry-run", data=aged).split())


def test_gc_as_json_has_what_it_would_free(aged: Path) -> None:
    done = CliRunner().invoke(app, ["gc", "--dry-run", "--json"], env={"SLINGSHOT_WAREHOUSE": str(aged)})
    found = json.loads(done.stdout)
    assert [(one["asset"], one["version"]) for one in found["versions"]] == [
        ("documents", named("1")),
        ("students/x", named("1")),
    ]
    assert found["rows"]["records.document"] == 1
    assert [one["bytes"] for one in found["folders"]] == [3 * 2**19]


@pytest.mark.parametrize(
    ("answer", "left", "last_lines"),
    [("n", 2, ["nothing was freed"]), ("y", 0, ["freed; the tables took ", "in use: "])],
)
def test_gc_asks_on_a_terminal(aged: Path, answer: str, left: int, last_lines: list[str]) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        [sys.executable, str(ROOT / "slingshot.py"), "gc", "--warehouse", str(aged)],
        stdin=theirs,
        capture_output=True,
        text=True,
        check=True,
    )
    os.close(ours)
    os.close(theirs)
    assert "Free this? [y/N]: " in done.stdout
    ends = done.stdout.splitlines()[-len(last_lines) :]
    assert all(said in line for said, line in zip(last_lines, ends, strict=True)), done.stdout
    assert len(oldest(aged)) == left


def test_gc_keeps_at_least_one_version(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["gc", "--keep", "0"], env={"SLINGSHOT_WAREHOUSE": str(tmp_path)})
    assert done.exit_code == 2
    assert "greater than or equal to 1" in done.stderr


def test_gc_does_not_create_a_missing_warehouse(tmp_path: Path) -> None:
    assert gc("--calls", data=tmp_path / "data") == "nothing to free\n"
    assert not (tmp_path / "data").exists()
