"""The control tokens of a model: texts that its tokenizer reads as one token with a meaning, such as `<|im_end|>`.

In a document, a seed task or an answer such a text is text. It is a control token only where a chat template writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from resources.models.loading import clear_errors, load_tokenizer


class ControlTokens:
    """The control tokens of one model, in the order of its tokenizer.

    Left out are single characters and blank texts: some models pad with "!" or a line break (our choice).
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = tuple(dict.fromkeys(token for token in tokens if len(token.strip()) > 1))
        # Some models have a thousand control tokens, but nearly all begin in the same way.
        self._beginnings = {token[:2] for token in self.tokens}

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds every control token in a text, the longest where several begin at one place."""
        return re.compile("|".join(re.escape(token) for token in sorted(self.tokens, key=len, reverse=True)) or "(?!)")

    def found_in(self, text: str) -> list[str]:
        """The control tokens that a text holds, in order and with repetitions."""
        return self.pattern.findall(text) if any(start in text for start in self._beginnings) else []


def control_tokens(folder: Path) -> ControlTokens:
    """The control tokens of the model in `folder`: special tokens, and other added tokens that its template writes.

    They are read from the tokenizer's files, so that a plan loads no model library. Only the tokenizer of a folder
    without tokenizer.json is loaded. Raises UserError where they are damaged.
    """
    described = _read(folder / "tokenizer.json")
    if "added_tokens" not in described:
        return control_tokens_of(load_tokenizer(folder))
    settings, named = _read(folder / "tokenizer_config.json"), _read(folder / "special_tokens_map.json")
    template = folder / "chat_template.jinja"
    with clear_errors(folder, "tokenizer"):
        added = [*described["added_tokens"], *dict(settings.get("added_tokens_decoder") or {}).values()]
        written = template.read_text(encoding="utf-8") if template.is_file() else settings.get("chat_template")
        found = _control([(one["content"], one.get("special", False)) for one in added], written)
        return ControlTokens([*found, *_named(settings), *_named(named)])


def control_tokens_of(tokenizer: Any) -> ControlTokens:
    """The control tokens of a tokenizer of transformers."""
    added = [(token.content, token.special) for token in tokenizer.added_tokens_decoder.values()]
    return ControlTokens([*_control(added, tokenizer.chat_template), *tokenizer.all_special_tokens])


def _control(added: list[tuple[str, bool]], template: object) -> Iterable[str]:
    """Of added tokens (text, whether it is special) those that are control tokens; a template may be several."""
    written = template if isinstance(template, str) else json.dumps(template, ensure_ascii=False)
    return (text for text, special in added if special or text in written)


def _named(settings: dict[str, Any]) -> Iterable[str]:
    """The special tokens that settings of a tokenizer name, such as "eos_token"."""
    for key, value in settings.items():
        if key.endswith("_token") or key in ("additional_special_tokens", "extra_special_tokens"):
            listed = value.values() if isinstance(value, dict) and "content" not in value else [value]
            for one in value if isinstance(value, list) else listed:
                text = one.get("content") if isinstance(one, dict) else one
                if isinstance(text, str):
                    yield text


def _read(file: Path) -> dict[str, Any]:
    """A JSON object; an empty one where the file is not there or is none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
