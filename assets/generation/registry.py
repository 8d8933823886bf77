"""All methods there are: every file of this folder that declares one."""

from __future__ import annotations

from collections.abc import Mapping

from assets.declared import declared
from assets.generation.method import Method


def methods() -> Mapping[str, Method]:
    """Name to method, by name."""
    return declared("assets.generation", "METHOD")
