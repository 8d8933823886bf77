"""Reads an answer of an endpoint. What is no answer fails its row, with a reason of its own.

API reference: https://platform.openai.com/docs/api-reference/chat/object and /completions/object there. Thoughts that a
server keeps apart are in `reasoning_content` (vLLM, DeepSeek, llama.cpp) or `reasoning` (OpenRouter, newer vLLM).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from resources.endpoint.errors import Cause, OtherModel, Passing, RowFailed
from resources.models.calls import Sampling
from resources.models.control_forms import control_token
from resources.models.thoughts import read
from warehouse.store.calls import Answer

ENDED = ("stop", "eos_token", "stop_sequence")
"""The finish reasons that mean that the text ended by itself: the API's own, and two of TGI."""

CUT_OFF = "length"

MOST_TOKENS = 2**31 - 1
"""The most tokens that an answer can be counted with; more is an error of the server."""

_TOOLS = ("tool_calls", "function_call")
_TEXT_PARTS = ("text", "output_text")
_THOUGHT_PARTS = ("thinking", "reasoning")


@dataclass(frozen=True)
class Written:
    """A completion: its text, the tokens written, whether it ended by itself, and thoughts that came apart from it.

    Of a server that turns prompts into tokens, `text` is "" only where the budget ended within the thoughts. `opened`
    says that the prompt ended within a thought already, where that is known.
    """

    text: str
    tokens: int
    complete: bool
    reasoning: str = ""
    opened: bool = False

    @property
    def response(self) -> dict[str, Any]:
        """What the memo records of it."""
        apart: dict[str, Any] = {"reasoning": self.reasoning} if self.reasoning else {}
        return {"text": self.text} | apart | ({"opened": True} if self.opened else {})

    def answer(self, seconds: float, engine: str) -> Answer:
        """It, as the memo records it."""
        return Answer(self.response, self.tokens, seconds, complete=self.complete, engine=engine)


def require_model(answer: Mapping[str, Any], model: str) -> None:
    """Raises OtherModel where the answer does not say that it is from `model`."""
    if answer.get("model") != model:
        found = "an unnamed model" if answer.get("model") is None else f"{answer['model']!r}"
        raise OtherModel(f"answered from {found}, but {model!r} is declared and was requested")


def without_error(value: Any) -> dict[str, Any]:
    """The JSON of an answer, if it is an object and does not say that it is an error. Raises RowFailed otherwise.

    Raises Passing where an error with HTTP 200 has the code 429 or 503.
    """
    if not isinstance(value, dict):
        raise RowFailed("answers something that is not a completion")
    if error := value.get("error"):
        said = error.get("message", error) if isinstance(error, dict) else error
        reason = f"answers with an error and HTTP 200: {said}"
        if isinstance(error, dict) and error.get("code") in (429, 503):
            raise Passing(reason, Cause.BUSY)
        raise RowFailed(reason)
    return value


def written(answer: Mapping[str, Any], model: str, sampling: Sampling) -> Written:
    """The completion in an answer to a request for `model`. Raises RowFailed where there is none, with the reason.

    The number of tokens is the one that the endpoint reports; if it reports none, the most it may have written.
    """
    choice = choice_of(answer, model)
    message = choice.get("message") or {}
    if not isinstance(message, dict):
        raise RowFailed(f"answered with a message of the type {type(message).__name__}")
    ending = choice.get("finish_reason")
    _refuse_other_ends(choice, message, ending)
    text, thoughts = _text_of(choice, message)
    text = text[: min((text.index(stop) for stop in sampling.stop if stop in text), default=len(text))]
    _check(text, thoughts, ending)
    return Written(text, tokens_in(answer.get("usage"), "written", sampling.max_new_tokens), ending in ENDED, thoughts)


def choice_of(answer: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The first choice of an answer from `model`. Raises RowFailed where there is none."""
    require_model(answer, model)
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise RowFailed("answered without a completion")
    return choices[0]


def _refuse_other_ends(choice: Mapping[str, Any], message: Mapping[str, Any], ending: Any) -> None:
    """Raises RowFailed where the answer says that it ended with something other than a text."""
    if any(message.get(name) for name in _TOOLS) or ending in _TOOLS:
        raise RowFailed("answered with a tool call instead of a text")
    if ending == "content_filter":
        raise RowFailed("withheld the text: its content filter stopped it")
    if ending == "error" or choice.get("error"):
        raise RowFailed("ended the answer with an error")
    if refused := message.get("refusal"):
        raise RowFailed(f"refused to answer: {refused}")


def _text_of(choice: Mapping[str, Any], message: Mapping[str, Any]) -> tuple[str, str]:
    """(the text, the thoughts) of a choice."""
    found = choice.get("text") or message.get("content")
    if found is None and not (message.get("reasoning_content") or message.get("reasoning")):
        raise RowFailed("answered without a text")
    found = found or ""
    thoughts = [message.get("reasoning_content") or message.get("reasoning")]
    if isinstance(found, list):  # a list of parts, as some servers write it
        texts: list[str] = []
        for part in found:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind in _TEXT_PARTS:
                texts.append(_as_text(part.get("text")))
            elif kind in _THOUGHT_PARTS:
                thoughts += _texts_of_thought(part)
            else:
                raise RowFailed(f"answered with a part of the type {kind!r} instead of a text")
        found = "".join(texts)
    return _as_text(found), "".join(one for one in thoughts if isinstance(one, str))


def _texts_of_thought(part: Mapping[str, Any]) -> list[Any]:
    inside = part.get("thinking") or part.get("reasoning") or part.get("text")
    return [one.get("text") for one in inside if isinstance(one, dict)] if isinstance(inside, list) else [inside]


def _as_text(value: Any) -> str:
    if not isinstance(value, str):
        raise RowFailed(f"answered with a value of the type {type(value).__name__} instead of a text")
    return value


def _check(text: str, thoughts: str, ending: Any) -> None:
    for found in (text, thoughts):
        try:
            found.encode()
        except UnicodeEncodeError:
            raise RowFailed(
                "answered with half of a character (a lone surrogate, or bytes that are not UTF-8)"
            ) from None
    # The marks of thoughts are control tokens of some models; what is between them is no part of the answer.
    if token := control_token(read(text, ending in ENDED).answer):
        raise RowFailed(
            f"answered with the control token {token!r} in its text; let the server end the answer at this token"
        )
    if text.strip():
        return
    if ending != CUT_OFF:
        raise RowFailed("answered with an empty text" + (" after its thoughts" if thoughts else ""))
    if not thoughts:
        raise RowFailed("answered with an empty text that was cut off at max_new_tokens")


def tokens_in(usage: Any, which: Literal["written", "read"], unknown: int) -> int:
    """The number of tokens that an answer says were written, or read; `unknown` where it says nothing.

    Raises RowFailed where it is no number of tokens."""
    key = "completion_tokens" if which == "written" else "prompt_tokens"
    count = usage.get(key) if isinstance(usage, dict) else usage
    if count is None:
        return unknown
    if type(count) is not int or not 0 <= count <= MOST_TOKENS:
        raise RowFailed(f"counted {count!r:.40} {which} tokens, which is no number of tokens")
    return count


def is_no_answer(response: Mapping[str, Any]) -> bool:
    """Whether a recorded response would be a failure today: calls from before had empty texts and control tokens."""
    text = response.get("text", "")
    if "refusal" in response:
        return False
    return control_token(read(text, True).answer) is not None or not (text.strip() or response.get("reasoning"))
