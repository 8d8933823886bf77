"""The rows of a training set in the forms that trainers read, as JSON lines.

Readers split JSON lines in two ways: at "\\n" alone, or at everything that Python's `str.splitlines` splits at. So the
characters that only the second kind takes for the end of a line are written as escapes; the values stay the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

Row = Mapping[str, Any]

_ESCAPES = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"}
"""JSON itself escapes the others that `str.splitlines` splits at: they are control characters below U+0020."""


def messages(row: Row) -> dict[str, Any]:
    """The chat format: one user turn (with the input, if there is one) and one assistant turn."""
    return {
        "id": row["id"],
        "messages": [
            {"role": "user", "content": _prompt(row)},
            {"role": "assistant", "content": row["response"]},
        ],
    }


def alpaca(row: Row) -> dict[str, Any]:
    """The format of Stanford Alpaca (https://github.com/tatsu-lab/stanford_alpaca): instruction, input, output."""
    return {
        "id": row["id"],
        "instruction": row["instruction"],
        "input": row["input"],
        "output": row["response"],
    }


def sharegpt(row: Row) -> dict[str, Any]:
    """The format of ShareGPT, as trainers read it: turns with `from` (human or gpt) and `value`."""
    return {
        "id": row["id"],
        "conversations": [
            {"from": "human", "value": _prompt(row)},
            {"from": "gpt", "value": row["response"]},
        ],
    }


FORMS: dict[str, Callable[[Row], dict[str, Any]]] = {"messages": messages, "alpaca": alpaca, "sharegpt": sharegpt}
"""How a row is written, by the name of the form, which is also that of its folder."""


def write_lines(file: Path, rows: pl.DataFrame, to_json: Callable[[Row], dict[str, Any]]) -> None:
    """Write one line of JSON for each row, in UTF-8. Raises OSError."""
    with file.open("w", encoding="utf-8", newline="\n") as opened:
        for row in rows.iter_rows(named=True):
            opened.write(json.dumps(to_json(row), ensure_ascii=False).translate(_ESCAPES) + "\n")


def _prompt(row: Row) -> str:
    return f"{row['instruction']}\n\n{row['input']}" if row["input"] else row["instruction"]
