"""What all commands share: their common options, one-line errors, the console and JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

RecipeOption = Annotated[Path | None, typer.Option("--recipe", help="The recipe file; the starter if not given.")]
WarehouseOption = Annotated[
    Path | None, typer.Option("--warehouse", help="The folder of the warehouse; warehouse/data if not given.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def clear_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Prints an error that the user can fix in one line, without a traceback, and exits with 1."""

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> None:
        from warehouse.core.errors import UserError

        try:
            command(*args, **kwargs)
        except UserError as error:
            typer.echo(f"slingshot: {error}", err=True)
            raise typer.Exit(1) from None

    return guarded


def console() -> Console:
    """The terminal. Lines are 160 characters wide in a pipe, which has no width."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160)


def print_json(value: Any) -> None:
    """Prints a dataclass, or a list or tuple of them, as JSON."""
    typer.echo(json.dumps(_jsonable(value), indent=2, ensure_ascii=False, default=str))


def _jsonable(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return [_jsonable(one) for one in value] if isinstance(value, list | tuple) else value
