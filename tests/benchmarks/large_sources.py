"""What it costs to draw a few documents from a large source: `python -m tests.benchmarks.large_sources`.

Each build is a process of its own, whose memory is what the operating system says that it had at most. The floor is a
process that only reads the file and decodes each line.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from tests.benchmarks.processes import cost_of
from tests.support.tiny import WORDS, save_tiny_embedder, save_tiny_model, tiny_recipe, write_rows
from warehouse.core.identity import file_digest

FLOOR = "import json, sys; print(sum(len(json.loads(line)) for line in open(sys.argv[1], encoding='utf-8')))"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="documents in the source")
    parser.add_argument("--characters", type=int, default=5_000, help="characters of a document")
    parser.add_argument("--drawn", type=int, default=1_000, help="documents that are drawn first")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder is made in it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        Console().print(measured(Path(scratch), given.rows, given.characters, given.drawn))


def measured(folder: Path, rows: int, characters: int, drawn: int) -> Table:
    """The table of a source with so many `rows`, of which first `drawn` and then a tenth more are drawn."""
    source = write_documents(folder / "documents.jsonl", rows, characters)
    model, embedder = save_tiny_model(folder / "model"), save_tiny_embedder(folder / "embedder")
    values = tiny_recipe(model, embedder, write_rows(folder / "rows.jsonl", 120, seed=1))
    values["sources"]["documents"] = values["sources"]["rows"] | {
        "address": f"path:{source}",
        "sha256": file_digest(source),
    }
    table = Table("what", "seconds", "memory (MiB)", "warehouse (MiB)", box=None)
    size = source.stat().st_size / 2**20

    def build(what: str, count: int) -> None:
        values["documents"] = [{"source": "documents", "slice": [0, 100], "count": count, "fields": {"text": "{text}"}}]
        recipe = folder / "recipe.yaml"
        recipe.write_text(yaml.safe_dump(values, sort_keys=False))
        words = ["-m", "slingshot", "build", "+documents", "--recipe", str(recipe), "--warehouse", str(folder / "data")]
        cost = cost_of(words)
        stored = (folder / "data" / "slingshot.duckdb").stat().st_size / 2**20
        table.add_row(what, f"{cost.seconds:.1f}", f"{cost.memory:,.0f}", f"{stored:,.1f}")

    build(f"{drawn:,} of {rows:,} documents ({size:,.0f} MiB)", drawn)
    build(f"{drawn // 10:,} more", drawn + drawn // 10)
    floor = cost_of(["-c", FLOOR, str(source)])
    table.add_row("floor: each line decoded once", f"{floor.seconds:.1f}", f"{floor.memory:,.0f}", "")
    return table


def write_documents(path: Path, rows: int, characters: int) -> Path:
    """A JSON Lines file of texts that differ."""
    draw = random.Random(0)
    stock = " ".join(draw.choices(WORDS, k=400_000))
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            start = draw.randrange(len(stock) - 2 * characters)
            length = draw.randint(characters // 2, 3 * characters // 2)
            text = f"Document {number}. {stock[start : start + length]}"
            file.write(f'{{"id": {number}, "title": "Document {number}", "text": "{text}"}}\n')
    return path


if __name__ == "__main__":
    main()
