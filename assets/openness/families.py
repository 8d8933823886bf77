"""Closed models, and data sets written by them, recognised by name. No licence on a copy makes these open.

The case and the separators in a name are ignored, and so is the owner, unless a pattern names it: "OpenAI/GPT-4o",
"gpt_4o" and "gpt-4o" are the same, and "math" is closed only as "camel-ai/math".
Some patterns require a version because open models share the word: gpt2, gpt-j, gpt-neo(x), gpt-oss and grok-1 have
open weights. Gemma is not a closed family either: its weights are published, and its licence is checked.

Not covered: a family that is not in these lists. It is refused if it is only mentioned, because what is not declared
counts as not open; but a declaration of it is believed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Closed:
    """Who wrote something, and the page that says so: the terms of a vendor, or the page of a data set."""

    writer: str
    url: str

    def __str__(self) -> str:
        return f"{self.writer} ({self.url})"


OPENAI = Closed("a closed model of OpenAI, whose terms forbid models made to compete", "https://openai.com/policies/")
ANTHROPIC = Closed(
    "a closed model of Anthropic, whose terms forbid models made to compete",
    "https://www.anthropic.com/legal/commercial-terms",
)
GOOGLE = Closed(
    "a closed model of Google, whose terms forbid models made to compete", "https://ai.google.dev/gemini-api/terms"
)
XAI = Closed(
    "a closed model of xAI, whose terms forbid models made to compete",
    "https://x.ai/legal/terms-of-service-enterprise",
)

FAMILIES: tuple[tuple[str, Closed], ...] = (
    (r"gpt-?(3|35|4|5)([.-]?\d)?(o|v)?(-.*)?", OPENAI),
    (r"gpt-(audio|image|realtime|turbo)(-.*)?", OPENAI),
    (r"chat-?gpt(-.*)?", OPENAI),
    (r"(text-|code-)?davinci(-.*)?", OPENAI),
    (r"o[134](-(mini|preview|pro|deep-research).*|-\d{4}.*)?", OPENAI),
    (r"claude(-?(v?\d|instant|opus|sonnet|haiku).*)?", ANTHROPIC),
    (r"gemini(-(\d|pro|ultra|flash|nano|advanced|exp).*)?", GOOGLE),
    (r"(bard|palm-?2|(text|chat|code)-(bison|unicorn))(-.*)?", GOOGLE),
    (r"grok(-?([2-9]|beta|code).*)?", XAI),
)

_HUB = "https://huggingface.co/datasets/"
DATA_SETS: tuple[tuple[str, Closed], ...] = (
    (r"alpaca(-(cleaned|data).*)?", Closed("text-davinci-003 of OpenAI", _HUB + "tatsu-lab/alpaca")),
    (r"alpaca-gpt-?4(-.*)?", Closed("GPT-4 of OpenAI", _HUB + "vicgalle/alpaca-gpt4")),
    (r"code-?alpaca(-.*)?", Closed("text-davinci-003 of OpenAI", _HUB + "sahil2801/CodeAlpaca-20k")),
    (
        r"share-?gpt(-.*)?",
        Closed("ChatGPT of OpenAI, in shared conversations", _HUB + "anon8231489123/ShareGPT_Vicuna_unfiltered"),
    ),
    (r"open-?hermes(-?2(\.5)?)?(-.*)?", Closed("GPT-4 of OpenAI for the most part", _HUB + "teknium/OpenHermes-2.5")),
    (r"ultra-?chat(-.*)?", Closed("ChatGPT of OpenAI", _HUB + "stingning/ultrachat")),
    (
        r"ultra-?feedback(-.*)?",
        Closed("several models, GPT-4 of OpenAI and Bard of Google among them", _HUB + "openbmb/UltraFeedback"),
    ),
    (r"(open-?|slim-?)orca(-.*)?", Closed("GPT-4 and GPT-3.5 of OpenAI", _HUB + "Open-Orca/OpenOrca")),
    (
        r"wizardlm-evol-instruct(-.*)?",
        Closed("ChatGPT of OpenAI", _HUB + "WizardLMTeam/WizardLM_evol_instruct_V2_196k"),
    ),
    (r"meta-?math-?qa(-.*)?", Closed("GPT-3.5 of OpenAI", _HUB + "meta-math/MetaMathQA")),
    (r"lamini-instruction", Closed("GPT-3.5 of OpenAI", _HUB + "MBZUAI/LaMini-instruction")),
    (r"gp-?teacher(-.*)?", Closed("GPT-4 of OpenAI", "https://github.com/teknium1/GPTeacher")),
    (r"airoboros(-.*)?", Closed("GPT-4 of OpenAI", _HUB + "jondurbin/airoboros-gpt4-1.1")),
    (r"baize(-chatbot|-.*data.*)?", Closed("ChatGPT of OpenAI", "https://arxiv.org/abs/2304.01196")),
    (r"moss-00[23]-sft-(plugin-)?data(-.*)?", Closed("models of OpenAI", "https://github.com/OpenMOSS/MOSS")),
    (r"belle-?group/.*", Closed("ChatGPT of OpenAI", "https://github.com/LianjiaTech/BELLE/tree/main/data/10M")),
    (r"belle(-data.*)?", Closed("ChatGPT of OpenAI", "https://github.com/LianjiaTech/BELLE/tree/main/data/10M")),
    (
        r"orca-math-word-problems(-.*)?",
        Closed("GPT-4 Turbo of OpenAI, in its answers", _HUB + "microsoft/orca-math-word-problems-200k"),
    ),
    (r"gpt4all(-j)?-prompt-generations(-.*)?", Closed("GPT-3.5 of OpenAI", "https://arxiv.org/abs/2311.04931")),
    (
        r"camel-ai/(ai-society|code|math|physics|chemistry|biology)(-.*)?",
        Closed("ChatGPT and GPT-4 of OpenAI", "https://arxiv.org/abs/2303.17760"),
    ),
    (r"code-exercises", Closed("ChatGPT of OpenAI", _HUB + "jinaai/code_exercises")),
)


def closed(name: str) -> str | None:
    """Why something with this name is not open, as words that follow the name ("is a closed model of …").

    None if the name is not known as closed. `name` is a name in the recipe, of a model, or "owner/name" on a hub.
    """
    owned = re.sub(r"[\s_-]+", "-", name.strip().lower())
    plain = owned.rpartition("/")[2]
    for pattern, found in FAMILIES:
        if re.fullmatch(pattern, plain):
            return f"is {found}"
    for pattern, found in DATA_SETS:
        if re.fullmatch(pattern, owned if "/" in pattern else plain):
            return f"was written by {found}"
    return None


def closed_in_address(address: str) -> str | None:
    """Like `closed`, for the parts of an address or URL. A path on this machine proves nothing and is not checked."""
    if address.startswith("path:"):
        return None
    # The host is ignored: a page on gemini.example is not a model.
    places = re.sub(r"^https?://[^/]*", "", address).removeprefix("hf:").removeprefix("pypi:")
    parts = [part for part in re.split(r"[/@#]|==", places) if part]
    owned = [f"{owner}/{name}" for owner, name in pairwise(parts)]
    return next((f"{part!r} {words}" for part in [*parts, *owned] if (words := closed(part))), None)
