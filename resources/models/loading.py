"""Loads models, tokenizers and adapters from local folders, and nothing else: no code, no pickles, no question.

A folder that transformers can only load by running its code, or by unpickling weights, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.core.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CODE: dict[str, Any] = {"trust_remote_code": False}
"""Without it transformers asks at the terminal whether to run the code of a model."""
LOCAL: dict[str, Any] = {"local_files_only": True, **CODE}
"""Settings of every load of a folder."""
WEIGHTS: dict[str, Any] = {"use_safetensors": True, **LOCAL}
"""Settings of every load of weights."""

MOST_HEADER = 100 * 2**20
"""The most bytes of the header of a safetensors file. The library safetensors has the same limit."""
PICKLED = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
TOKENIZERS = ("tokenizer.json", "*.model", "vocab.*", "tekken.json", "*.tiktoken")
"""Files with the vocabulary of a tokenizer. Without one, transformers makes up an empty tokenizer."""


def load_tokenizer(folder: Path, **settings: Any) -> PreTrainedTokenizerBase:
    """The tokenizer of the model in `folder`. Raises UserError where it cannot be loaded."""
    from transformers import AutoTokenizer

    if "gguf_file" not in settings and not any(True for name in TOKENIZERS for _ in folder.glob(name)):
        raise UserError(f"the model in {folder} has no tokenizer; right would be a folder with its tokenizer.json")
    with clear_errors(folder, "tokenizer"):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, **LOCAL, **settings)
    return tokenizer


def load_config(folder: Path) -> Any:
    """The configuration of the model in `folder`. Raises UserError where it cannot be loaded."""
    from transformers import AutoConfig

    with clear_errors(folder, "configuration"):
        return AutoConfig.from_pretrained(folder, **LOCAL)


def load_language_model(folder: Path, **settings: Any) -> Any:
    """The causal language model in `folder`. Raises UserError where it cannot be loaded, or lacks weights."""
    from transformers import AutoModelForCausalLM, GenerationConfig

    refuse_weights(folder)
    # Even beside settings of a call, transformers would use those of the folder that the call leaves open.
    settings |= {"generation_config": GenerationConfig(), "output_loading_info": True}
    with clear_errors(folder, "weights"):
        model, loaded = AutoModelForCausalLM.from_pretrained(folder, **WEIGHTS, **settings)
    if missing := sorted(loaded["missing_keys"]):
        # transformers would fill them with random numbers.
        raise _unusable(folder, f"its weights lack {len(missing)} tensors, such as {missing[0]}")
    return model


def load_adapter(model: Any, folder: Path) -> Any:
    """The language model `model` with the LoRA adapter in `folder`. Raises UserError where it cannot be loaded."""
    from peft import PeftModel

    refuse_weights(folder)
    with clear_errors(folder, "adapter"):
        return PeftModel.from_pretrained(model, str(folder), **LOCAL)


def load_sentence_transformer(folder: Path) -> Any:
    """The sentence-transformers model in `folder`. Raises UserError where it cannot be loaded."""
    from sentence_transformers import SentenceTransformer

    refuse_weights(folder)
    for file in sorted(folder.rglob("pytorch_model.bin")):
        # Each module of such a model has its own folder and weights.
        if not any(file.parent.glob("*.safetensors")):
            raise _pickled(folder, file)
    with clear_errors(folder, "model"):
        return SentenceTransformer(str(folder), model_kwargs={"use_safetensors": True}, **LOCAL)


def refuse_weights(folder: Path) -> None:
    """Raises UserError where weights are only there as pickles, or a safetensors file is damaged at its beginning."""
    files = sorted(folder.rglob("*.safetensors"))
    for file in files:
        safetensors_header(file)
    pickled = [file for name in PICKLED for file in sorted(folder.rglob(name))]
    if not files and pickled:
        raise _pickled(folder, pickled[0])
    if not files:
        raise _unusable(folder, "it has no weights")


def safetensors_header(file: Path) -> dict[str, Any]:
    """The header of a safetensors file: type, shape and place of each tensor, by name.

    The length that the file gives for it is checked before anything is read. Raises UserError.
    """
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if size < 8 or length > min(MOST_HEADER, size - 8):
            most = f"at most {MOST_HEADER:,} and within its {size:,} bytes"
            raise UserError(f"{file.name} is damaged: its header would have {length:,} bytes; right would be {most}")
        try:
            header = json.loads(opened.read(length))
        except (ValueError, RecursionError) as error:
            raise UserError(f"{file.name} is damaged: its header is no JSON ({error})") from error
    if not isinstance(header, dict):
        raise UserError(f"{file.name} is damaged: its header is no JSON object")
    return header


@contextmanager
def clear_errors(folder: Path, what: str) -> Iterator[None]:
    """Turns the errors of the model libraries into one UserError about `folder`."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise _unusable(folder, "it needs its own Python code (auto_map), which Slingshot never runs") from error
        reason = (str(error).strip().splitlines() or [""])[0][:300]
        raise _unusable(folder, f"its {what} cannot be read ({type(error).__name__}: {reason})") from error


def _pickled(folder: Path, file: Path) -> UserError:
    place = file.relative_to(folder).as_posix()
    return _unusable(folder, f"its weights are pickled ({place}), and reading a pickle can run code")


def _unusable(folder: Path, why: str) -> UserError:
    right = "a folder that transformers saved, with weights as safetensors, and of an architecture that it has"
    return UserError(f"the model in {folder} cannot be used: {why}; right would be {right}")
