"""A model that thinks must give the same answers as one that does not, whatever is done with its calls. These tests ask
a real server, and a tiny model whose chat template opens a thought."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from resources.fetching.tree_digest import tree_digest
from resources.models.calls import Completion, Prompt, Sampling
from resources.models.thoughts import Marks, opens_thought
from resources.tools.tools import Tools
from resources.tools.workbench import Workbench
from tests.support.saying import saying
from tests.support.tiny import CHAT
from warehouse.lineage.material import Material

SHA = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
LONG, LINE = Sampling(64), Sampling(64, stop=("\n",))
THOUGHT = "<think>\nThey want tea.\n</think>\n\nExplain tea.\nAnd more."


def bench(folder: Path, address: str, thoughts: dict[str, Marks] | None = None) -> Workbench:
    model = Material("model", "writer", "Apache-2.0", address=address, sha256=SHA)
    return Workbench(folder, folder, {"writer": model}, {}, thoughts=thoughts or {})


def ask(tools: Tools, sampling: Sampling, *questions: str) -> list[Completion]:
    return tools.model("writer").complete([Prompt.ask(question) for question in questions], sampling)


def on_record(tools: Tools) -> list[dict[str, Any]]:
    with tools.bench.database.read() as connection:
        rows = connection.execute("SELECT response FROM memo.calls ORDER BY created_at").fetchall()
    return [json.loads(row) for (row,) in rows]


def test_the_whole_text_is_on_record_and_the_answer_has_no_thoughts(tmp_path: Path) -> None:
    with saying(lambda body: (THOUGHT, "stop")) as (address, _):
        tools = Tools(bench(tmp_path, address))
        (answer,) = ask(tools, LONG, "?")
    assert (answer.text, answer.complete, answer.thoughts) == ("Explain tea.\nAnd more.", True, ("They want tea.",))
    assert [one["text"] for one in on_record(tools)] == [THOUGHT]
    # Another reading of the same call asks no model: the server is gone.
    (whole,) = ask(Tools(bench(tmp_path, address, {"writer": ()})), LONG, "?")
    assert (whole.text, whole.thoughts, whole.call) == (THOUGHT, (), answer.call)


def test_a_stop_string_ends_the_answer_and_not_the_thought(tmp_path: Path) -> None:
    def said(body: dict[str, Any]) -> tuple[str, str]:
        return (THOUGHT, "stop") if body["messages"][-1]["content"] == "think" else ("Explain rye.\nMore.", "stop")

    with saying(said) as (address, bodies):
        tools = Tools(bench(tmp_path, address))
        thinks, does_not = ask(tools, LINE, "think", "do not")
    assert (thinks.text, thinks.complete, thinks.thoughts) == ("Explain tea.", True, ("They want tea.",))
    assert (does_not.text, does_not.thoughts) == ("Explain rye.", ())
    # Only the text that was stopped in its thought was asked for again.
    assert [(body["messages"][-1]["content"], "stop" in body) for body in bodies] in (
        [("think", True), ("do not", True), ("think", False)],
        [("do not", True), ("think", True), ("think", False)],
    )
    again = ask(tools, LINE, "think", "do not")
    assert (again, len(bodies)) == ([thinks, does_not], 3)


def test_a_model_that_is_declared_to_think_is_asked_once_without_stop_strings(tmp_path: Path) -> None:
    with saying(lambda body: (THOUGHT, "stop")) as (address, bodies):
        tools = Tools(bench(tmp_path, address, {"writer": (("<think>", "</think>"),)}))
        (answer,) = ask(tools, LINE, "?")
    assert (answer.text, answer.complete) == ("Explain tea.", True)
    assert [body.get("stop") for body in bodies] == [None]


@pytest.mark.parametrize("sampling", [LONG, LINE])
def test_a_thought_that_used_up_the_tokens_is_a_cut_off_answer(tmp_path: Path, sampling: Sampling) -> None:
    with saying(lambda body: ("<think>\nThey want tea. Or do they", "length")) as (address, _):
        (answer,) = ask(Tools(bench(tmp_path, address)), sampling, "?")
    assert (answer.text, answer.complete, answer.thought_cut_off) == ("", False, True)
    assert answer.thoughts == ("They want tea. Or do they",)


@pytest.mark.parametrize(
    ("prompt", "opened"),
    [("<|im_start|>assistant\n<think>\n", True), ("<think>\n\n</think>\n\n", False), ("What is <think>?", False)],
)
def test_a_prompt_opens_a_thought_where_it_ends_with_the_mark(prompt: str, opened: bool) -> None:
    assert opens_thought(prompt) is opened
    assert opens_thought(prompt, ()) is False


def test_where_the_chat_template_opens_the_thought_a_cut_off_text_is_no_answer(
    tiny_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "thinker"
    shutil.copytree(tiny_model, folder)
    for name, key in (("chat_template.jinja", None), ("tokenizer_config.json", "chat_template")):
        if (path := folder / name).exists():
            opening = CHAT.replace("'assistant : '", "'assistant : <think>\n'")
            text = path.read_text()
            path.write_text(opening if key is None else json.dumps(json.loads(text) | {key: opening}))
    model = Material("model", "writer", "Apache-2.0", address=f"path:{folder}", sha256=tree_digest(folder))
    tools = Tools(Workbench(tmp_path / "data", tmp_path, {"writer": model}, {}))
    (answer,) = ask(tools, Sampling(4), "what is the river ?")
    assert (answer.text, answer.complete, answer.thought_cut_off) == ("", False, True)
    (said,) = on_record(tools)
    assert said["opened"] is True
    assert answer.thoughts == (said["text"].strip(),)
