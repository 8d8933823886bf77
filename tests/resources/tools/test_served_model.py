"""Servers answer for a model of the recipe in its place. If they read other tokens, answer for an adapter that they do
not have, or are off by more than rounding, the rows are wrong and nobody sees it. So each answer is compared with what
the same model says on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from resources.endpoint.errors import Unusable
from resources.endpoint.settings import Fleet, Settings, Task
from resources.fetching.tree_digest import tree_digest
from resources.models.calls import Adapter, Prompt, Sampling, Training
from resources.models.engines import Wanted
from resources.tools.tools import Tools
from resources.tools.workbench import Workbench
from tests.support.building import query
from tests.support.odd_server import OddServer, Said
from tests.support.vllm_stand_in import VllmStandIn
from warehouse.lineage.material import Material

GREEDY = Sampling(12)
PROMPTS = [Prompt.ask("what is the river " * (1 + number), seed=number) for number in range(6)]
ASKED = [
    *PROMPTS,
    Prompt(text="the old river"),
    Prompt.ask("a <s> in a text"),
    Prompt((("user", "a"), ("assistant", "b"))),
]
EXAMPLES = [(prompt, "the river is old") for prompt in PROMPTS]
LORA = Training(
    epochs=2, learning_rate=0.5, rank=2, alpha=4, batch_size=2, max_tokens=256, last_layers=2,
    target_modules=("q_proj", "v_proj"), checkpoint_every=8, seed=1,
)  # fmt: skip
LISTED = lambda asked: Said({"data": [{"id": "writer"}]})  # noqa: E731
NATS, COSINE = 1e-4, 1e-5
"""How far losses and the numbers of embeddings may be from those of this machine, in float32 on both sides."""


@pytest.fixture
def server(tiny_model: Path, tiny_embedder: Path) -> Iterator[VllmStandIn]:
    with VllmStandIn(tiny_model, ["writer", "embedder"], embedder=tiny_embedder).serving() as serving:
        yield serving


@pytest.fixture
def bench_at(tiny_model: Path, tiny_embedder: Path, tmp_path: Path) -> Callable[..., Workbench]:
    """A workbench in a folder, whose models are at these servers."""

    def made(folder: str, *urls: str, gives: set[Task] | None = None) -> Workbench:
        models = {
            name: Material("model", name, "Apache-2.0", address=f"path:{place}", sha256=tree_digest(place))
            for name, place in (("writer", tiny_model), ("embedder", tiny_embedder))
        }
        fleet = Fleet(urls, frozenset(gives)) if gives else Fleet(urls)
        return Workbench(
            tmp_path / folder,
            tmp_path,
            models,
            {},
            engines={"writer": Wanted("transformers")},
            endpoints=Settings(patience=5.0),
            fleets=dict.fromkeys(models, fleet) if urls else {},
        )

    return made


@pytest.fixture
def here(bench_at: Callable[..., Workbench]) -> Tools:
    return Tools(bench_at("here"))


@pytest.fixture
def there(bench_at: Callable[..., Workbench], server: VllmStandIn) -> Tools:
    return Tools(bench_at("there", server.base))


def written(tools: Tools, adapter: Adapter | None = None, sampling: Sampling = GREEDY) -> list[tuple[str, bool]]:
    found = tools.model("writer", adapter).complete(ASKED, sampling)
    assert {one.error for one in found} == {None}
    return [(one.text, one.complete) for one in found]


@pytest.mark.parametrize("stop", [(), ("e",)])
def test_greedy_answers_are_those_of_this_machine(here: Tools, there: Tools, stop: tuple[str, ...]) -> None:
    sampling = Sampling(12, stop=stop)
    assert written(there, sampling=sampling) == written(here, sampling=sampling)


def test_a_server_reads_the_tokens_of_this_machine_with_control_tokens_as_text(
    here: Tools, there: Tools, server: VllmStandIn, tiny_model: Path
) -> None:
    from resources.models.model_texts import ModelTexts

    there.model("writer").complete(ASKED, Sampling(4, 0.7, 0.9))
    texts = ModelTexts(tiny_model)
    sent = [body for body in server.bodies if "prompt" in body]
    assert sorted(body["prompt"] for body in sent) == sorted(texts.of_prompt(prompt) for prompt in ASKED)
    assert {body["temperature"] for body in sent} == {0.7}
    assert {body["seed"] for body in sent} == {prompt.seed for prompt in ASKED}


@pytest.mark.parametrize("ends", [False, True])
def test_losses_are_those_of_this_machine_but_for_rounding(here: Tools, there: Tools, ends: bool) -> None:
    texts = EXAMPLES if ends else [*EXAMPLES, (Prompt(), "a bare text"), (Prompt(text="the old"), "river")]
    local, served = here.model("writer").losses(texts, ends), there.model("writer").losses(texts, ends)
    assert [one.tokens for one in served] == [one.tokens for one in local]
    assert [one.mean for one in served] == pytest.approx([one.mean for one in local], abs=NATS)


def test_what_exceeds_the_context_is_refused_and_not_sent(here: Tools, there: Tools, server: VllmStandIn) -> None:
    long = Prompt.ask("river " * 3000)
    (local,), (served,) = (tools.model("writer").complete([long], GREEDY) for tools in (here, there))
    assert local.refusal is not None
    assert (served.refusal, served.error) == (local.refusal, None)
    (measured,) = there.model("writer").losses([(long, "the river")])
    assert str(measured.refusal).startswith("the text has ")
    assert server.posted() == 0


def test_embeddings_are_those_of_this_machine_and_of_unit_length(here: Tools, there: Tools) -> None:
    texts = ["the old river", "a river", "what is the river?"]
    local, served = (np.stack([one.values for one in tools.embed("embedder", texts)]) for tools in (here, there))
    assert np.abs(local - served).max() < COSINE
    assert np.linalg.norm(served, axis=1) == pytest.approx(np.ones(3), abs=1e-6)


def test_a_model_declared_at_a_server_embeds_too(bench_at: Callable[..., Workbench], server: VllmStandIn) -> None:
    bench = bench_at("declared")
    bench.models = {"far": Material("model", "far", "MIT", address=f"{server.base}#embedder", sha256="ab" * 32)}
    (found,) = Tools(bench).embed("far", ["the old river"])
    assert (found.error, len(found.values) > 1) == (None, True)


def test_what_servers_answer_has_keys_of_its_own_and_says_who_answered(there: Tools, server: VllmStandIn) -> None:
    """A build here must not take numbers of a server for its own, nor the other way round."""
    there.model("writer").complete(PROMPTS, GREEDY)
    there.model("writer").losses(EXAMPLES)
    there.embed("embedder", ["the old river"])
    before = server.posted()
    again = Tools(there.bench)
    again.model("writer").complete(PROMPTS, GREEDY)
    again.model("writer").losses(EXAMPLES)
    assert (again.meter.computed, again.meter.from_memo, server.posted()) == (0, 12, before)
    there.bench.fleets = {}
    local = Tools(there.bench)
    local.model("writer").complete(PROMPTS, GREEDY)
    local.model("writer").losses(EXAMPLES)
    local.embed("embedder", ["the old river"])
    assert (local.meter.computed, local.meter.from_memo) == (13, 0)
    sql = "SELECT kind, request ->> 'numerics' AS numerics, bool_and(engine LIKE 'endpoint %') AS far, count(*)::INT "
    assert sorted(query(there.bench.data, f"{sql} FROM memo.calls GROUP BY ALL").rows(), key=str) == [
        ("completion", "of a server", True, 6),
        ("completion", None, False, 6),
        ("embedding", "of a server", True, 1),
        ("embedding", None, False, 1),
        ("loss", "of a server", True, 6),
        ("loss", None, False, 6),
    ]


def test_the_precision_of_the_recipe_is_part_of_the_key(there: Tools) -> None:
    """`slingshot serve` starts the server in it, so its answers are others then."""
    there.model("writer").complete(PROMPTS[:2], GREEDY)
    there.bench.engines = {"writer": Wanted(precision="bfloat16")}
    there.model("writer").complete(PROMPTS[:2], GREEDY)
    found = query(there.bench.data, "SELECT DISTINCT request ->> 'numerics' AS numerics FROM memo.calls ORDER BY 1")
    assert found["numerics"].to_list() == ["bfloat16 of a server", "of a server"]


def test_adapters_are_loaded_once_by_each_server_and_answer_as_here(
    here: Tools, bench_at: Callable[..., Workbench], tiny_model: Path
) -> None:
    adapter = here.train("writer", EXAMPLES, LORA).adapter
    local, losses = written(here, adapter), here.model("writer", adapter).losses(EXAMPLES)
    assert local != written(here)
    with VllmStandIn(tiny_model, ["writer"]).serving() as one, VllmStandIn(tiny_model, ["writer"]).serving() as other:
        here.bench.fleets = {"writer": Fleet((one.base, other.base))}
        assert written(here, adapter) == local
        served = here.model("writer", adapter).losses(EXAMPLES)
        assert [loss.mean for loss in served] == pytest.approx([loss.mean for loss in losses], abs=NATS)
        name = f"writer-{adapter.weights[:16]}"
        folder = str(here.bench.checkpoints.folder(adapter.training).resolve())
        assert one.loaded == other.loaded == {name: folder}
        assert one.reports == other.reports == ["writer", name]


def test_a_server_that_was_started_again_loads_the_adapter_again(here: Tools, server: VllmStandIn) -> None:
    """It has lost all adapters, and would answer that it does not know the model."""
    adapter = here.train("writer", EXAMPLES, LORA).adapter
    here.bench.fleets = {"writer": Fleet((server.base,))}
    first = here.model("writer", adapter).complete(PROMPTS[:2], GREEDY)
    server.loaded.clear()
    del server.reports[2:]
    second = here.model("writer", adapter).complete(PROMPTS[2:], GREEDY)
    assert [one.error for one in (*first, *second)] == [None] * 6
    assert list(server.loaded) == [f"writer-{adapter.weights[:16]}"]


def test_a_server_that_loads_no_adapter_stops_the_build_and_says_what_helps(here: Tools, server: VllmStandIn) -> None:
    adapter = here.train("writer", EXAMPLES, LORA).adapter
    here.bench.fleets, server.loads = {"writer": Fleet((server.base,))}, False
    with pytest.raises(Unusable, match="cannot be loaded") as stopped:
        here.model("writer", adapter).complete(PROMPTS, GREEDY)
    assert str(stopped.value).startswith(f"the adapter {here.bench.checkpoints.folder(adapter.training).resolve()} ")
    assert "No adapter found" in str(stopped.value)
    assert "leave adapters out of what the servers give in deployment.yaml" in str(stopped.value)
    here.bench.fleets = {"writer": Fleet((server.base,), frozenset({"completions"}))}
    assert {one.error for one in here.model("writer", adapter).complete(PROMPTS, GREEDY)} == {None}
    assert server.loaded == {}


def test_a_student_of_which_all_weights_were_trained_is_computed_here(here: Tools, server: VllmStandIn) -> None:
    whole = Training(
        epochs=1, learning_rate=0.1, rank=None, alpha=None, batch_size=2, max_tokens=256, last_layers=None,
        target_modules=(), checkpoint_every=8, method="full",
    )  # fmt: skip
    trained = here.train("writer", EXAMPLES, whole).adapter
    here.bench.fleets = {"writer": Fleet((server.base,))}
    assert {one.error for one in here.model("writer", trained).complete(PROMPTS, GREEDY)} == {None}
    assert server.posted() == 0


def test_what_a_server_does_not_give_is_computed_here(bench_at: Callable[..., Workbench], server: VllmStandIn) -> None:
    tools = Tools(bench_at("some", server.base, gives={"losses"}))
    tools.model("writer").complete(PROMPTS, GREEDY)
    tools.embed("embedder", ["the old river"])
    assert server.posted() == 0
    tools.model("writer").losses(EXAMPLES)
    assert server.posted() == len(EXAMPLES)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"text": "the river"}, "answered without the tokens that it wrote (`token_ids`); use vLLM 0.10.2 or later"),
        ({"token_ids": [1, "2"]}, "answered without the tokens that it wrote"),
        (
            {"token_ids": [1, 2, 3], "finish_reason": "length"},
            "ended its answer after 3 of 12 tokens, at a limit of its own: --max-model-len",
        ),
        ({"token_ids": [1], "finish_reason": "abort"}, "ended its answer with 'abort' instead of an end or the budget"),
    ],
)
def test_an_answer_without_tokens_fails_its_row_with_the_reason(
    bench_at: Callable[..., Workbench], choice: dict[str, object], message: str
) -> None:
    body = {"model": "writer", "choices": [choice]}
    with OddServer(lambda asked: Said(body), models=LISTED).serving() as odd:
        (found,) = Tools(bench_at("odd", odd.base)).model("writer").complete(PROMPTS[:1], GREEDY)
    assert message in str(found.error)


@pytest.mark.parametrize("said", [None, [], [None, {"7": {"rank": 1}}]])
def test_an_answer_without_losses_fails_its_row(bench_at: Callable[..., Workbench], said: object) -> None:
    body = {"model": "writer", "choices": [{"token_ids": [1], "prompt_logprobs": said}]}
    with OddServer(lambda asked: Said(body), models=LISTED).serving() as odd:
        (found,) = Tools(bench_at("odd", odd.base)).model("writer").losses(EXAMPLES[:1])
    assert "prompt_logprobs" in str(found.error)
