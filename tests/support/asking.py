"""Asks the model "remote" of the tools of an asset, and looks at what is on record then."""

from __future__ import annotations

from resources.models.calls import Completion, Prompt, Sampling
from resources.tools.tools import Tools
from tests.support.building import query

GREEDY = Sampling(max_new_tokens=40)
ASKED = [Prompt.ask(f"What is plant {number}?") for number in range(24)]


def ask(tools: Tools, prompts: list[Prompt] = ASKED) -> list[Completion]:
    return tools.model("remote").complete(prompts, GREEDY)


def recorded(tools: Tools) -> tuple[int, int]:
    """(answers, failures) in the memo; no answer is there twice."""
    calls = query(tools.bench.data, "SELECT key FROM memo.calls")["key"]
    assert calls.n_unique() == len(calls)
    return len(calls), query(tools.bench.data, "FROM memo.failures").height
