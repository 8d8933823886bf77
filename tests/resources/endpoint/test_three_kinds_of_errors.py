"""A busy server, a wrong key and a bad row need three different things: waiting, stopping, a failed row. These tests
check against a local server that each error is one of these, and that every row is answered, failed or waits, once."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import pytest

from resources.endpoint.errors import StillWaiting, Unusable
from resources.endpoint.settings import Settings
from resources.models.calls import Prompt
from resources.tools.tools import Tools
from tests.support.asking import ASKED, ask, recorded
from tests.support.building import query
from tests.support.odd_server import RESET, Asked, OddServer, Said, completion

BAD = "plant 7?"
GOOD = Said(completion())


def once(first: Said) -> Callable[[Asked], Said]:
    """Says `first` to each text once, and then answers it."""
    seen: set[str] = set()

    def answer(asked: Asked) -> Said:
        new = asked.text not in seen
        seen.add(asked.text)
        return first if new else GOOD

    return answer


PASSING = {
    **{f"HTTP {status}": Said({"error": "later"}, status) for status in (408, 429, 502, 503, 504, 529)},
    "Retry-After": Said({"error": "later"}, 429, {"retry-after": "0.3"}),
    "an error with HTTP 200": Said({"error": {"message": "later", "code": 429}}),
    "reset": Said(RESET),
    "cut": Said(completion(), cut=20),
    "late": Said(completion(), delay=60.0),
}


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_condition_is_waited_out_and_is_no_failure(tools: Tools, server: OddServer, name: str) -> None:
    tools.bench.endpoints = Settings(patience=30.0, deadline=3.0 if name == "late" else 60.0)
    server.answer = once(PASSING[name])
    found = ask(tools, ASKED[:6])
    assert [(one.text, one.error) for one in found] == [("A good answer.", None)] * 6
    assert recorded(tools) == (6, 0)
    assert len(server.asked) == 12


def test_a_server_with_a_rate_limit_answers_all_rows(tools: Tools, server: OddServer) -> None:
    tools.bench.endpoints = Settings(patience=30.0)
    served: list[float] = []

    def limited(asked: Asked) -> Said:
        served[:] = [moment for moment in served if time.monotonic() - moment < 0.3]
        if len(served) >= 8:
            return Said({"error": "rate limit"}, 429, {"retry-after": "0.3"})
        served.append(time.monotonic())
        return GOOD

    server.answer = limited
    assert all(one.error is None for one in ask(tools))
    assert recorded(tools) == (24, 0)


def test_retry_after_is_kept_for_all_requests(tools: Tools, server: OddServer) -> None:
    tools.bench.endpoints = Settings(patience=30.0, in_flight=1)
    times: list[float] = []

    def answer(asked: Asked) -> Said:
        times.append(time.monotonic())
        return Said({}, 503, {"retry-after": formatdate(time.time() + 2, usegmt=True)}) if len(times) == 1 else GOOD

    server.answer = answer
    ask(tools, ASKED[:3])
    assert times[1] - times[0] >= 0.9  # a date has whole seconds
    assert len(times) == 4


def test_rows_wait_after_the_patience_and_are_asked_again_later(tools: Tools, server: OddServer) -> None:
    busy = Said({"error": "rate limit reached"}, 429)
    server.answer = lambda asked: GOOD if asked.number <= 5 else busy
    with pytest.raises(StillWaiting) as waiting:
        ask(tools)
    assert str(waiting.value) == (
        f'19 of 24 rows wait: {server.base}/chat/completions answers HTTP 429: {{"error": "rate limit reached"}}, for '
        "more than 1 s; what was answered is kept; build again when the endpoint answers, or raise endpoint.patience"
    )
    assert recorded(tools) == (5, 0)
    server.answer = lambda asked: GOOD
    before = len(server.asked)
    assert all(one.error is None for one in ask(tools))
    assert (len(server.asked) - before, recorded(tools)) == (19, (24, 0))


@pytest.mark.parametrize(
    "said", [Said({}, 429, {"retry-after": "99999999"}), Said(RESET), Said(completion(), drip=0.1)]
)
def test_nothing_hangs(tools: Tools, server: OddServer, said: Said) -> None:
    tools.bench.endpoints = Settings(patience=1.0, deadline=0.8)
    server.answer = lambda asked: said
    began = time.monotonic()
    with pytest.raises(StillWaiting, match=r"^24 of 24 rows wait: "):
        ask(tools)
    assert time.monotonic() - began < 30
    assert recorded(tools) == (0, 0)


LASTING = {
    **{f"HTTP {status}": Said({"error": "no"}, status) for status in (401, 403, 404, 501)},
    "redirect": Said(b"", 307, {"location": "http://127.0.0.2:1/v1/chat/completions"}),
    "web page": Said(b"<html>Sign in</html>", headers={"content-type": "text/html; charset=utf-8"}),
    "other model": Said(completion(model="gpt-4")),
}


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_error_stops_at_once_and_keeps_what_was_answered(tools: Tools, server: OddServer, name: str) -> None:
    tools.bench.endpoints = Settings(in_flight=1)
    ask(tools, ASKED[:4])
    server.answer = lambda asked: LASTING[name]
    with pytest.raises(Unusable):
        ask(tools)
    assert len(server.asked) - 4 == (4 if name == "other model" else 1)
    assert recorded(tools) == (4, 0)


ODD = {
    "HTTP 400": (Said({"error": "too long"}, 400), 'answers HTTP 400: {"error": "too long"}'),
    "HTTP 500": (Said(b"\x1b[2Jboom", 500), "answers HTTP 500: \\x1b[2Jboom"),
    "no JSON": (Said(b"Hello"), "answers something that is not a completion: Hello"),
    "no text": (Said(completion(None)), "answered without a text"),
    "odd count": (
        Said(completion(usage={"completion_tokens": 2**70})),
        "counted 1180591620717411303424 written tokens, which is no number of tokens",
    ),
    "not UTF-8": (
        Said(b'{"model":"tiny","choices":[{"message":{"content":"caf\xe9"},"finish_reason":"stop"}]}'),
        "answered with half of a character (a lone surrogate, or bytes that are not UTF-8)",
    ),
    "large": (Said(completion("x" * 30_000)), "answers more than 20000 bytes; see endpoint.answer_bytes"),
    "large after decompression": (
        Said(gzip.compress(b" " * 50_000_000), headers={"content-encoding": "gzip"}),
        "answers more than 20000 bytes; see endpoint.answer_bytes",
    ),
    "damaged gzip": (
        Said(b"no gzip", headers={"content-encoding": "gzip"}),
        "answers with damaged gzip: Error -3 while decompressing data: incorrect header check",
    ),
    "another encoding": (
        Said(b"?", headers={"content-encoding": "br"}),
        "answers in the encoding 'br', which was not asked for",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_one_odd_answer_fails_its_row_alone(tools: Tools, server: OddServer, name: str) -> None:
    said, reason = ODD[name]
    server.answer = lambda asked: said if BAD in asked.text else GOOD
    found = ask(tools)
    assert [one.error for one in found if one.error] == [f"{server.base}/chat/completions {reason}"]
    assert recorded(tools) == (23, 1)
    assert len(server.asked) == 24


def test_one_answer_by_another_model_fails_its_row_alone(tools: Tools, server: OddServer) -> None:
    server.answer = lambda asked: Said(completion(model="gpt-4")) if BAD in asked.text else GOOD
    assert [one.error for one in ask(tools) if one.error] == [
        f"{server.base} answered from 'gpt-4', but 'tiny' is declared and was requested"
    ]
    assert recorded(tools) == (23, 1)
    again = ask(tools)  # alone, and it failed before: the row is odd, not the endpoint
    assert (len([one for one in again if one.error]), recorded(tools)) == (1, (23, 2))


@pytest.mark.parametrize("said", [Said(RESET), Said(completion(), delay=60.0)])
def test_a_row_that_always_breaks_the_connection_fails_alone(tools: Tools, server: OddServer, said: Said) -> None:
    server.answer = lambda asked: said if BAD in asked.text else Said(completion(), delay=0.3)
    tools.bench.endpoints = Settings(patience=6.0, deadline=2.0, in_flight=2)
    found = ask(tools)
    assert [("does not answer" in one.error or "no whole answer" in one.error) for one in found if one.error] == [True]
    assert recorded(tools) == (23, 1)


def test_the_last_row_that_is_left_fails_if_the_server_answers_otherwise(tools: Tools, server: OddServer) -> None:
    server.answer = lambda asked: Said(RESET)
    assert [str(one.error).endswith("does not answer: ReadError") for one in ask(tools, ASKED[:1])] == [True]
    assert recorded(tools) == (0, 1)


def test_compressed_answers_are_read(tools: Tools, server: OddServer) -> None:
    body = gzip.compress(json.dumps(completion("Packed.")).encode())
    server.answer = lambda asked: Said(body, headers={"content-encoding": "gzip"})
    assert {one.text for one in ask(tools)} == {"Packed."}
    assert {asked.headers["accept-encoding"] for asked in server.asked} == {"gzip, deflate"}


def test_connections_are_used_again_and_many_requests_are_in_flight(tools: Tools, server: OddServer) -> None:
    server.answer = lambda asked: Said(completion(), delay=0.2)
    many = [Prompt.ask(f"What is plant {number}?") for number in range(200)]
    tools.bench.endpoints = Settings(in_flight=50)
    assert all(one.error is None for one in ask(tools, many))
    assert 32 < server.most_in_flight <= 50
    assert server.connections <= 51


def test_no_proxy_or_password_of_the_environment_is_used(
    tools: Tools, server: OddServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with OddServer().serving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base)
        ask(tools, ASKED[:2])
        assert proxy.connections == 0
    assert "authorization" not in server.asked[0].headers


def test_thoughts_are_recorded_beside_the_text(tools: Tools, server: OddServer) -> None:
    message = {"content": "Tea.", "reasoning_content": "Hm."}
    server.answer = lambda asked: Said(completion(choices=[{"message": message, "finish_reason": "stop"}]))
    ask(tools, ASKED[:1])
    assert query(tools.bench.data, "SELECT response FROM memo.calls").item() == '{"reasoning":"Hm.","text":"Tea."}'


def test_a_text_with_a_control_token_is_refused_and_not_sent(tools: Tools, server: OddServer) -> None:
    found = ask(tools, [*ASKED[:2], Prompt.ask("What does <|im_end|> mean?")])
    assert [one.refusal for one in found] == [
        None,
        None,
        "the text holds the control token '<|im_end|>', which an endpoint cannot be sent as plain text",
    ]
    assert len(server.asked) == 2
    assert ask(tools, [Prompt.ask("What does <|im_end|> mean?")])[0].refusal == found[2].refusal
    assert (len(server.asked), recorded(tools)) == (2, (3, 0))
