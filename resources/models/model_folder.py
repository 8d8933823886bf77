"""What a call's key in the memo needs to know of a model's folder. Reading it loads no model library."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from resources.models import protocol
from resources.models.control_tokens import ControlTokens, control_tokens
from resources.models.generation import overriding_keys


@dataclass(frozen=True)
class ModelFolder:
    """The folder of a language model, in the form that transformers loads."""

    path: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """The content of config.json; empty where it cannot be read."""
        try:
            found = json.loads((self.path / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @cached_property
    def control(self) -> ControlTokens:
        """The control tokens of the model."""
        return control_tokens(self.path)

    @cached_property
    def _overrides(self) -> bool:
        return bool(overriding_keys(self.path))

    def read_stamp(self, contents: Sequence[str]) -> dict[str, Any]:
        """What the request of a loss or a training on `contents` gets beside `protocol.stamp`."""
        return protocol.LITERAL if self.control.found_in("".join(contents)) else {}

    def completion_stamp(self, contents: Sequence[str]) -> dict[str, Any]:
        """What the request of a completion gets beside `protocol.stamp`."""
        return self.read_stamp(contents) | (protocol.OWN_GENERATION if self._overrides else {})
