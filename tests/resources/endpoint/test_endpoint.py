"""A remote endpoint can serve another model than the recipe declares, or fail for single rows or completely. These
tests check that the reported model is compared with the declared one, and that a failure does not lose finished
answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from resources.endpoint.answer import Written
from resources.endpoint.endpoint import Endpoint
from resources.endpoint.errors import StillWaiting, Unusable
from resources.endpoint.request import PromptRequest
from resources.endpoint.settings import Settings
from resources.fetching.addresses import Address
from resources.fetching.cache import Cache
from resources.fetching.errors import FetchError
from resources.models.calls import Completion, Prompt, Sampling
from resources.models.language_model import LanguageModel
from resources.tools.tools import Tools
from resources.tools.workbench import Workbench
from tests.support.building import build, edit, planned, query
from tests.support.endpoints import Server, at_an_endpoint, without_special_tokens
from warehouse.core.errors import UserError
from warehouse.lineage.material import Material

SHA = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GREEDY = Sampling(max_new_tokens=12)
ASKED = [Prompt.ask(f"what is the {word}") for word in ("river", "stone", "garden", "old house", "and", "near")]


@pytest.fixture
def server(tiny_model: Path) -> Iterator[Server]:
    with Server(tiny_model).serving() as serving:
        yield serving


@pytest.fixture
def endpoint(server: Server) -> Endpoint:
    return Endpoint(server.base, "tiny")


@pytest.fixture
def tools(server: Server, tmp_path: Path) -> Tools:
    model = Material("model", "remote", "Apache-2.0", address=server.address, sha256=SHA)
    return Tools(Workbench(tmp_path / "data", tmp_path, {"remote": model}, {}))


def written(endpoint: Endpoint, prompts: list[Prompt], sampling: Sampling) -> list[tuple[str, int, bool] | None]:
    """What the endpoint wrote, in the order of the prompts; None where the row has failed."""
    arrived = sorted(
        (one for group in endpoint.ask([PromptRequest(prompt, sampling) for prompt in prompts]) for one in group),
        key=lambda one: one.index,
    )
    found = [one.outcome for one in arrived]
    assert len(found) == len(prompts)
    return [(one.text, one.tokens, one.complete) if isinstance(one, Written) else None for one in found]


def local(folder: Path, prompts: list[Prompt], sampling: Sampling) -> list[tuple[str, int, bool] | None]:
    """What the same model writes on this machine, without special tokens; None for an empty text, which is no answer
    of an endpoint."""
    model = LanguageModel(folder)
    found = [one for prompt in prompts for one in model.complete([prompt], sampling)]
    spoken = [(without_special_tokens(text), tokens, complete) for text, tokens, complete in found]
    return [one if one[0].strip() else None for one in spoken]


def texts(completions: list[Completion]) -> list[tuple[str, bool]]:
    return [(completion.text, completion.complete) for completion in completions]


def test_completions_equal_those_of_the_served_model(endpoint: Endpoint, tiny_model: Path) -> None:
    bare = [Prompt(text="what is the"), Prompt(text="near the old")]
    found = written(endpoint, ASKED + bare, GREEDY)
    assert found == local(tiny_model, ASKED + bare, GREEDY)
    assert any(found)


def test_a_request_sends_only_the_recorded_settings(endpoint: Endpoint, server: Server) -> None:
    written(endpoint, [Prompt.ask("what", seed=7)], GREEDY)
    written(endpoint, [Prompt(text="what", seed=7)], Sampling(4, 0.7, 0.5, ("\n\n",)))
    messages = [{"role": "user", "content": "what"}]
    assert server.bodies == [
        {"model": "tiny", "max_tokens": 12, "messages": messages, "temperature": 0.0},
        {
            "model": "tiny",
            "max_tokens": 4,
            "prompt": "what",
            "temperature": 0.7,
            "top_p": 0.5,
            "seed": 7,
            "stop": ["\n\n"],
        },
    ]


def test_rows_are_requested_in_parallel_and_returned_in_order(
    endpoint: Endpoint, server: Server, tiny_model: Path
) -> None:
    sampled = Sampling(8, temperature=1.0)
    prompts = [Prompt.ask("what is the river", seed=i) for i in range(40)]
    found = written(endpoint, prompts, sampled)
    assert found == local(tiny_model, prompts, sampled)
    assert 1 < server.most_in_flight <= 40
    assert {one[2] for one in found if one} == {True, False}


def test_without_a_token_count_the_budget_is_recorded(endpoint: Endpoint, server: Server) -> None:
    server.usage = False
    assert [one and one[1] for one in written(endpoint, ASKED[:1], GREEDY)] == [12]


def test_a_server_that_reports_another_model_gets_no_prompts(tools: Tools, server: Server) -> None:
    server.reports = ["other", "another"]
    with pytest.raises(UserError) as refused:
        tools.model("remote").complete(ASKED, GREEDY)
    assert str(refused.value) == (
        f"the endpoint {server.base} does not serve the declared model 'tiny'; it reports: 'another', 'other'; "
        "put one of these after '#' in the address, with the sha256 and licence of its weights"
    )
    assert server.asked == ["GET /v1/models"]


@pytest.mark.parametrize(("name", "found"), [("other", "'other'"), (None, "an unnamed model")])
def test_an_answer_from_another_model_stops_the_run_and_is_not_stored(
    tools: Tools, server: Server, name: str | None, found: str
) -> None:
    server.answers_from = name
    with pytest.raises(UserError) as refused:
        tools.model("remote").complete(ASKED, GREEDY)
    assert str(refused.value) == (
        f"the endpoint {server.base} answered from {found}, but 'tiny' is declared and was requested; the answer is "
        "not kept; use a server that answers from the declared model only"
    )
    for table in ("memo.calls", "memo.failures"):
        assert query(tools.bench.data, f"FROM {table}").is_empty()


def test_an_unreachable_endpoint_gives_one_error(tools: Tools) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(Unusable) as refused:
            list(Endpoint(base, "tiny").ask([PromptRequest(prompt, GREEDY) for prompt in ASKED]))
    assert str(refused.value) == (
        f"cannot use the endpoint {base}: {base}/models does not answer: All connection attempts failed; use the "
        "base URL of a running server with an OpenAI-compatible API"
    )


def test_a_url_without_the_api_is_reported(server: Server) -> None:
    with pytest.raises(Unusable, match=r"/v1/x/models answers HTTP 404: Not Found; use the base URL"):
        list(Endpoint(f"{server.base}/x", "tiny").ask([PromptRequest(prompt, GREEDY) for prompt in ASKED]))


def test_answers_are_kept_and_the_run_stops_if_the_endpoint_goes_away(tools: Tools, tiny_model: Path) -> None:
    many = [Prompt.ask(" ".join(["what"] * length)) for length in range(1, 200)]
    tools.bench.endpoints = Settings(patience=1.0, in_flight=4)
    gone: list[int] = []
    with ExitStack() as stack:
        server = stack.enter_context(Server(tiny_model, delay=0.1).serving())
        tools.bench.models = {"remote": Material("model", "remote", "Apache-2.0", address=server.address, sha256=SHA)}

        def stop(what: str, done: int, total: int) -> None:
            if done and not gone:
                gone.append(done)
                stack.close()

        tools.report = stop
        with pytest.raises(StillWaiting, match=r"of 199 rows wait: http://.*, for more than 1 s; what was answered is"):
            tools.model("remote").complete(many, GREEDY)
    kept = query(tools.bench.data, "FROM memo.calls").height
    failures = query(tools.bench.data, "SELECT error FROM memo.failures")["error"].to_list()
    assert gone[0] <= kept + len(failures) < len(many)
    # A long prompt is an error of the model, or gets an empty text; a server that is gone is no failure of a row.
    assert [error for error in failures if "does not answer" in error] == []


def test_a_failed_row_is_recorded_and_requested_again(tools: Tools, server: Server) -> None:
    server.breaks_at = {"stone"}
    whole = tools.model("remote").complete(ASKED, GREEDY)
    error = f'{server.base}/chat/completions answers HTTP 500: {{"error":{{"message":"out of memory'
    assert [completion.error is None for completion in whole] == [True, False, True, True, True, True]
    assert str(whole[1].error).startswith(error)
    failures = query(tools.bench.data, "FROM memo.failures")
    assert failures["key"].to_list() == [whole[1].call]
    assert failures["engine"][0].startswith(f'endpoint {server.base} {{"id": "tiny", "owned_by": "slingshot"')

    server.breaks_at, before = set(), server.posted()
    again = tools.model("remote").complete(ASKED, GREEDY)
    assert server.posted() == before + 1
    assert again[1].error is None
    assert texts(again[:1] + again[2:]) == texts(whole[:1] + whole[2:])


def test_a_model_at_a_new_address_is_answered_from_the_memo(tools: Tools, tiny_model: Path) -> None:
    before = tools.model("remote").complete(ASKED, GREEDY)
    with Server(tiny_model).serving() as moved:
        tools.bench.models = {"remote": Material("model", "remote", "Apache-2.0", address=moved.address, sha256=SHA)}
        assert tools.model("remote").complete(ASKED, GREEDY) == before
        assert moved.asked == []


def test_the_api_key_is_sent_and_never_stored(tools: Tools, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLINGSHOT_API_KEY", "open-sesame\n")
    server.breaks_at = {"stone"}
    failed = tools.model("remote").complete(ASKED, GREEDY)[1]
    assert server.keys == {"Bearer open-sesame"}
    assert str(failed.error).endswith("out of memory for ['Bearer …']\"}}")
    assert b"open-sesame" not in tools.bench.database.path.read_bytes()


def test_operations_that_need_weights_reject_an_endpoint(tools: Tools, server: Server, tmp_path: Path) -> None:
    said = (
        f"cannot fetch {server.address}: an endpoint answers and hands out no files; right would be an address that "
        "starts with pypi:, path: or hf:"
    )
    cache = Cache(tmp_path / "cache")
    for ask in (
        lambda: cache.fetch(Address.parse(server.address), SHA),
        lambda: cache.find(Address.parse(server.address), SHA),
        lambda: tools.model("remote").losses([(ASKED[0], "old river")]),
    ):
        with pytest.raises(FetchError) as refused:
            ask()
        assert str(refused.value) == said
    assert server.asked == []


def outcomes(data: Path) -> dict[str, int]:
    """Number of rows of self-training per outcome."""
    sql = (
        "SELECT d.outcome, count(*) FROM lineage.decisions d JOIN lineage.current USING (asset, version) "
        "WHERE asset = 'raw_self_training' GROUP BY ALL"
    )
    return dict(query(data, sql).iter_rows())


def test_a_recipe_builds_with_a_generator_at_an_endpoint(tiny: Path, server: Server, tmp_path: Path) -> None:
    edit(tiny, lambda values: at_an_endpoint(values, server.address))
    data = tmp_path / "data"
    assert build(tiny, data, "+seed_tasks")[1] == []
    plan = planned(tiny, data)
    assert (plan["raw_self_training"].state, plan["raw_self_training"].calls) == ("stale", 12)
    assert server.asked == []

    disliked = query(data, "SELECT instruction FROM seed_tasks")["instruction"][0]
    server.breaks_at = {disliked.split()[-1]}
    log, failures = build(tiny, data)
    assert (failures, log.computed["raw_self_training"]) == ([], 11)
    assert (outcomes(data)["failed"], sum(outcomes(data).values())) == (1, 12)
    sql = "SELECT name, kind, engine FROM memo.calls c JOIN lineage.materials m ON m.id = c.model"
    assert {(*called, engine.split("=")[0].split()[0]) for *called, engine in query(data, sql).iter_rows()} == {
        ("generator", "completion", "endpoint"),
        ("base", "completion", "transformers"),
        ("base", "training", "trl"),
        ("base", "loss", "transformers"),  # of the quality of the training sets
    }

    server.breaks_at, server.asked = set(), []
    retry = planned(tiny, data)["raw_self_training"]
    assert (retry.reasons, retry.calls, retry.from_memo) == (("1 row failed: retry 1 of 2",), 1, 11)
    assert server.asked == []
    log, failures = build(tiny, data)
    assert (failures, log.computed["raw_self_training"]) == ([], 1)
    assert server.asked == ["GET /v1/models", "POST /v1/chat/completions"]
    assert ("failed" in outcomes(data), sum(outcomes(data).values())) == (False, 12)

    edit(tiny, lambda values: values["curation"].update(rows=3))
    log, failures = build(tiny, data)
    assert (failures, "raw_self_training" in log.actions) == ([], False)
    assert len(server.asked) == 2
