"""What the files of a package declare about themselves: a method or a benchmark is found without being listed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any


@cache
def declared(package: str, name: str) -> Mapping[str, Any]:
    """The values called `name` in the modules of `package`, by their own `name`, in the order of these names.

    Raises ValueError where two of them have the same one.
    """
    folder = import_module(package).__path__
    modules = [import_module(f"{package}.{module.name}") for module in iter_modules(folder)]
    found = sorted((getattr(module, name) for module in modules if hasattr(module, name)), key=lambda one: one.name)
    by_name = {one.name: one for one in found}
    if len(by_name) < len(found):
        raise ValueError(f"each {name} of {package} needs a name of its own; found {[one.name for one in found]}")
    return by_name
