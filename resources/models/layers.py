"""Which layers a LoRA adapter can be put on, read from the beginning of a model's weights without loading them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from resources.models.loading import safetensors_header
from warehouse.core.texts import nearest

DEPTHS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
"""The keys of config.json for the number of layers, by architecture."""


def lora_faults(folder: Path, targets: Sequence[str], last_layers: int | None) -> dict[str, tuple[object, str]]:
    """What the model in `folder` lacks for an adapter: setting to (value found, what is right).

    `targets` are ends of layer names, such as "q_proj", and each must fit a layer. peft only refuses a list of which
    none fits. Raises UserError for damaged weights.
    """
    faults: dict[str, tuple[object, str]] = {}
    names = _layer_names(folder)
    missing = [one for one in targets if not any(name == one or name.endswith(f".{one}") for name in names)]
    if names and missing:
        ends = sorted({name.rpartition(".")[2] for name in names})
        faults["target_modules"] = (missing, f"the model has no layer of this name; {nearest(missing[0], ends)}")
    depth = _depth(folder)
    if depth is not None and last_layers is not None and last_layers > depth:
        faults["last_layers"] = (last_layers, f"the model has {depth} layers; it must be at most {depth}")
    return faults


def _layer_names(folder: Path) -> set[str]:
    """The names of the layers with a matrix of weights; empty if the folder has no safetensors."""
    tensors = {
        name: one
        for file in sorted(folder.glob("*.safetensors"))
        for name, one in safetensors_header(file).items()
        if name.endswith("weight") and isinstance(one, dict)
    }
    return {name.rpartition(".")[0] for name, one in tensors.items() if len(one.get("shape") or ()) > 1}


def _depth(folder: Path) -> int | None:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    parts = [config, config.get("text_config")] if isinstance(config, dict) else []
    found = (part.get(key) for part in parts if isinstance(part, dict) for key in DEPTHS)
    return next((int(depth) for depth in found if isinstance(depth, int)), None)
