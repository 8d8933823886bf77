"""Openness is checked when the recipe is read, before anything is downloaded or any model is called. A refusal shows
the key to change, the keys that lead to it and the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import definitions
from assets.loading.file import RecipeError
from resources.tools import locations
from slingshot import app
from tests.support.recipes import ABSENT, complaints, parsed, put, starter

ACCEPTED = ", ".join(starter()["policy"]["licences"])
OPENAI = "is a closed model of OpenAI, whose terms forbid models made to compete (https://openai.com/policies/)"
LLAMA = (
    "llama3.1 makes models that are trained on outputs carry the name Llama and Meta's use policy "
    "(https://www.llama.com/llama3_1/license/)"
)
SOURCE = "sources.wikipedia_leads"


def ancestor(licence: str = "CC0-1.0", origin: str = "human", *made_from: str) -> dict[str, Any]:
    return {"licence": licence, "origin": origin, "made_from": list(made_from)}


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("models.embedder.licence", "llama3.1", f"models.embedder.licence: found 'llama3.1'; {LLAMA}"),
        (
            "models.embedder.licence",
            "GPL-3.0-only",
            "models.embedder.licence: found 'GPL-3.0-only'; policy.licences does not list GPL-3.0-only; it lists "
            + ACCEPTED,
        ),
        (
            f"{SOURCE}.licence",
            "CC-BY-NC-4.0",
            f"{SOURCE}.licence: found 'CC-BY-NC-4.0'; CC-BY-NC-4.0 forbids commercial use "
            "(https://creativecommons.org/share-your-work/cclicenses/)",
        ),
        (f"{SOURCE}.origin", "model:gpt-4o", f"{SOURCE}.origin: found 'model:gpt-4o'; gpt-4o {OPENAI}"),
        (
            f"{SOURCE}.made_from",
            ["tatsu-lab/alpaca"],
            f"{SOURCE}.made_from.0: found 'tatsu-lab/alpaca'; tatsu-lab/alpaca was written by text-davinci-003 of "
            "OpenAI (https://huggingface.co/datasets/tatsu-lab/alpaca)",
        ),
        (
            f"{SOURCE}.address",
            "hf:datasets/openbmb/UltraFeedback@main#flan.jsonl",
            f"{SOURCE}.address: found 'hf:datasets/openbmb/UltraFeedback@main#flan.jsonl'; 'UltraFeedback' was written "
            "by several models, GPT-4 of OpenAI and Bard of Google among them "
            "(https://huggingface.co/datasets/openbmb/UltraFeedback)",
        ),
        (
            f"{SOURCE}.made_from",
            ["somewhere"],
            f"{SOURCE}.made_from.0: found 'somewhere'; nothing is known of somewhere, and unknown counts as not open; "
            "declare it under ancestors",
        ),
    ],
)
def test_what_is_not_open_is_refused_with_the_key_at_fault(path: str, value: object, line: str) -> None:
    assert complaints((path, value)) == [line]


def test_a_closed_ancestor_is_refused_with_the_keys_that_lead_to_it() -> None:
    ancestors = {"mix": ancestor("MIT", "mixed", "pairs"), "pairs": ancestor("CC0-1.0", "model:claude-3-opus")}
    assert complaints(
        ("ancestors", starter()["ancestors"] | ancestors), ("models.embedder.made_from", ["smol_smoltalk", "mix"])
    ) == [
        "models.embedder.made_from.1 → ancestors.mix.made_from.0 → ancestors.pairs.origin: found "
        "'model:claude-3-opus'; claude-3-opus is a closed model of Anthropic, whose terms forbid models made to "
        "compete (https://www.anthropic.com/legal/commercial-terms)"
    ]


def test_a_source_written_by_a_model_of_the_recipe_is_checked_with_that_model() -> None:
    assert parsed(put(starter(), f"{SOURCE}.origin", "model:generator")).sources["wikipedia_leads"].licence
    lines = complaints((f"{SOURCE}.origin", "model:writer"), ("ancestors.writer", ancestor("gemma")))
    assert lines == [
        f"{SOURCE}.origin → ancestors.writer.licence: found 'gemma'; gemma binds models that are trained on outputs to "
        "Gemma's terms (https://ai.google.dev/gemma/terms)"
    ]


def test_a_closed_ancestor_is_recognised_by_its_name() -> None:
    lines = complaints((f"{SOURCE}.made_from", ["sharegpt"]), ("ancestors.sharegpt", ancestor()))
    assert lines == [
        f"{SOURCE}.made_from.0 → ancestors.sharegpt: found 'sharegpt'; sharegpt was written by ChatGPT of OpenAI, in "
        "shared conversations (https://huggingface.co/datasets/anon8231489123/ShareGPT_Vicuna_unfiltered)"
    ]


def test_without_its_exceptions_the_starter_is_refused_with_every_reason() -> None:
    mix = "models.generator.made_from.0 → ancestors.smol_smoltalk"
    assert complaints(("policy.exceptions.smol_smoltalk", ABSENT)) == [
        f"{mix}.made_from.0 → ancestors.magpie_ultra.licence: found 'llama3.1'; {LLAMA}",
        f"{mix}.made_from.0 → ancestors.magpie_ultra.origin: found 'model:Llama-3.1-405B-Instruct'; nothing is known "
        "of Llama-3.1-405B-Instruct, and unknown counts as not open; declare it under ancestors",
        f"{mix}.made_from.1 → ancestors.openhermes.licence: found 'unknown'; unknown says nothing, and unknown counts "
        "as not open",
        f"{mix}.made_from.1 → ancestors.openhermes.origin: found 'model:gpt-4'; gpt-4 {OPENAI}",
    ]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "smol_smoltak",
            "found 'smol_smoltak'; it must name an ancestor of the recipe; did you mean 'smol_smoltalk'? "
            "(known: magpie_ultra, openhermes, smol_smoltalk, ultrafeedback)",
        ),
        ("generator", "found 'generator'; only ancestors can be exceptions, not what is used itself"),
        ("wikipedia_leads", "found 'wikipedia_leads'; only ancestors can be exceptions, not what is used itself"),
        ("openhermes", "found 'openhermes'; it has no effect: nothing would be refused without it; remove it"),
    ],
)
def test_an_exception_must_be_an_ancestor_that_would_be_refused(name: str, line: str) -> None:
    assert complaints((f"policy.exceptions.{name}", "a reason")) == [f"policy.exceptions.{name}: {line}"]


@pytest.mark.parametrize(
    ("licences", "line"),
    [
        ([], "policy.licences: found []; it must have at least 1 in it"),
        (["MIT", "llama3.1"], f"policy.licences.1: found 'llama3.1'; no policy can accept it: {LLAMA}"),
        (
            ["unknown"],
            "policy.licences.0: found 'unknown'; no policy can accept it: unknown says nothing, and unknown counts as "
            "not open",
        ),
        (
            ["MIT AND"],
            "policy.licences.0: found 'MIT AND'; it cannot be read as a licence; right would be an SPDX id or "
            "expression, such as Apache-2.0 or MIT AND CC-BY-4.0",
        ),
        (
            [*starter()["policy"]["licences"], "CC-BY-NC-4.0"],
            f"policy.licences.{len(starter()['policy']['licences'])}: found 'CC-BY-NC-4.0'; CC-BY-NC-4.0 forbids "
            "commercial use (https://creativecommons.org/share-your-work/cclicenses/); policy.commercial would have to "
            "be false",
        ),
    ],
)
def test_a_policy_with_an_unacceptable_licence_is_refused(licences: list[str], line: str) -> None:
    assert complaints(("policy.licences", licences)) == [line]


def test_a_non_commercial_licence_is_allowed_by_a_policy_that_is_not_commercial() -> None:
    values = put(put(starter(), f"{SOURCE}.licence", "CC-BY-NC-SA-4.0"), "policy.commercial", False)
    values["policy"]["licences"].append("CC-BY-NC-SA-4.0")
    assert parsed(values).policy.commercial is False


@pytest.mark.parametrize("missing", ["policy", f"{SOURCE}.origin", "ancestors.openhermes.licence", "policy.licences"])
def test_keys_that_the_check_needs_are_required(missing: str) -> None:
    assert complaints((missing, ABSENT)) == [f"{missing}: found nothing; this key is required"]


def test_models_sources_and_ancestors_cannot_share_a_name() -> None:
    texts = starter()["sources"]["wikipedia_leads"]
    assert complaints(("ancestors.embedder", ancestor()), ("sources.generator", texts)) == [
        "sources.generator: found 'generator'; models.generator has the same name, and origins refer to names; use "
        "another name",
        "ancestors.embedder: found 'embedder'; models.embedder has the same name, and origins refer to names; use "
        "another name",
    ]


@pytest.mark.parametrize("command", ["check", "plan", "build", "up"])
def test_every_command_refuses_before_it_downloads_or_calls_a_model(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, data = tmp_path / "recipe.yaml", tmp_path / "data"
    recipe.write_text(yaml.safe_dump(put(starter(), f"{SOURCE}.origin", "model:gpt-4")))
    line = next(at for at, text in list(enumerate(recipe.read_text().splitlines(), 1))[::-1] if "model:gpt-4" in text)
    monkeypatch.setenv(locations.RECIPE, str(recipe))
    monkeypatch.setenv(locations.WAREHOUSE, str(data))
    done = CliRunner().invoke(app, [command])
    assert done.exit_code == 1
    problem = f"{SOURCE}.origin: found 'model:gpt-4'; gpt-4 {OPENAI} (line {line}, column 5)"
    assert done.output == f"slingshot: {recipe}: 1 problem\n  {problem}\n"
    assert not data.exists()


def test_dagster_shows_the_reason_when_the_definitions_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(put(starter(), f"{SOURCE}.origin", "model:gpt-4")))
    monkeypatch.setenv(locations.RECIPE, str(recipe))
    with pytest.raises(RecipeError, match=r"sources\.wikipedia_leads\.origin: found 'model:gpt-4'"):
        definitions.defs()
