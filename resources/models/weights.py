"""Makes a model's files loadable: converts GGUF files to safetensors once."""

from __future__ import annotations

import shutil
from pathlib import Path

from warehouse.core.errors import UserError
from warehouse.core.waiting import locked


def loadable(path: Path) -> Path:
    """The folder that transformers loads for `path`: a folder itself, or the converted form of a `.gguf` file.

    The converted model is kept beside the file, completely or not at all. It loads in a second; the GGUF takes half a
    minute. Raises UserError for any other file.
    """
    if path.is_dir():
        return path
    if path.suffix != ".gguf":
        raise UserError(f"a model must be a folder or a .gguf file; found the file {path.name!r}")
    converted = path.with_suffix(".safetensors")
    if not converted.is_dir():
        # A killed process releases the lock, so a folder that exists now was left by one.
        with locked(path.with_suffix(".converting.lock"), f"{path}, which is being converted"):
            scratch = path.with_suffix(".converting")
            shutil.rmtree(scratch, ignore_errors=True)
            if not converted.is_dir():
                _convert(path, scratch)
                scratch.rename(converted)
    return converted


def _convert(path: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    # A dequantized model still counts as quantized, and then it cannot be saved.
    del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
