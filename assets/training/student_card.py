"""The model card of a student, README.md: what it is, how to load it, what it was trained on and how it scored.

The front matter is that of the hub: https://huggingface.co/docs/hub/model-cards
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assets.steps import names
from resources.fetching.addresses import Address
from warehouse.audit.ancestry import upstream_versions
from warehouse.core.markdown import cell, table
from warehouse.lineage.material import Material
from warehouse.release.card import made_from, scores_table
from warehouse.release.contents import standings_about
from warehouse.release.licences import front_matter
from warehouse.release.markdown import front, place
from warehouse.release.provenance import provenance_of
from warehouse.store.published import Published
from warehouse.store.versions import Store

_ADAPTER = """```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained({base}), "FOLDER")
tokenizer = AutoTokenizer.from_pretrained("FOLDER")
```
"""
_MODEL = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model, tokenizer = AutoModelForCausalLM.from_pretrained("FOLDER"), AutoTokenizer.from_pretrained("FOLDER")
```
"""


def student_card(
    store: Store, arm: str, published: Published, student: Mapping[str, Any], base: Material, whole: bool
) -> str:
    """The text of the card of the checkpoint record `student`, of a version of the arm's students.

    `whole` says that the folder has all weights, and not only an adapter to `base`.
    """
    with store.database.read() as connection:
        provenance = provenance_of(connection, published.asset, published.version)
        recipe = provenance.recipe
        baseline = recipe.get("evaluation", {}).get("baseline")
        standings = standings_about(connection, arm, published, baseline)
        inputs = store.target_of(published).inputs
        trained = next(
            (one for one in upstream_versions(connection, inputs) if one[0] == names.training_set(arm)), None
        )
    hub = Address.parse(base.address) if base.address else None
    on_hub = hub.name if hub and hub.scheme == "hf" and hub.repo_type == "model" else None
    values = {
        **({"base_model": on_hub} if on_hub else {}),
        "library_name": "transformers" if whole else "peft",
        "pipeline_tag": "text-generation",
        **front_matter([base]),
        "tags": ["instruction-tuning", "slingshot", *([] if whole else ["lora"])],
    }
    losses = list(student["losses"])
    settings = [
        (key, ", ".join(map(str, value)) if isinstance(value, list) else value)
        for key, value in recipe.get("training", {}).items()
        if value is not None
    ]
    facts = [
        ("base", f"{base.name}, {place(base)}"),
        ("training set", f"{arm}, version {trained[1] if trained else 'unknown'}"),
        ("examples", student["examples"]),
        ("training seed", student["seed"]),
        ("steps", len(losses)),
        ("mean loss of the first and the last step (nats per token)", f"{losses[0]:.3f}, {losses[-1]:.3f}"),
        ("SHA-256 of the weights that the training wrote", student["weights"]),
    ]
    what = "All weights of a language model" if whole else "A LoRA adapter for a language model"
    sections = [
        front(values),
        f"# {cell(arm)}, seed {student['seed']}\n",
        f"{what}, fine-tuned on the training set {cell(arm)} that Slingshot built with open models only.\n",
        (_MODEL if whole else _ADAPTER).format(base=repr(on_hub) if on_hub else '"BASE"'),
        "" if whole or on_hub else f"BASE is the folder of the base model, {cell(place(base))}.\n",
        "## Training\n",
        table(("", ""), facts),
        "Settings:\n",
        table(("", ""), settings),
        "## Scores\n",
        scores_table(standings),
        "## Made from\n",
        made_from(provenance.materials, provenance.exceptions),
        "## Limits\n",
        "- What it says was not checked, and it has had no training in refusing. It is as good as its base and its "
        "training set.\n- It may repeat texts of its training set, which are under the licences above.\n",
    ]
    return "\n".join(part for part in sections if part)
