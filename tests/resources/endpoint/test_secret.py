"""Some servers and proxies repeat the API key in what they answer. These tests check that no form of it gets into the
warehouse, into a message or into a log, wherever a server puts it."""

from __future__ import annotations

import base64
import html
import json
import logging
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest

from resources.endpoint.errors import Unusable
from resources.endpoint.secret import Secret
from tests.support.building import build, edit, query
from tests.support.endpoints import at_an_endpoint
from tests.support.odd_server import Asked, OddServer, Said, completion

KEY = 'sk-Qw/er+ty"Uiop&4711Asdf'
SECRET = Secret(KEY)

FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda key: key,
    "bearer": lambda key: f"Bearer {key}",
    "percent": lambda key: urllib.parse.quote(key, safe=""),
    "form": urllib.parse.quote_plus,
    "HTML": html.escape,
    "JSON": lambda key: json.dumps(key)[1:-1],
    "JSON of JSON's slashes": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "hexadecimal": lambda key: key.encode().hex(),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 for addresses": lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
    "base64 after a byte": lambda key: base64.b64encode(b"x" + key.encode() + b"yz").decode(),
    "base64 of the header": lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
    "its end": lambda key: key[8:],
    "its start": lambda key: key[:14],
    "masked": lambda key: f"{key[:4]}****{key[8:]}",
    "masked, as OpenAI does it": lambda key: f"{key[:5]}{'*' * 12}{key[-4:]}",
    "masked with dots": lambda key: f"{key[:7]}...{key[-4:]}",
}


def repeats(text: str) -> bool:
    """Whether a text holds eight characters of the key, or of its base64, one after the other."""
    wholes = [KEY, *(base64.b64encode(bytes(n) + KEY.encode()).decode()[4:-4] for n in range(3)), KEY.encode().hex()]
    return any(whole[at : at + 8] in text for whole in wholes for at in range(len(whole) - 7))


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_the_key_is_hidden(name: str) -> None:
    hidden = SECRET.hidden(f"you sent {FORMS[name](KEY)} to us")
    assert hidden.startswith("you sent ")
    assert hidden.endswith(" to us")
    assert not repeats(hidden)
    assert KEY[-4:] not in hidden


def test_other_texts_stay_as_they_are() -> None:
    for text in ("sk- is how a key starts", "a***b", "Asdf and 4711", "", "c2stUXc", "…"):
        assert SECRET.hidden(text) == text
    assert Secret("").hidden("Bearer None") == "Bearer None"
    assert SECRET.hidden_in({"a": [KEY, 1, None], KEY: {"b": KEY}}) == {"a": ["…", 1, None], "…": {"b": "…"}}


def test_a_placeholder_is_no_secret_in_an_answer() -> None:
    assert Secret("EMPTY").received("the list is EMPTY") == "the list is EMPTY"
    assert Secret("EMPTY").hidden("wrong key EMPTY") == "wrong key …"


@pytest.mark.parametrize("key", ["söcret-key-1", "two\nlines-of-key"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLINGSHOT_API_KEY", key)
    with pytest.raises(Unusable) as refused:
        Secret.from_environment()
    assert "SLINGSHOT_API_KEY cannot be sent" in str(refused.value)
    assert key not in str(refused.value)


def test_a_server_that_repeats_the_key_everywhere_gets_it_into_no_file(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SLINGSHOT_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    forms = [form(KEY) for form in FORMS.values()]

    def models(asked: Asked) -> Said:
        entry = {"id": "tiny", "note": forms, KEY: asked.headers["authorization"]}
        return Said({"data": [entry]}, headers={"server": f"proxy for {KEY}", "x-key": KEY})

    def answer(asked: Asked) -> Said:
        form = forms[asked.number % len(forms)]
        bodies = [
            Said(completion(f"Your key is {form}.")),
            Said(completion(choices=[{"message": {"content": "Fine.", "reasoning": form}, "finish_reason": "stop"}])),
            Said(completion(model=f"tiny {form}")),
            Said({"error": {"message": f"no {form}"}}, 400),
            Said({"error": {"message": f"no {form}"}}, 500, {"server": KEY}),
            Said(json.dumps(completion("key")).replace("key", "".join(f"\\u{ord(c):04x}" for c in KEY)).encode()),
            Said(completion("A good answer that has no key in it.")),
        ]
        return bodies[asked.number % len(bodies)]

    with OddServer(answer, models).serving() as server:
        edit(tiny, lambda values: at_an_endpoint(values, server.address))
        _, failures = build(tiny, tmp_path / "data", "+raw_self_training")
        server.answer = lambda asked: Said({"error": f"wrong key {forms[asked.number % len(forms)]}"}, 401)
        edit(tiny, lambda values: values.update(seed=99))
        _, refused = build(tiny, tmp_path / "data", "+raw_self_training")
    assert failures == []
    assert 0 < len(query(tmp_path / "data", "FROM memo.calls")) < 12
    assert len(query(tmp_path / "data", "FROM memo.failures")) + len(query(tmp_path / "data", "FROM memo.calls")) == 12
    assert "HTTP 401" in refused[0].message
    engine = query(tmp_path / "data", "SELECT DISTINCT engine FROM memo.calls")["engine"].item()
    assert json.loads(engine.split(" ", 2)[2])["server"] == "proxy for …"
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert {"slingshot.duckdb"} < {path.name for path in files}
    for text in [*(path.read_bytes().decode("latin-1") for path in files), caplog.text, str(refused), str(failures)]:
        assert not repeats(text)
