"""The licences of what a dataset or a student was made from: for the front matter of a card, and as a notice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from warehouse.lineage.material import Material
from warehouse.release.markdown import place

_OTHER_NAMES = {"odc-by-1.0": "odc-by", "pddl-1.0": "pddl", "odbl-1.0": "odbl"}
_HUB = {
    "apache-2.0", "mit", "bsd", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "cc", "cc0-1.0", "cc-by-2.0",
    "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0",
    "cc-by-nc-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cdla-sharing-1.0",
    "cdla-permissive-1.0", "cdla-permissive-2.0", "wtfpl", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1",
    "eupl-1.2", "gfdl", "artistic-2.0", "afl-3.0", "bsl-1.0", "isc", "ms-pl", "mpl-2.0", "odc-by", "odbl", "osl-3.0",
    "postgresql", "ofl-1.1", "ncsa", "unlicense", "zlib", "pddl", "c-uda",
}  # fmt: skip
"""The open licences that the hub has a name for: https://huggingface.co/docs/hub/repositories-licenses"""

_OPERATORS = re.compile(r"\s+(?:AND|OR)\s+|[()]")
_SPDX_ID = re.compile(r"[A-Za-z0-9.+-]+")

NOTICE = """This dataset holds texts of the sources below, and texts that models wrote from them.

Each source is under its own licence, and so is every row that holds or adapts a text of it. The columns `sources`,
`titles` and `licences` of the Parquet files name, for each row, the texts behind it: keep them, or name these texts in
another way, where a licence asks for attribution. What changed: texts were selected, cut and paired with instructions,
as the card (README.md) says.

A licence of a model is that of its weights. It is listed because the rows were written or chosen with it.
"""


def licences(expressions: Iterable[str]) -> list[str]:
    """The single licences in SPDX expressions, each once, in order."""
    found = (part.strip() for expression in expressions for part in _OPERATORS.split(expression))
    return list(dict.fromkeys(part for part in found if part))


def front_matter(materials: Sequence[Material]) -> dict[str, Any]:
    """The keys about the licence in the front matter of a card.

    Texts decide: the licences of the sources or, where rows were made from none, those of the models. Where the hub has
    no name for one of them, it is "other", with the names and the file that has them.
    """
    used = [one for one in materials if one.role == "source"] or [one for one in materials if one.role == "model"]
    found = licences(one.licence for one in used)
    ids = [_OTHER_NAMES.get(one.lower(), one.lower()) for one in found]
    if not ids:
        return {"license": "unknown"}
    if set(ids) <= _HUB:
        return {"license": ids[0] if len(ids) == 1 else ids}
    return {"license": "other", "license_name": "-and-".join(ids), "license_link": "LICENSE"}


def addresses(expressions: Iterable[str]) -> list[str]:
    """The pages of the licences in SPDX expressions."""
    return [f"https://spdx.org/licenses/{one}.html" for one in licences(expressions) if _SPDX_ID.fullmatch(one)]


def notice(materials: Sequence[Material]) -> str:
    """The text of the file LICENSE: every source and model with its licence, the page of the licence, and its place."""
    parts = [NOTICE]
    for role, title in (("source", "Sources"), ("model", "Models")):
        named = [one for one in materials if one.role == role]
        parts += [f"\n{title}\n"] if named else []
        for one in named:
            parts += [f"\n- {one.name}: {one.licence}\n", f"  from {place(one)}\n" if one.address else ""]
            parts += [f"  {page}\n" for page in addresses([one.licence])]
    return "".join(parts)
