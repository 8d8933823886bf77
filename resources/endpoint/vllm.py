"""The command that serves a model with vLLM (https://docs.vllm.ai/en/latest/cli/serve), as Slingshot asks it.

vLLM is not installed with Slingshot, and nothing here imports it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from warehouse.store.checkpoints import SETTINGS

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as the highest rank of adapters."""


@dataclass(frozen=True)
class Served:
    """A model under the `name` of the recipe: a folder, or a repository of a hub at a `revision`.

    `adapters` are folders by the name under which each is served, in the form that peft loads.
    """

    name: str
    model: str
    revision: str | None = None
    precision: str | None = None
    adapters: Mapping[str, Path] = field(default_factory=dict)

    def command(self, host: str, port: int) -> list[str]:
        """The words of the command. Raises OSError and ValueError where an adapter cannot be read."""
        words = ["vllm", "serve", self.model, "--served-model-name", self.name, "--host", host, "--port", str(port)]
        if self.revision:
            words += ["--revision", self.revision, "--tokenizer-revision", self.revision]
        if self.precision:
            words += ["--dtype", self.precision]
        # The settings of a request are those of the recipe, and no others of the model's own.
        words += ["--generation-config", "vllm"]
        if self.adapters:
            words += ["--enable-lora", "--max-lora-rank", str(self._rank())]
            words += ["--lora-modules", *(f"{name}={folder}" for name, folder in self.adapters.items())]
        return words

    def _rank(self) -> int:
        highest = max(
            int(json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["r"]) for folder in self.adapters.values()
        )
        return next((rank for rank in RANKS if rank >= highest), highest)
