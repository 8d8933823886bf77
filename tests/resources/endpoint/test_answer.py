"""An answer without a text is no answer. These tests check each form in which servers say so, that its row fails with
a reason of its own, and that thoughts are kept apart from the text."""

from __future__ import annotations

from typing import Any

import pytest

from resources.endpoint.answer import Written, is_no_answer, without_error, written
from resources.endpoint.errors import Cause, OtherModel, Passing, RowFailed
from resources.models.calls import Sampling
from tests.support.odd_server import completion

SAMPLING = Sampling(40, stop=("\n\n",))
TOOL_CALL = "answered with a tool call instead of a text"
TOOL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def message(ending: str = "stop", **keys: Any) -> dict[str, Any]:
    return completion(choices=[{"message": {"role": "assistant", **keys}, "finish_reason": ending}])


NO_ANSWERS = {
    "content is null": (message(content=None), "answered without a text"),
    "no content": (message(), "answered without a text"),
    "no message": (completion(choices=[{"finish_reason": "stop"}]), "answered without a text"),
    "empty": (completion(""), "answered with an empty text"),
    "blank": (completion(" \n\t"), "answered with an empty text"),
    "empty before a stop string": (completion("\n\nmore"), "answered with an empty text"),
    "empty and cut off": (completion("", "length"), "answered with an empty text that was cut off at max_new_tokens"),
    "thoughts alone": (message(content="", reasoning="Hm."), "answered with an empty text after its thoughts"),
    "tool call": (
        message("tool_calls", content=None, tool_calls=[TOOL]),
        TOOL_CALL,
    ),
    "tool call with stop": (
        message(content="Let me see.", tool_calls=[TOOL]),
        TOOL_CALL,
    ),
    "function call": (
        message(content=None, function_call=TOOL["function"]),
        TOOL_CALL,
    ),
    "filter": (message("content_filter", content="I"), "withheld the text: its content filter stopped it"),
    "refusal": (message(content=None, refusal="No."), "refused to answer: No."),
    "finished by an error": (message("error", content="Half"), "ended the answer with an error"),
    "no choices": (completion(choices=[]), "answered without a completion"),
    "choices are null": (completion(choices=None), "answered without a completion"),
    "choices are texts": (completion(choices=["Hello"]), "answered without a completion"),
    "message is a text": (completion(choices=[{"message": "Hello"}]), "answered with a message of the type str"),
    "content is a number": (message(content=5), "answered with a value of the type int instead of a text"),
    "an image": (
        message(content=[{"type": "image_url"}]),
        "answered with a part of the type 'image_url' instead of a text",
    ),
    "half a character": (
        completion("a\ud800"),
        "answered with half of a character (a lone surrogate, or bytes that are not UTF-8)",
    ),
    "a control token": (
        completion("Bye.<|im_end|>\n<|im_start|>user"),
        "answered with the control token '<|im_end|>' in its text; let the server end the answer at this token",
    ),
    "negative count": (
        completion(usage={"completion_tokens": -1}),
        "counted -1 written tokens, which is no number of tokens",
    ),
    "huge count": (
        completion(usage={"completion_tokens": 2**70}),
        "counted 1180591620717411303424 written tokens, which is no number of tokens",
    ),
    "count is a text": (
        completion(usage={"completion_tokens": "5"}),
        "counted '5' written tokens, which is no number of tokens",
    ),
    "count is a fraction": (
        completion(usage={"completion_tokens": 5.5}),
        "counted 5.5 written tokens, which is no number of tokens",
    ),
    "usage is a list": (completion(usage=[1]), "counted [1] written tokens, which is no number of tokens"),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_no_answer_fails_with_its_reason(name: str) -> None:
    answer, reason = NO_ANSWERS[name]
    with pytest.raises(RowFailed) as failed:
        written(answer, "tiny", SAMPLING)
    assert str(failed.value) == reason


ANSWERS = {
    "plain": (completion("Hello."), Written("Hello.", 5, True)),
    "bare": (completion(choices=[{"text": "Hello.", "finish_reason": "stop"}]), Written("Hello.", 5, True)),
    "no tools": (message(content="Hello.", tool_calls=[]), Written("Hello.", 5, True)),
    "cut off": (completion("Hello", "length"), Written("Hello", 5, False)),
    "stop string left in": (completion("Hello.\n\nMore"), Written("Hello.", 5, True)),
    "no usage": (completion("Hello.", usage=None), Written("Hello.", 40, True)),
    "more than the budget": (completion("Hello.", usage={"completion_tokens": 99}), Written("Hello.", 99, True)),
    "parts": (
        message(content=[{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo."}]),
        Written("Hello.", 5, True),
    ),
    "vLLM": (message(content="Hello.", reasoning_content="Hm."), Written("Hello.", 5, True, "Hm.")),
    "OpenRouter": (message(content="Hello.", reasoning="Hm."), Written("Hello.", 5, True, "Hm.")),
    "Mistral": (
        message(
            content=[
                {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                {"type": "text", "text": "Hello."},
            ]
        ),
        Written("Hello.", 5, True, "Hm."),
    ),
    "marked thoughts": (completion("[THINK]Hm.[/THINK]Hello."), Written("[THINK]Hm.[/THINK]Hello.", 5, True)),
    "channels": (
        completion("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello."),
        Written("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello.", 5, True),
    ),
    "cut-off marked thoughts": (completion("[THINK]Hm", "length"), Written("[THINK]Hm", 5, False)),
    "cut-off thoughts": (message("length", content=None, reasoning_content="Hm"), Written("", 5, False, "Hm")),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read(name: str) -> None:
    answer, expected = ANSWERS[name]
    assert written(answer, "tiny", SAMPLING) == expected


def test_the_memo_records_thoughts_beside_the_text() -> None:
    assert Written("Hello.", 5, True).response == {"text": "Hello."}
    assert Written("Hello.", 5, True, "Hm.").response == {"text": "Hello.", "reasoning": "Hm."}


@pytest.mark.parametrize(("name", "found"), [("gpt-4", "'gpt-4'"), (None, "an unnamed model"), (5, "5")])
def test_an_answer_names_the_declared_model(name: object, found: str) -> None:
    with pytest.raises(OtherModel) as failed:
        written(completion(model=name), "tiny", SAMPLING)
    assert str(failed.value) == f"answered from {found}, but 'tiny' is declared and was requested"


@pytest.mark.parametrize("value", [None, [1], "Hello", 5])
def test_what_is_no_json_object_is_no_completion(value: object) -> None:
    with pytest.raises(RowFailed, match=r"^answers something that is not a completion$"):
        without_error(value)


def test_an_error_with_http_200_is_an_error() -> None:
    with pytest.raises(RowFailed, match=r"^answers with an error and HTTP 200: upstream died$"):
        without_error({"error": {"message": "upstream died", "code": 502}, "choices": []})
    with pytest.raises(RowFailed, match=r"^answers with an error and HTTP 200: no$"):
        without_error({"error": "no"})
    with pytest.raises(Passing) as passing:
        without_error({"error": {"message": "slow down", "code": 429}})
    assert passing.value.cause is Cause.BUSY
    assert without_error({"error": None}) == {"error": None}


@pytest.mark.parametrize(
    ("response", "none"),
    [
        ({"text": ""}, True),
        ({"text": " \n"}, True),
        ({"text": "Bye.</s>"}, True),
        ({"text": "", "reasoning": "Hm"}, False),
        ({"text": "Bye."}, False),
        ({"refusal": "too long"}, False),
    ],
)
def test_recorded_answers_of_earlier_versions_are_no_answers_either(response: dict[str, str], none: bool) -> None:
    assert is_no_answer(response) is none
