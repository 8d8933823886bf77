"""The written forms of control tokens: texts that some tokenizers read as the start or end of a turn, not as text.

The forms are those of the chat templates of Qwen, SmolLM and Phi (`<|im_start|>`), Llama 3 (`<|eot_id|>`), Llama 2 and
Mistral (`[INST]`, `<<SYS>>`, `</s>`), Gemma (`<start_of_turn>`), Command R (`<|START_OF_TURN_TOKEN|>`), DeepSeek
(`<｜User｜>`, with full-width bars), Falcon and GPT-2 (`<|endoftext|>`), and T5 and BERT (`<pad>`, `[CLS]`).
Not covered: a token that looks like plain text, such as "User:".
"""

from __future__ import annotations

import re

_FORMS = (
    r"<\|[A-Za-z0-9_./ -]{1,40}\|>",
    r"<｜[A-Za-z0-9_▁ ]{1,40}｜>",
    r"</?s>",
    r"<</?SYS>>",
    r"\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|THINK)\]",
    r"\[(?:CLS|SEP|MASK|PAD|UNK|BOS|EOS)\]",
    r"<(?:start_of_turn|end_of_turn|bos|eos|pad|unk|mask|repo_name|file_sep|BOS_TOKEN|EOS_TOKEN)>",
)
_TOKEN = re.compile("|".join(_FORMS))


def control_token(text: str) -> str | None:
    """The first control token that is written in `text`; None if there is none.

    Worked example: `control_token("Bye<|im_end|>")` is "<|im_end|>", and `control_token("a < b | c > d")` is None.
    """
    found = _TOKEN.search(text)
    return found[0] if found else None
