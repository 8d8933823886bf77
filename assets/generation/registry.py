"""All methods there are: every file of this folder that declares one."""

from __future__ import annotations

from collections.abc import Mapping

from assets.generation.method import Method
from assets.steps.discovery import declared


def methods() -> Mapping[str, Method]:
    """Name to method, by name."""
    return declared("assets.generation.methods", "METHOD")
