"""Finds what the files of a package declare, so that methods and benchmarks need no list."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any


@cache
def declared(package: str, name: str) -> Mapping[str, Any]:
    """The module-level values called `name` in the modules of `package`, by their attribute `name`, sorted by it.

    Raises ValueError if two of them have the same `name`.
    """
    folder = import_module(package).__path__
    modules = [import_module(f"{package}.{module.name}") for module in iter_modules(folder)]
    found = sorted((getattr(module, name) for module in modules if hasattr(module, name)), key=lambda one: one.name)
    by_name = {one.name: one for one in found}
    if len(by_name) < len(found):
        raise ValueError(f"each {name} of {package} needs a unique name; found {[one.name for one in found]}")
    return by_name
