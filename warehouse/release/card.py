"""The dataset card, README.md: what a folder of training sets holds, what it was made from and how good it is.

The front matter is that of the hub (https://huggingface.co/docs/hub/datasets-cards); its `configs` say which Parquet
files are data, so that the other files in the folder are not loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from warehouse.audit.ledger import Entry
from warehouse.core.markdown import cell
from warehouse.core.markdown import table as rows_of
from warehouse.core.texts import listed, shortened
from warehouse.lineage.material import Material
from warehouse.release.contents import Contents
from warehouse.release.layout import TEST, TRAIN, VALIDATION, recipe, table
from warehouse.release.licences import front_matter
from warehouse.release.markdown import example, front, place

EXAMPLES, LONGEST = 3, 400
"""How many rows of each training set are shown, and with how many characters of each text."""

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
          (10_000_000, "1M<n<10M"))  # fmt: skip
_LANGUAGE, _LEAST = "language: ", 5.0
"""A language of fewer percent of the pairs is not in the front matter (ours): often a text was too short to tell."""

SPLITS = {
    TRAIN: "the pairs that a student is trained on",
    VALIDATION: "pairs that the recipe holds out of every training",
    TEST: "benchmark items: `method` is the benchmark, `response` the human reference. No pair shares text with them, "
    "as the check `leakage` proves. They are for evaluation; do not train on them",
}


_ATTRIBUTION = (
    "For every row, the columns `sources`, `titles` and `licences` name the human texts behind it: those that it "
    "holds, and those that a model saw as examples when it wrote the row. Keep them where a licence asks for "
    "attribution, as CC BY-SA does. [LICENSE](LICENSE) lists the licences.\n"
)


def card(found: Sequence[Contents], name: str) -> str:
    """The text of README.md for the training sets in a folder, of which the first is loaded by default."""
    materials = materials_of(found)
    sections = [
        front(_front(found, name, materials)),
        f"# {cell(name)}\n",
        _intro(found),
        "## Training sets\n",
        rows_of(
            ("config", "split", "rows", "what"),
            [(one.arm, split, len(rows), SPLITS[split]) for one in found for split, rows in one.splits.items()],
        ).replace("\\`", "`"),
        _loading(found[0]),
        "## Made from\n",
        made_from(materials, {name: why for one in found for name, why in one.provenance.exceptions.items()}),
        _ATTRIBUTION,
        "## Method\n",
        *(_method(one) for one in found),
        "## Quality\n",
        _quality(found),
        "## Scores\n",
        scores_table([row for one in found for row in one.standings]),
        "## Limits\n",
        _limits(found),
        "## Example rows\n",
        *(_examples(one) for one in found),
    ]
    return "\n".join(part for part in sections if part)


def materials_of(found: Sequence[Contents]) -> list[Material]:
    """The models, sources and ancestors of all training sets, each once."""
    return list(dict.fromkeys(one for contents in found for one in contents.provenance.materials))


def languages(found: Sequence[Contents]) -> list[str]:
    """The codes of the languages that were measured in the pairs, the most frequent first."""
    shares: dict[str, float] = {}
    for one in found:
        for measure, value, _ in one.quality:
            code = measure.removeprefix(_LANGUAGE)
            if measure.startswith(_LANGUAGE) and value >= _LEAST and len(code) in (2, 3):
                shares[code] = max(shares.get(code, 0.0), value)
    return sorted(shares, key=lambda code: (-shares[code], code))


def _front(found: Sequence[Contents], name: str, materials: Sequence[Material]) -> dict[str, Any]:
    rows = sum(len(one.row_ids) for one in found)
    spoken = languages(found)
    return {
        "pretty_name": name,
        **front_matter(materials),
        **({"language": spoken} if spoken else {}),
        "task_categories": ["text-generation"],
        "size_categories": [next((size for most, size in _SIZES if rows < most), "n>10M")],
        "tags": ["instruction-tuning", "synthetic", "slingshot"],
        "configs": [
            {
                "config_name": one.arm,
                **({"default": True} if one is found[0] else {}),
                "data_files": [{"split": split, "path": table(one.arm, split)} for split in one.splits],
            }
            for one in found
        ],
    }


def _intro(found: Sequence[Contents]) -> str:
    return (
        f"Instruction-tuning data: {sum(len(one.row_ids) for one in found):,} pairs of an instruction and a response "
        f"in {len(found)} training set{'s' if len(found) > 1 else ''}, made with open models only. Slingshot built it "
        "from a recipe and knows for every row which human text and which model it came from.\n"
    )


def _loading(first: Contents) -> str:
    return (
        "```python\nfrom datasets import load_dataset\n\n"
        f'rows = load_dataset("FOLDER", "{first.arm}", split="train")\n```\n\n'
        "The pairs are also there as JSON lines, for trainers: `messages/`, `alpaca/` and `sharegpt/`.\n"
    )


def made_from(materials: Sequence[Material], exceptions: Mapping[str, str]) -> str:
    """A table of models, sources and ancestors; `exceptions` has the reason to accept one by its name."""
    rows = [
        (one.role, one.name, one.licence, one.origin or "", place(one), exceptions.get(one.name, ""))
        for one in materials
    ]
    said = "\nAn ancestor is what a model or source declares to be made from.\n"
    return rows_of(("", "name", "licence", "origin", "from", "accepted although not open, because"), rows) + said


def _method(one: Contents) -> str:
    arm = one.provenance.recipe.get("arms", {}).get(one.arm, {})
    methods, filters = (", ".join(arm.get(key) or ()) or "none" for key in ("methods", "filters"))
    return (
        f"### {cell(one.arm)}\n\nMethods: {cell(methods)}. Filters: {cell(filters)}. The whole recipe, with all "
        f"defaults, is [{cell(recipe(one.arm))}]({recipe(one.arm)}); version `{one.published.version}`.\n\n"
        + rows_of(("step", "in", "kept", "not kept, and why"), [_counted(entry) for entry in one.ledger])
    )


def _counted(entry: Entry) -> tuple[object, ...]:
    reasons = [
        f"{count} {outcome}{f': {reason}' if reason else ''}"
        for outcome, by_reason in entry.reasons.items()
        for reason, count in by_reason.items()
    ]
    return entry.asset, entry.incoming, entry.outcomes["kept"], listed(reasons).replace(", ", "; ")


def _quality(found: Sequence[Contents]) -> str:
    measures = list(dict.fromkeys((measure, unit) for one in found for measure, _, unit in one.quality))
    if not measures:
        return "Not measured.\n"
    values = [{measure: value for measure, value, _ in one.quality} for one in found]
    rows = [
        (f"{measure.replace('_', ' ')}{f' ({unit})' if unit else ''}",
         *(f"{one[measure]:.2f}" if measure in one else "" for one in values))
        for measure, unit in measures
    ]  # fmt: skip
    said = (
        "\n`retrieval at 1` and `mrr`: how often an instruction finds its own response among all of the set, by their "
        "embeddings. `generic`: the own response is not among the nearest tenth. `gain`: how much the instruction "
        "helps the untouched base to predict the response; `unhelpful`: the gain is not above 0.\n"
    )
    return rows_of(("measure", *(one.arm for one in found)), rows) + said


def scores_table(standings: Sequence[Mapping[str, Any]]) -> str:
    """A table of rows of a leaderboard, each once."""
    rows = [
        (
            f"{row['benchmark']}/{row['metric']} ({row['unit']}, {row['better']} is better)",
            row["arm"],
            f"{row['mean']:.3f}",
            f"{row['low']:.3f} to {row['high']:.3f}",
            row["verdict"] or "baseline",
            row["items"],
            row["seeds"],
        )
        for row in standings
    ]
    if not rows:
        return "Not scored.\n"
    titles = ("metric", "student of", "mean", "interval", "against the baseline", "items", "trainings")
    said = "Scores of a student that was fine-tuned on the training set.\n\n"
    return said + rows_of(titles, list(dict.fromkeys(rows)))


def _limits(found: Sequence[Contents]) -> str:
    said = [
        "Facts in what models wrote were not checked. Human texts are as their authors wrote them; personal data in "
        "them was not looked for.",
        "Pairs were judged by rules and by models, and not read by people one by one: see the quality above, and the "
        "example rows below.",
    ]
    for one in found:
        values = {measure: value for measure, value, _ in one.quality}
        if unhelpful := values.get("unhelpful"):
            said.append(f"{one.arm}: {unhelpful:.0f} % of the instructions do not help to predict their response.")
        if one.standings and not any(row["verdict"] in ("better", "worse") for row in one.standings):
            said.append(f"{one.arm}: no score of its student differs from the baseline by more than chance explains.")
        if one.override:
            said.append(f"{one.arm}: it holds what was withdrawn, and was written all the same: {one.override}")
    return "".join(f"- {cell(line)}\n" for line in said)


def _examples(one: Contents) -> str:
    blocks = []
    for row in one.splits[TRAIN].head(EXAMPLES).iter_rows(named=True):
        texts = {name: shortened(row[name], LONGEST) for name in ("instruction", "input", "response") if row[name]}
        blocks.append(example({"id": row["id"]} | texts | {"titles": row["titles"][:5]}))
    return f"### {cell(one.arm)}: first rows\n\n" + "\n".join(blocks)
