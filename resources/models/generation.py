"""How a model generates: as the recipe says, and never as the generation_config.json of its folder does.

Only the ids of the tokens that end a text are taken from there: a chat model often has several.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedTokenizerBase

WITHOUT_EFFECT = {
    "_from_model_config", "transformers_version", "bos_token_id", "eos_token_id", "pad_token_id", "max_length",
    "max_new_tokens", "do_sample", "temperature", "top_k", "top_p", "top_h", "min_p", "typical_p", "epsilon_cutoff",
    "eta_cutoff", "use_cache", "cache_implementation", "cache_config", "return_legacy_cache", "output_attentions",
    "output_hidden_states", "output_scores", "output_logits", "chat_format", "max_window_size",
}  # fmt: skip
"""Keys of generation_config.json that never changed an answer: decoding was always greedy in the library's sense."""
NEUTRAL_AT_ONE = {
    "repetition_penalty", "encoder_repetition_penalty", "num_beams", "num_beam_groups", "num_return_sequences",
    "length_penalty", "guidance_scale",
}  # fmt: skip


def end_tokens(folder: Path, config: Any, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The tokens that end a text: those of generation_config.json, or of config.json where it is missing, and the
    tokenizer's."""
    settings = _settings(folder)
    found = config.get_text_config().eos_token_id if settings is None else settings.get("eos_token_id")
    ends = [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, int)]
    if tokenizer.eos_token_id is not None:
        ends = [*ends, tokenizer.eos_token_id]
    return list(dict.fromkeys(ends))


def own_config(ends: list[int], tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """A generation config with nothing but the tokens that begin, end (`ends`) and pad a text."""
    from transformers import GenerationConfig

    return GenerationConfig(
        eos_token_id=ends or None,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )


def overriding_keys(folder: Path) -> list[str]:
    """The keys of the folder's generation_config.json that would change a greedy answer, such as repetition_penalty."""
    settings = (_settings(folder) or {}).items()
    return sorted(key for key, value in settings if key not in WITHOUT_EFFECT and not _is_neutral(key, value))


def _settings(folder: Path) -> dict[str, Any] | None:
    """The content of generation_config.json; None where there is none that can be read."""
    try:
        found = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_neutral(key: str, value: object) -> bool:
    return not value or (key in NEUTRAL_AT_ONE and value == 1)
