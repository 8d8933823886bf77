"""The command `slingshot`, whose subcommands are in assets/commands."""

from __future__ import annotations

import typer

from assets.commands import auditing, building, checking, keeping, releasing, reporting

app = typer.Typer(
    help="A declarative build system for instruction-tuning datasets made with open models only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for family in (building, keeping, checking, auditing, releasing, reporting):
    app.add_typer(family.app)


def main() -> None:
    """The console script."""
    from resources.models.quiet import quiet

    quiet()
    app()


if __name__ == "__main__":
    main()
