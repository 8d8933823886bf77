"""What `slingshot init` writes: a commented recipe over the starter, sample rows or the user's own, and the rest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from assets.loading.sample_rows import SAMPLE
from assets.sources.reading.read import read_rows
from warehouse.core.errors import UserError
from warehouse.core.identity import file_digest
from warehouse.core.texts import listed, nearest

ROWS = "rows.jsonl"
SCHEMA_FILE = "recipe.schema.json"
IGNORED = "warehouse/\nexports/\n"

GUESSES = {
    "instruction": ("instruction", "question", "prompt", "query"),
    "response": ("response", "answer", "output", "completion"),
    "text": ("text", "content", "body"),
}
"""The names of columns that are taken for a field where none is named (ours)."""


@dataclass(frozen=True)
class OwnRows:
    """A file of `count` rows, and the columns with the fields: `instruction` and `response` of pairs, or the `text` of
    documents."""

    file: Path
    count: int
    columns: dict[str, str]

    @property
    def are_pairs(self) -> bool:
        """Whether the rows are pairs, and not texts without an instruction."""
        return "response" in self.columns


def own_rows(file: Path, named: dict[str, str | None]) -> OwnRows:
    """The rows of a file, with the columns that are `named` for a field or recognised by their names.

    Raises UserError where the file cannot be read or has no such columns."""
    read = read_rows(file)
    names = list(read.names)
    for field, column in named.items():
        if column is not None and column not in names:
            raise UserError(f"{file} has no column {column!r} for --{field}; {nearest(column, names)}")
    found = {
        field: column
        for field, guesses in GUESSES.items()
        if (column := named.get(field) or next((name for name in guesses if name in names), None))
    }
    if named.get("text") is None and {"instruction", "response"} <= found.keys():
        return OwnRows(file, len(read.rows), {field: found[field] for field in ("instruction", "response")})
    if "text" in found and not (named.get("instruction") or named.get("response")):
        return OwnRows(file, len(read.rows), {"text": found["text"]})
    raise UserError(
        f"{file} has the columns {listed(names, 20) or 'none'}; name those of pairs with --instruction and --response, "
        "or that of texts with --text"
    )


def write_project(
    folder: Path, schema: dict[str, object], rows: OwnRows | None, licence: str, origin: str
) -> list[Path]:
    """Writes recipe, its schema, .gitignore and the rows into `folder`; the paths.

    Without your own rows it writes sample rows. Raises UserError where one of the files exists: none is replaced.
    """
    name = rows.file.name if rows else ROWS
    data = folder / "data" / name
    recipe, ignored, described = folder / "recipe.yaml", folder / ".gitignore", folder / SCHEMA_FILE
    there = rows is not None and rows.file.resolve() == data.resolve()
    new = [recipe, described, ignored, *([] if there else [data])]
    if taken := [path for path in new if path.exists()]:
        raise UserError(f"{listed([str(path) for path in taken])} exists already; choose another folder")
    data.parent.mkdir(parents=True, exist_ok=True)
    if rows is None:
        data.write_text("".join(f"{json.dumps(row)}\n" for row in SAMPLE), encoding="utf-8")
        rows = OwnRows(data, len(SAMPLE), {"instruction": "question", "response": "answer"})
    elif not there:
        data.write_bytes(rows.file.read_bytes())
    described.write_text(f"{json.dumps(schema, indent=2, ensure_ascii=False)}\n", encoding="utf-8")
    ignored.write_text(IGNORED, encoding="utf-8")
    recipe.write_text(recipe_text(rows, f"data/{name}", file_digest(data), licence, origin), encoding="utf-8")
    return new


def recipe_text(rows: OwnRows, address: str, sha256: str, licence: str, origin: str) -> str:
    """The recipe of a new project."""
    source = json.dumps(
        {"address": f"path:{address}", "sha256": sha256, "licence": licence, "origin": origin}, indent=4
    )
    selection = {"source": "mine", "count": _most(rows)}
    # A name with other characters stands in quotes, as in a template.
    names = {field: name if name.isidentifier() else json.dumps(name) for field, name in rows.columns.items()}
    fields = {field: f"{{{name}}}" for field, name in names.items()}
    shown = json.dumps({**selection, "fields": fields}, ensure_ascii=False)
    return (_PAIRS if rows.are_pairs else _TEXTS).format(
        schema=SCHEMA_FILE,
        shown="mine" if rows.are_pairs else "instruction_generation",
        source=source.replace("\n", "\n  "),
        selection=shown,
        rows=max(1, _most(rows) * 2 // 5),
        most=_most(rows),
    )


def _most(rows: OwnRows) -> int:
    """How many rows a first recipe takes, as many as the starter has: 80 pairs or 120 texts. A tenth is left for those
    that cannot be used."""
    return max(1, min(80 if rows.are_pairs else 120, rows.count - rows.count // 10))


_HEAD = """\
# yaml-language-server: $schema={schema}
# The manuals of Slingshot explain every key; recipes/README.md lists them. `slingshot check` names every mistake.
#
#   slingshot check               whether this recipe is good
#   slingshot build --sample 8    everything on a few rows, to see whether it works
#   slingshot build               everything
#   slingshot show training_sets --arm {shown}

# Models, documents, benchmark and settings are those of the starter. What stands here replaces them: mappings merge,
# lists replace, null removes.
extends: starter

# Your rows, by a name of yours. Say who wrote them (human, mixed or model:NAME) and under which licence they are.
# After a change of the file write `sha256: unpinned`, and run `slingshot pin`.
sources:
  mine: {source}

"""
_PAIRS = (
    _HEAD
    + """\
# Human pairs to start from: the models learn from them to write instructions, and see them as examples.
seed_tasks:
  - {selection}

# How many rows each training set has.
curation:
  rows: 32

generation:
  # Your pairs as they are. self_training needs more of them than a first file has.
  seeds: {{count: {most}}}
  self_training: null

# What is compared. `mine` has your pairs and new ones in their manner; the other arms have none of yours.
arms:
  mine: {{methods: [seeds, self_instruct], filters: [heuristics, diversity]}}
  self_training: null
"""
)
_TEXTS = (
    _HEAD
    + """\
# Texts without an instruction: a model writes an instruction for each, and the text is the response.
documents:
  - {selection}

# How many rows each training set has: filters drop some texts.
curation:
  rows: {rows}

# Rules that need no model. Texts may have so many words.
enhancement:
  heuristics: {{response_words: [5, 400]}}

# What is compared: the methods that write instructions for texts.
generation:
  self_training: null
  self_instruct: null
arms:
  self_training: null
  self_instruct: null
"""
)
