"""Writes a fine-tuned model as a folder for others: whole, as transformers loads it, or as an adapter for peft."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from resources.models.chat_template import with_template
from resources.models.device import dtype
from resources.models.loading import load_adapter, load_language_model, load_tokenizer
from warehouse.store.checkpoints import SETTINGS, WEIGHTS, is_model

GENERATION = "generation_config.json"
"""The file with the tokens that end a text, of which a chat model often has several."""


def write_model(base: Path, checkpoint: Path, target: Path) -> None:
    """Write the model in `base` with what was trained, an adapter or all weights in `checkpoint`, into `target`.

    An adapter is added to the weights in float32; they are saved in the type in which models are served here. Tokenizer
    and chat template are those that the student was trained with. Raises UserError where a folder cannot be loaded.
    """
    import torch

    if is_model(checkpoint):
        model = load_language_model(checkpoint, dtype=torch.float32)
    else:
        model = load_adapter(load_language_model(base, dtype=torch.float32), checkpoint).merge_and_unload()
    model.to(dtype()).save_pretrained(target)
    with_template(load_tokenizer(base)).save_pretrained(target)
    if (base / GENERATION).is_file():
        shutil.copyfile(base / GENERATION, target / GENERATION)


def write_adapter(base: Path, checkpoint: Path, target: Path, name: str, revision: str | None = None) -> None:
    """Write the adapter in `checkpoint` into `target`, in the form that peft loads.

    Its settings name the base as `name` with `revision`, and not as the folder `base` of this machine, which only gives
    the tokenizer. Raises UserError where the tokenizer cannot be loaded, and OSError.
    """
    settings = json.loads((checkpoint / SETTINGS).read_text(encoding="utf-8"))
    settings |= {"base_model_name_or_path": name, "revision": revision}
    target.mkdir()
    shutil.copyfile(checkpoint / WEIGHTS, target / WEIGHTS)
    (target / SETTINGS).write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    with_template(load_tokenizer(base)).save_pretrained(target)
