"""Damaged source files of every format: each is read, or refused with one clear error, and no row is lost.

python -m tests.fuzzing.sources --cases 10000 --seed 1
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import signal
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl

from assets.recipe.types import SeedSelection
from assets.sources.reading.read import read_rows
from assets.sources.seed_tasks import ROLE
from assets.sources.seeding import select
from tests.fuzzing.mutations import damaged, main
from warehouse.core.errors import UserError

SECONDS_PER_CASE = 20
LONGEST_MESSAGE = 20_000
ROWS = [
    {"question": f"What is thing {number}?", "answer": f"Thing {number} is a thing of {number} parts.", "score": score}
    for number, score in enumerate([0.5, None, 3.0, -1.0, 2.5, 1e-300, 7.0, 8.0])
]
SELECTION = SeedSelection(source="mine", count=1, fields={"instruction": "{question}", "response": "{answer}"})


@cache
def files() -> dict[str, bytes]:
    """An undamaged file per format, by suffix."""
    frame = pl.DataFrame(ROWS)
    parquet, arrow = io.BytesIO(), io.BytesIO()
    frame.write_parquet(parquet)
    frame.write_ipc(arrow)
    lines = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    columns = {name: {str(at): row[name] for at, row in enumerate(ROWS)} for name in ROWS[0]}
    compress: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}
    return {
        "jsonl": lines,
        "json": json.dumps(ROWS, indent=1).encode(),
        "columns.json": json.dumps(columns).encode(),
        "lines.json": lines,
        "csv": frame.write_csv().encode(),
        "semicolon.csv": frame.write_csv(separator=";").encode(),
        "tsv": frame.write_csv(separator="\t").encode(),
        "parquet": parquet.getvalue(),
        "arrow": arrow.getvalue(),
        "txt": lines,
        **{f"jsonl.{suffix}": make(lines) for suffix, make in compress.items()},
    }


def one_case(draw: random.Random) -> str:
    """Damages a file, reads it, and selects seed tasks of it; returns "selected", "too few" or "refused"."""
    suffix = draw.choice(sorted(files()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows.{suffix}"
        path.write_bytes(damaged(files()[suffix], draw))
        signal.alarm(SECONDS_PER_CASE)
        try:
            read = read_rows(path)
            for row in read.rows:
                json.dumps(row.content, allow_nan=False, ensure_ascii=False).encode()
            gate = select(ROLE, [SELECTION], lambda name: ("0" * 32, path), 1)
        except UserError as error:
            assert 0 < len(str(error)) < LONGEST_MESSAGE, str(error)[:500]
            return f"{suffix} refused"
        finally:
            signal.alarm(0)
        result = gate.result()
        assert len(result.decisions) == result.incoming == len(read.rows) + len(read.bad)
        return f"{suffix} selected"


if __name__ == "__main__":
    main("sources", __doc__, one_case)
