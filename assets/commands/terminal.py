"""What all commands share: their common options, one-line errors, the console and JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from dataclasses import asdict, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assets.commands.interrupts import STOPPED, OutputClosed
from resources.tools.locations import not_obvious
from warehouse.core.plain_errors import plain
from warehouse.core.visible import visible, visible_json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

RecipeOption = Annotated[
    Path | None, typer.Option("--recipe", help="The recipe file; that of the project, else the starter.")
]
WarehouseOption = Annotated[
    Path | None,
    typer.Option("--warehouse", help="The folder of the warehouse; that of the project, else the starter's."),
]
EnvironmentOption = Annotated[
    str | None,
    typer.Option("--env", help="An environment: current versions of its own, over the same rows and model calls."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

WIDTH_OF_A_PIPE = 100
"""Our choice: every table fits 80 characters, and has all of its columns in 100."""

CHANGES = 2
"""The exit status where something differs: of a review, and of a plan with `--detailed-exitcode`."""

OUTPUT_CLOSED = 141
"""The exit status where the reader of the output has left: 128 and the number of SIGPIPE, as shells have it."""


def clear_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Ends a command as users expect: with one line for what they can fix, for Ctrl-C, and with none for `| head`.

    An error that they can fix exits with 1, Ctrl-C and SIGTERM with 130, a closed output with 141. Any other error
    keeps its traceback.
    """

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            if note := not_obvious(*(name in kwargs and kwargs[name] is None for name in ("recipe", "warehouse"))):
                say(f"slingshot: {note}", error=True)
            command(*args, **kwargs)
            sys.stdout.flush()
        except (BrokenPipeError, OutputClosed):
            _discard_output()
            raise typer.Exit(OUTPUT_CLOSED) from None
        except (KeyboardInterrupt, typer.Abort) as stopped:
            say(f"slingshot: {str(stopped) or 'stopped; what is in the warehouse stays as it is'}", error=True)
            raise typer.Exit(STOPPED) from None
        except Exception as error:
            if (message := plain(error)) is None:
                raise
            say(f"slingshot: {message}", error=True)
            raise typer.Exit(1) from None

    return guarded


def console(error: bool = False) -> Console:
    """Prints to stdout or, for an `error`, to stderr.

    In a pipe, lines are as wide as COLUMNS says, or WIDTH_OF_A_PIPE characters. There are colours in a terminal only,
    and none with NO_COLOR.
    """
    from assets.commands.console import SafeConsole

    given = os.environ.get("COLUMNS", "")
    piped = not (sys.stderr if error else sys.stdout).isatty() and not (given.isdigit() and int(given))
    return SafeConsole(stderr=error, width=WIDTH_OF_A_PIPE if piped else None)


def print_all(terminal: Console, parts: Iterable[RenderableType]) -> None:
    """Prints tables and texts; the texts as they are, without markup."""
    from rich.text import Text

    for part in parts:
        terminal.print(Text(part) if isinstance(part, str) else part, highlight=False)


def say(text: object, error: bool = False) -> None:
    """Prints a text and a line break, with control characters as escapes, to stdout or, for an `error`, to stderr."""
    with suppress(BrokenPipeError) if error else nullcontext():
        typer.echo(visible(str(text)), err=error)


def print_json(value: Any) -> None:
    """Prints dataclasses, also in mappings, lists and tuples, as JSON."""
    typer.echo(visible_json(json.dumps(_jsonable(value), indent=2, ensure_ascii=False, default=str)))


def _jsonable(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, dict):
        return {key: _jsonable(one) for key, one in value.items()}
    return [_jsonable(one) for one in value] if isinstance(value, list | tuple) else value


def _discard_output() -> None:
    """Python writes what is left of the output when it ends, and would print an error if nobody reads it."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
