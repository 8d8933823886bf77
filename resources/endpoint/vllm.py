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

    `adapters` are folders by the name under which each is served, in the form that peft loads. With a `rank`, the
    server takes adapters up to this rank, also those that a build asks it to load.
    """

    name: str
    model: str
    revision: str | None = None
    precision: str | None = None
    adapters: Mapping[str, Path] = field(default_factory=dict)
    rank: int | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the command needs."""
        return {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"} if self._takes_adapters else {}

    @property
    def _takes_adapters(self) -> bool:
        return self.rank is not None or bool(self.adapters)

    def command(self, host: str, port: int) -> list[str]:
        """The words of the command. Raises OSError and ValueError where an adapter cannot be read."""
        words = ["vllm", "serve", self.model, "--served-model-name", self.name, "--host", host, "--port", str(port)]
        if self.revision:
            words += ["--revision", self.revision, "--tokenizer-revision", self.revision]
        if self.precision:
            words += ["--dtype", self.precision]
        # The settings of a request are those of the recipe, and no others of the model's own.
        words += ["--generation-config", "vllm"]
        if self._takes_adapters:
            words += ["--enable-lora", "--max-lora-rank", str(self._highest_rank())]
        if self.adapters:
            words += ["--lora-modules", *(f"{name}={folder}" for name, folder in self.adapters.items())]
        return words

    def _highest_rank(self) -> int:
        found = [json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["r"] for folder in self.adapters.values()]
        highest = max([self.rank or 0, *map(int, found)])
        return next((rank for rank in RANKS if rank >= highest), highest)
