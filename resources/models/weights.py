"""Makes a model's files loadable: converts GGUF files to safetensors once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from resources.models.loading import LOCAL, clear_errors, load_tokenizer
from warehouse.core.errors import UserError
from warehouse.core.waiting import locked


def loadable(path: Path) -> Path:
    """The folder that transformers loads for `path`: a folder itself, or the converted form of a `.gguf` file.

    The converted model is kept beside the file, completely or not at all. Loading it takes a second, reading the GGUF
    many. Raises UserError for any other file.
    """
    if found := converted(path):
        return found
    if path.suffix != ".gguf":
        raise UserError(f"a model must be a folder or a .gguf file; found the file {path.name!r}")
    target = path.with_suffix(".safetensors")
    # A killed process releases the lock, so a folder that exists now was left by one.
    with locked(path.with_suffix(".converting.lock"), f"{path}, which is being converted"):
        scratch = path.with_suffix(".converting")
        shutil.rmtree(scratch, ignore_errors=True)
        if not target.is_dir():
            _convert(path, scratch)
            scratch.rename(target)
    return target


def converted(path: Path) -> Path | None:
    """The folder that transformers loads for `path` if it exists already, else None."""
    folder = path.with_suffix(".safetensors") if path.suffix == ".gguf" and not path.is_dir() else path
    return folder if folder.is_dir() else None


def _convert(path: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    with _read_once():
        tokenizer = load_tokenizer(path.parent, gguf_file=path.name)
        with clear_errors(path, "weights"):
            model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32, **LOCAL)
    # A dequantized model still counts as quantized, and then it cannot be saved.
    del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


@contextmanager
def _read_once() -> Iterator[None]:
    """Keeps what transformers reads of a GGUF file, until the block ends.

    It parses the file three times, for tokenizer, configuration and weights, and makes the table of names for every
    tensor again, which together takes most of the time.
    """
    import gguf

    reader, names = gguf.GGUFReader, gguf.get_tensor_name_map
    gguf.GGUFReader, gguf.get_tensor_name_map = cache(reader), cache(names)  # type: ignore
    try:
        yield
    finally:
        gguf.GGUFReader, gguf.get_tensor_name_map = reader, names  # type: ignore
