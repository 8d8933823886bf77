"""What the benchmark of engines gives to the starter's model: prompts, texts and examples of the starter's sources."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path

from assets.loading.bench import workbench
from assets.loading.file import load_recipe
from resources.models.calls import Prompt, Training
from resources.tools.workbench import Workbench
from tests.support.tiny import ROOT

ASKED = (
    "Write one question that this text answers.",
    "Give this text a title.",
    "What is this text about? Answer in one sentence.",
    "Name the three most important words of this text.",
)
LENGTHS = (10, 30, 60, 120, 250)
"""How many words of a text a prompt has at most."""

TRAINING = Training(
    epochs=1, learning_rate=5e-4, rank=8, alpha=16, batch_size=8, max_tokens=256, last_layers=None,
    target_modules=("q_proj", "k_proj", "v_proj", "o_proj"), checkpoint_every=1_000,
)  # fmt: skip


@cache
def bench() -> Workbench:
    """The workbench of the starter, with the cache of this project's warehouse."""
    data = ROOT / "warehouse" / "data"
    return workbench(load_recipe(ROOT / "recipe.yaml"), data, ROOT, data / "cache")


def model() -> Path:
    """The folder of SmolLM2-135M-Instruct."""
    return bench().base_folder("generator")


def texts() -> list[tuple[str, str]]:
    """(title, text) of all of the starter's Wikipedia extracts, in an order that is always the same."""
    with bench().fetch(bench().sources["wikipedia_leads"]).open(encoding="utf-8") as file:
        rows = json.load(file).values()
    found = [(row["title"], row["extract"]) for row in rows]
    random.Random(1).shuffle(found)
    return found


def prompts(count: int) -> list[Prompt]:
    """Prompts of many lengths, most of which have short answers."""
    draw = random.Random(2)
    return [
        Prompt.ask(f"{draw.choice(ASKED)}\n\n{' '.join(text.split()[: draw.choice(LENGTHS)])}", seed=number)
        for number, (_, text) in enumerate(texts()[:count])
    ]


def candidates(documents: int, each: int) -> list[tuple[Prompt, str]]:
    """Each of some texts as the response to several instructions: its own and those of its neighbours."""
    rows = texts()[1_000 : 1_000 + documents]
    return [
        (Prompt.ask(f"Tell me about {rows[(place + other) % documents][0]}."), " ".join(text.split()[:100]))
        for place, (_, text) in enumerate(rows)
        for other in range(each)
    ]


def examples(count: int) -> list[tuple[Prompt, str]]:
    """Training examples: a request for a text, and the text."""
    return [
        (Prompt.ask(f"Tell me about {title}."), " ".join(text.split()[:120]))
        for title, text in texts()[2_000 : 2_000 + count]
    ]
