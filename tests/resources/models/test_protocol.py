"""The memo stores model calls and reuses their answers. If the code that asks a model changes, old calls must not
answer new requests, so each kind of call has a protocol number in its key. These tests fail if someone changes that
code without updating the number or its digest. Existing calls must keep their keys, because record ids depend on
them."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resources.models import device, protocol
from resources.models.calls import Adapter, Prompt, Sampling, Training
from resources.models.engines import Wanted
from resources.tools.forecast import ForecastTools
from resources.tools.tools import Tools
from resources.tools.workbench import Workbench
from tests.support.tiny import ROOT
from warehouse.audit.rehashing import wrong_calls
from warehouse.lineage.material import Material
from warehouse.store.calls import Answer, Call
from warehouse.store.memo import Memo

SHA = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
ASKED = [Prompt.ask("Who was Ada?", seed=7), Prompt(text="Once", seed=7)]
GREEDY, SAMPLED = Sampling(8), Sampling(8, 0.7, 0.5, ("\n\n",))
EXAMPLES = [(ASKED[0], "A writer.")]
TRAINING = Training(
    epochs=2, learning_rate=0.02, rank=2, alpha=4, batch_size=2, max_tokens=64, last_layers=1,
    target_modules=("q_proj",), checkpoint_every=8, seed=1,
)  # fmt: skip
ADAPTER = Adapter("b" * 32, "c" * 64)

KEYS: dict[str, tuple[Callable[[Tools], object], list[str]]] = {
    "greedy": (
        lambda tools: tools.model("writer").complete(ASKED, GREEDY),
        ["0d51a420bcf5bc3d45ba0d8f847c6eca", "1cb2b17eddc1fe2e82fdda449d00c3f2"],
    ),
    "sampled": (
        lambda tools: tools.model("writer").complete(ASKED, SAMPLED),
        ["211aab034cdd1fbddbb3a510ee4c0756", "ec3cdec0147ced958c6620d0db2420b8"],
    ),
    "adapter": (
        lambda tools: tools.model("writer", ADAPTER).complete(ASKED, GREEDY),
        ["d5375d5f4c0042b15d13c6a41b8977ac", "ba138dd8418c5ee7adf263e9946e5226"],
    ),
    "endpoint": (
        lambda tools: tools.model("remote").complete(ASKED, SAMPLED),
        ["22f88727ec800ea5d53851ba668d3e18", "b4bb25d9e5c57adf5ea1b6134562ddf2"],
    ),
    "loss": (
        lambda tools: tools.model("writer").losses([*EXAMPLES, (Prompt(), "A writer.")]),
        ["49ee20a5b2fd60854db1f8a422ff5100", "b090d50d9468e36cff00bce2441b41fc"],
    ),
    "embedding": (lambda tools: tools.embed("writer", ["Ada"]), ["18e5b6822f5721a261f03c98607cbe9a"]),
    "training": (lambda tools: tools.train("writer", EXAMPLES, TRAINING), ["8358dcba8ca9f0c51cc3aa5643c8b276"]),
}
"""Calls and their keys, which date from before there were protocol numbers."""

PROTOCOL_OF = {
    "greedy": "COMPLETION", "sampled": "COMPLETION", "adapter": "COMPLETION", "endpoint": "ENDPOINT_COMPLETION",
    "loss": "LOSS", "embedding": "EMBEDDING", "training": "TRAINING",
}  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    models = {
        "writer": Material("model", "writer", "Apache-2.0", address="path:writer", sha256=SHA),
        "remote": Material("model", "remote", "Apache-2.0", address="http://localhost:1/v1#tiny", sha256=SHA),
    }
    return Workbench(tmp_path / "data", tmp_path, models, {}, engines={"writer": Wanted("transformers")})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Collect the calls that the memo is asked for, instead of computing them."""
    calls: list[Call] = []

    def run(self: Memo, asked: list[Call], *_: Any, **__: Any) -> list[Answer]:
        calls.extend(asked)
        return [Answer({"weights": "a" * 64, "losses": []}, 1, 0.0, vector=np.ones(1, dtype=np.float32)) for _ in asked]

    monkeypatch.setattr(Memo, "run", run)
    monkeypatch.setattr(Memo, "run_as_they_arrive", run)
    return calls


def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "on_gpu", lambda: True)


@pytest.fixture(autouse=True)
def on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "on_gpu", lambda: False)


@pytest.mark.parametrize("name", KEYS)
def test_protocol_1_on_a_cpu_keeps_the_keys_of_existing_calls(bench: Workbench, asked: list[Call], name: str) -> None:
    ask, keys = KEYS[name]
    ask(Tools(bench))
    assert [call.key for call in asked] == keys


