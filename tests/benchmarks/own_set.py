"""What it costs to clean a set of pairs that people have already: `python -m tests.benchmarks.own_set`.

It is a whole build: read, check the language and look for personal data, drop near duplicates, decontaminate, publish.
With `--peers`, the Python of an environment with datatrove and semhash, the steps that they share with a build are also
run by these libraries on the same rows: near duplicates of texts by MinHash, and of vectors by cosine. Memory is what
the operating system says that a process had at most.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import yaml
from rich.console import Console
from rich.table import Table

from assets.curation.near import near_of
from assets.curation.rules.minhash import near_duplicates
from assets.curation.rules.neighbours import by_neighbours
from resources.models.near_pairs import near_pairs
from tests.benchmarks.processes import cost_of
from tests.support.tiny import ROOT, WORDS, save_tiny_embedder, save_tiny_model, tiny_recipe, write_rows
from warehouse.core.identity import file_digest

PEER = Path(__file__).with_name("peers.py")
PART = 50_000
"""Rows that are compared with the other libraries."""

COPIED = 0.1
"""The share of the rows that are near copies of another."""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="pairs in the set")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder is made in it")
    parser.add_argument("--peers", type=Path, help="the Python of an environment with datatrove and semhash")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        for table in measured(Path(scratch), given.rows, given.peers):
            Console(width=120).print(table, "")


def measured(folder: Path, rows: int, peers: Path | None = None) -> list[Table]:
    """The table of a build, and with `peers` that of the steps that are shared with other libraries."""
    table = Table("what", "seconds", "rows/s", "memory (MiB)", "warehouse (MiB)", box=None)
    recipe = write_recipe(folder, write_pairs(folder / "set.jsonl", rows), rows)
    words = ["-m", "slingshot", "build", "+training_sets/mine", "--recipe", str(recipe)]
    cost = cost_of([*words, "--warehouse", str(folder / "data")])
    stored = (folder / "data" / "slingshot.duckdb").stat().st_size / 2**20
    cells = (f"{cost.seconds:,.1f}", f"{rows / cost.seconds:,.0f}", f"{cost.memory:,.0f}", f"{stored:,.0f}")
    table.add_row(f"{rows:,} pairs to a training set", *cells)
    return [table, shared_steps(folder, min(rows, PART), peers)] if peers else [table]


def write_pairs(path: Path, rows: int) -> Path:
    """A JSON Lines file of English pairs of some 70 words; a tenth are near copies, a few have an e-mail address."""
    draw = random.Random(0)
    # Letters alone, since datatrove takes all numbers for one.
    stock = [*WORDS, *(first + second for first in WORDS for second in WORDS)]
    known: list[tuple[str, str]] = []
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            if known and draw.random() < COPIED:
                asked, response = draw.choice(known)
                response += " Indeed."
            else:
                asked = f"What can you tell me about {' '.join(draw.choices(stock, k=8))}?"
                response = f"The answer to this is {' '.join(draw.choices(stock, k=60))}."
            if number % 1000 == 1:
                response += " Write to ann.lee@proton.me about it."
            known[number % 1000 : number % 1000 + 1] = [(asked, response)]
            file.write(json.dumps({"instruction": asked, "output": response}) + "\n")
    return path


def write_recipe(folder: Path, source: Path, rows: int) -> Path:
    """The recipe of one arm with all rules for a set that needs no model."""
    model, embedder = save_tiny_model(folder / "model"), save_tiny_embedder(folder / "embedder")
    values = tiny_recipe(model, embedder, write_rows(folder / "rows.jsonl", 120, seed=1))
    values["sources"]["set"] = values["sources"]["rows"] | {"address": f"path:{source}", "sha256": file_digest(source)}
    fields = {"instruction": "{instruction}", "response": "{output}"}
    values["seed_tasks"] = [{"source": "set", "slice": [0, 100], "count": rows * 95 // 100, "fields": fields}]
    values["generation"] = {"model": "generator", "seeds": {"count": rows * 95 // 100}}
    rules = {"instruction_words": [3, 60], "response_words": [5, 400], "languages": ["en"], "personal_data": ["email"]}
    values["enhancement"] = {"heuristics": rules}
    values["curation"] = {"diversity": {"rule": "minhash"}, "decontamination": {"share": 0.6}, "rows": rows // 2}
    values["arms"] = {"mine": {"methods": ["seeds"], "filters": ["heuristics", "diversity"]}}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def shared_steps(folder: Path, rows: int, peers: Path) -> Table:
    """Seconds of two steps on the first `rows` rows, and of other libraries for the same."""
    table = Table("step", "rows", "ours (s)", "kept", "peer (s)", "kept by it", "peer", box=None)
    frame = pl.read_ndjson(folder / "set.jsonl", n_rows=rows)
    texts = [f"{instruction}\n\n{output}" for instruction, output in frame.iter_rows()]
    (folder / "texts.json").write_text(json.dumps(texts))
    began = time.monotonic()
    left = sum(one.kept for one in near_duplicates(texts, range(rows), 0.8, 5))
    ours = time.monotonic() - began
    table.add_row(*_row("near duplicates by MinHash", rows, ours, left, _peer(peers, "datatrove", folder), "datatrove"))
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((rows // 2, 384)).astype(np.float32)[draw.integers(0, rows // 2, rows)]
    vectors += draw.uniform(0.1, 0.6, (rows, 1)).astype(np.float32) * draw.standard_normal(vectors.shape).astype(
        np.float32
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.save(folder / "vectors.npy", vectors)
    began = time.monotonic()
    found = near_pairs(vectors, 0.9)
    near = near_of(found.later, found.earlier, found.cosine, rows)
    left = sum(one.kept for one in by_neighbours(near, range(rows), 0.9))
    ours = time.monotonic() - began
    table.add_row(*_row("near copies of vectors", rows, ours, left, _peer(peers, "semhash", folder), "semhash"))
    return table


def _row(step: str, rows: int, ours: float, left: int, peer: tuple[float, int], name: str) -> list[str]:
    return [step, f"{rows:,}", f"{ours:.1f}", f"{left:,}", f"{peer[0]:.1f}", f"{peer[1]:,}", name]


def _peer(peers: Path, name: str, folder: Path) -> tuple[float, int]:
    done = subprocess.run([peers, PEER, name, folder], cwd=ROOT, check=True, capture_output=True, text=True)
    seconds, left = done.stdout.split()[-2:]
    return float(seconds), int(left)


if __name__ == "__main__":
    main()
