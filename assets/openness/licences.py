"""Licences as SPDX expressions: whether a policy accepts them, and whether they restrict the use of outputs.

All licences joined by AND must be accepted; of licences joined by OR one is enough. Common spellings are read as the
SPDX id that they mean; see spellings.py.
SPDX: https://spdx.org/licenses/; expressions: https://spdx.github.io/spdx-spec/v3.0.1/annexes/spdx-license-expressions/
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from license_expression import ExpressionError, ExpressionParseError, get_spdx_licensing

from assets.openness.spellings import spdx_id


class LicenceError(ValueError):
    """A licence that cannot be read; the message says what would be right."""


_LLAMA = "makes models that are trained on outputs carry the name Llama and Meta's use policy"
_NO_DERIVATIVES = "forbids derived texts, and every training pair is one"
_NON_COMMERCIAL = "forbids commercial use"

# Licences that restrict outputs or uses: a pattern of the name, what the licence does, and the page that says so.
RESTRICTED: tuple[tuple[str, str, str], ...] = (
    (r"llama-?2", "forbids using outputs to improve other models", "https://ai.meta.com/llama/license/"),
    (r"llama-?3", "forbids using outputs to improve other models", "https://www.llama.com/llama3/license/"),
    (r"llama-?3\.1", _LLAMA, "https://www.llama.com/llama3_1/license/"),
    (r"llama-?3\.2", _LLAMA, "https://www.llama.com/llama3_2/license/"),
    (r"llama-?3\.3", _LLAMA, "https://www.llama.com/llama3_3/license/"),
    (r"llama-?4", _LLAMA, "https://www.llama.com/llama4/license/"),
    (
        r"(meta-)?llama.*",
        "is one of Meta's Llama terms, which restrict outputs",
        "https://www.llama.com/llama-downloads/",
    ),
    (r"gemma.*", "binds models that are trained on outputs to Gemma's terms", "https://ai.google.dev/gemma/terms"),
    (r"(.*-)?(open)?rail(-?[+m]+)?(-.*)?", "restricts uses, downstream too", "https://www.licenses.ai/"),
    (r"(mrl|mnpl|mistral-.*research.*)(-.*)?", "allows outputs for research alone", "https://mistral.ai/licenses/"),
    (r"cc-by(-nc)?-nd-.*", _NO_DERIVATIVES, "https://creativecommons.org/share-your-work/cclicenses/"),
    (r"(proprietary|commercial|all-rights-reserved)", "grants nothing to others", "https://spdx.org/licenses/"),
    (r"(other|unknown|none|noassertion|custom|n/?a)", "says nothing, and unknown counts as not open", ""),
)
NON_COMMERCIAL: tuple[tuple[str, str, str], ...] = (
    (r"cc-by-nc(-sa)?-.*", _NON_COMMERCIAL, "https://creativecommons.org/share-your-work/cclicenses/"),
    (r".*(non-?commercial|-nc-).*", _NON_COMMERCIAL, ""),
)


@cache
def _licensing() -> Any:
    return get_spdx_licensing()


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "-", name.strip().lower())


def normal(name: str) -> str:
    """The SPDX id of the licence `name`; if none is known, the name in lower case with hyphens."""
    return spdx_id(name) or _plain(name)


def restriction(licence: str, commercial: bool = True) -> str | None:
    """Why a licence restricts outputs or uses, as words that follow its name; None if it is not known to.

    If use is not `commercial`, a licence that only forbids commercial use restricts nothing.
    """
    plain = _plain(licence)
    for pattern, reason, url in (*RESTRICTED, *(NON_COMMERCIAL if commercial else ())):
        if re.fullmatch(pattern, plain):
            return f"{reason} ({url})" if url else reason
    return None


def read(expression: str) -> Any:
    """The parsed form of `expression`, whose licences may be written in any known way. Raises LicenceError."""
    parts = [expression] if spdx_id(expression) else _OPERATORS.split(expression)
    try:
        parsed = _licensing().parse(" ".join(spdx_id(part) or part for part in parts))
    except (ExpressionError, ExpressionParseError) as error:
        raise LicenceError(_UNREADABLE) from error
    if parsed is None:
        raise LicenceError(_UNREADABLE)
    return parsed


_OPERATORS = re.compile(r"(\bAND\b|\bOR\b|\bWITH\b|[()])")
_UNREADABLE = (
    "it cannot be read as a licence; right would be an SPDX id or expression, such as Apache-2.0 or MIT AND CC-BY-4.0"
)


def restrictions(expression: str, commercial: bool = True) -> list[str]:
    """The restrictions of outputs by the licences in `expression`, in words. Raises LicenceError."""
    reasons = ((leaf, restriction(leaf, commercial)) for leaf in _leaves(read(expression)))
    return [f"{leaf} {reason}" for leaf, reason in reasons if reason]


def refusal(expression: str, accepted: Iterable[str], commercial: bool = True) -> str | None:
    """Why a policy that accepts the expressions `accepted` does not accept `expression`; None if it does.

    A licence that restricts outputs is refused even if `accepted` has it. Raises LicenceError if one of `accepted`
    cannot be read.
    """
    listed = {_text(read(one)): one for one in accepted}
    try:
        parsed = read(expression)
    except LicenceError as error:
        return str(error)
    return _refused(parsed, listed, commercial)


def _refused(node: Any, listed: dict[str, str], commercial: bool) -> str | None:
    if _text(node) in listed and not any(restriction(leaf, commercial) for leaf in _leaves(node)):
        return None
    if _is_leaf(node):
        name = _text(node)
        if reason := next((found for leaf in _leaves(node) if (found := restriction(leaf, commercial))), None):
            return f"{name} {reason}"
        return f"policy.licences does not list {name}; it lists {', '.join(listed.values())}"
    refused = [_refused(part, listed, commercial) for part in node.args]
    if node.operator.strip() == "OR" and None in refused:
        return None
    return next((reason for reason in refused if reason), None)


def _is_leaf(node: Any) -> bool:
    return not getattr(node, "args", ())


def _leaves(node: Any) -> list[str]:
    if not _is_leaf(node):
        return [leaf for part in node.args for leaf in _leaves(part)]
    return [normal(symbol.key) for symbol in node.decompose()]


def _text(node: Any) -> str:
    """A node as text: licences in their normal form; those joined by AND or OR are sorted."""
    if _is_leaf(node):
        return " WITH ".join(_leaves(node))
    return f"({node.operator.join(sorted(_text(part) for part in node.args))})"
