"""Helpers of the tests of reading: write a source file, and read rows, bad rows or the error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assets.recipe.materials import ReadingPart
from assets.sources.reading.read import read_rows
from warehouse.core.errors import UserError


def written(folder: Path, name: str, content: str | bytes) -> Path:
    """The path of a new file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def contents(path: Path, columns: list[str] | None = None, **settings: Any) -> list[dict[str, object]]:
    """The rows of a source in which none is bad."""
    read = read_rows(path, ReadingPart(**settings), columns)
    assert read.bad == []
    return [row.content for row in read.rows]


def outcome(path: Path, **settings: Any) -> tuple[list[dict[str, object]], list[str]]:
    """(the rows, place and reason of each bad row)."""
    read = read_rows(path, ReadingPart(**settings))
    return [row.content for row in read.rows], [f"{bad.place}: {bad.found}" for bad in read.bad]


def refusal(path: Path, **settings: Any) -> str:
    """The error that reading raises, without the path at its start."""
    with pytest.raises(UserError) as caught:
        read_rows(path, ReadingPart(**settings))
    assert str(caught.value).startswith(str(path))
    return str(caught.value).removeprefix(str(path))