@pytest.mark.parametrize("name", KEYS)
def test_a_new_protocol_number_gives_new_keys(
    bench: Workbench, asked: list[Call], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ask, keys = KEYS[name]
    monkeypatch.setattr(protocol, PROTOCOL_OF[name], 2)
    ask(Tools(bench))
    assert {call.key for call in asked}.isdisjoint(keys)
    assert {call.request["protocol"] for call in asked} == {2}


@pytest.mark.parametrize("name", sorted(KEYS.keys() - {"endpoint", "embedding"}))
def test_bfloat16_on_a_gpu_and_float32_on_a_cpu_give_different_keys(
    bench: Workbench, asked: list[Call], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ask, keys = KEYS[name]
    on_a_gpu(monkeypatch)
    ask(Tools(bench))
    assert {call.key for call in asked}.isdisjoint(keys)
    assert {call.request["numerics"] for call in asked} == {"bfloat16 on cuda"}


@pytest.mark.parametrize("name", ["endpoint", "embedding"])
def test_endpoint_and_embedding_keys_do_not_depend_on_the_local_device(
    bench: Workbench, asked: list[Call], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ask, keys = KEYS[name]
    on_a_gpu(monkeypatch)
    ask(Tools(bench))
    assert [call.key for call in asked] == keys


@pytest.mark.parametrize("name", KEYS)
def test_a_plan_looks_for_the_same_calls_as_a_build(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ask, keys = KEYS[name]
    tools = ForecastTools(bench)
    ask(tools)
    assert [key for key, _ in tools.missing.calls] == keys
    monkeypatch.setattr(protocol, PROTOCOL_OF[name], 2)
    changed = ForecastTools(bench)
    ask(changed)
    assert {key for key, _ in changed.missing.calls}.isdisjoint(keys)


def test_calls_made_before_a_protocol_change_are_not_reused_after_it(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resources.fetching.tree_digest import tree_digest

    writer = Material("model", "writer", "Apache-2.0", address=f"path:{tiny_model}", sha256=tree_digest(tiny_model))
    bench = Workbench(tmp_path / "data", tmp_path, {"writer": writer}, {})

    def ask() -> tuple[int, int]:
        tools = Tools(bench)
        tools.model("writer").complete(ASKED, GREEDY)
        tools.model("writer").losses(EXAMPLES)
        return tools.meter.computed, tools.meter.from_memo

    assert ask() == (3, 0)
    assert ask() == (0, 3)
    monkeypatch.setattr(protocol, "COMPLETION", 2)
    assert ask() == (2, 1)
    monkeypatch.setattr(protocol, "LOSS", 2)
    assert ask() == (1, 2)
    assert ask() == (0, 3)
    with bench.database.read() as connection:
        assert wrong_calls(connection) == []


MODELS = ROOT / "resources" / "models"
LANGUAGE_MODEL = "language_model.py LanguageModel"
TOKENS = ["chat_template.py", "calls.py Prompt chat", "control_tokens.py", "literal_tokens.py", "prompt_tokens.py"]

CODE: dict[str, list[str]] = {
    "COMPLETION": [
        *TOKENS,
        "sampling.py",
        "generation.py end_tokens",
        "generation.py own_config",
        "model_texts.py",
        "language_model.py _StopStrings",
        *(f"{LANGUAGE_MODEL} {name}" for name in ("__init__", "_padded", "complete")),
        "openvino_export.py",
        "openvino_writer.py",
        "../endpoint/token_requests.py CompletionRequest",
    ],
    "ENDPOINT_COMPLETION": ["calls.py Prompt chat", "../endpoint/request.py PromptRequest", "../endpoint/answer.py"],
    "LOSS": [
        *TOKENS,
        "model_texts.py",
        "losses.py",
        *(f"{LANGUAGE_MODEL} {name}" for name in ("__init__", "losses")),
        "../endpoint/token_requests.py LossRequest",
    ],
    "EMBEDDING": ["embedder.py", "../endpoint/token_requests.py EmbeddingRequest"],
    "TRAINING": [
        *TOKENS,
        *(f"trainer.py {name}" for name in ("_rows", "_trainer", "_adapter", "_settings", "_completion_trainer")),
        "packing.py",
        "completion_loss.py",
    ],
}
"""The code that each protocol number covers: a file of resources/models, or a definition in it."""

DIGESTS = {
    "COMPLETION": (1, "00ff4f9b7bdd9e31"),
    "ENDPOINT_COMPLETION": (1, "56dfdc32963c2fb4"),
    "LOSS": (1, "3503716fa97e14d4"),
    "EMBEDDING": (1, "beb0d2ab6852c686"),
    "TRAINING": (1, "9aada2e961eb1d20"),
}
"""Per protocol: its number and the digest of the code that it covers."""


@pytest.mark.parametrize("name", CODE)
def test_code_covered_by_a_protocol_number_is_unchanged(name: str) -> None:
    found = (getattr(protocol, name), code_digest(CODE[name]))
    assert found == DIGESTS[name], (
        f"the code that protocol.{name} covers has changed. Raise protocol.{name} if a model may now read another "
        "text, or answer or be read differently. Then put the new number and digest into DIGESTS; if none of that "
        "changes, put only the new digest there."
    )


def test_layout_comments_and_docstrings_do_not_change_the_digest(tmp_path: Path) -> None:
    before = 'def f(x):\n    """One."""\n    return x + 1\n'
    assert bare(before) == bare('def f(x):\n    """Two."""\n\n    # why\n    return (x\n        + 1)\n')
    assert bare(before) != bare(before.replace("1", "2"))


def code_digest(places: list[str]) -> str:
    """Digest of the code at `places`, each "FILE [NAME [NAME]]", without comments, docstrings and layout."""
    texts = []
    for place in places:
        file, *names = place.split()
        node: ast.AST = ast.parse((MODELS / file).read_text(encoding="utf-8"))
        for name in names:
            (node,) = (one for one in node.body if getattr(one, "name", None) == name)  # type: ignore[attr-defined]
        texts.append(bare(ast.unparse(node)))
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def bare(text: str) -> str:
    """Code without comments, docstrings and layout."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [one for one in body if not _is_text(one)] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_text(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
