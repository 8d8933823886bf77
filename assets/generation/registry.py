"""All methods there are: every file of this folder that declares one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from assets.generation.method import Method


@cache
def methods() -> Mapping[str, Method]:
    """Name to method, by name."""
    package = __package__ or ""
    names = [module.name for module in iter_modules([str(Path(__file__).parent)])]
    found = [getattr(import_module(f"{package}.{name}"), "METHOD", None) for name in names]
    return {method.name: method for method in sorted((m for m in found if m), key=lambda method: method.name)}
