"""Conversations: an instruction and its response must be the turns that they are taken for.

Where the turns at a position have different roles from row to row, a path by position would pair a system prompt with a
question, or a greeting with an answer. Such a path is refused. A path by role takes the first turn of this role, which
need not belong to the other turn of the pair: where it does not, the row is quarantined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from assets.recipe.lookup import Turn, find
from assets.recipe.mapping import Mapping as FieldMapping
from assets.recipe.mapping import MappingError, Template
from assets.recipe.paths import POSITION, Path, quoted
from warehouse.core.texts import listed, shortened

ROLE_KEYS = ("role", "from", "author", "speaker", "sender")
"""The keys that name the role of a turn, in the formats that we know."""

USERS = frozenset(("human", "user", "prompter", "instructor"))
ASSISTANTS = frozenset(("gpt", "assistant", "bot", "model", "chatgpt", "chatbot", "ai", "bing", "bard"))
ANSWERS = ("response", "reference")

_WIDEST = 40


def check_positions(mapping: FieldMapping, rows: Sequence[Mapping[str, object]]) -> None:
    """Raise MappingError where paths by position lead to turns of different roles; it proposes paths by role."""
    problems = list(dict.fromkeys(problem for field, path in mapping.paths for problem in _mixed(field, path, rows)))
    if problems:
        raise MappingError("; ".join(problems))


def misplaced(templates: Mapping[str, Template], row: Mapping[str, object]) -> str | None:
    """Why the answer of a row is not the answer to its instruction, None if there is no reason to think so."""
    answer = next((field for field in ANSWERS if field in templates), None)
    if answer is None or "instruction" not in templates:
        return None
    asked = {turn.list_path: turn for turn in _turns(templates["instruction"], row)}
    for turn in reversed(_turns(templates[answer], row)):
        question = asked.get(turn.list_path)
        if question is None or (question.by_position and turn.by_position) or turn.index == question.index:
            continue
        role, own = _role(question.item), _role(turn.item)
        if role is None or own is None:
            continue
        between = (_role(item) for item in turn.items[question.index + 1 : turn.index] if isinstance(item, Mapping))
        if turn.index < question.index or any(other and other[1] == role[1] for other in between):
            where = "comes before" if turn.index < question.index else "answers a later turn than"
            key, name = role[0], written_value(role[1])
            reply = f"{turn.list_path}[{key}={name}][next][{own[0]}={written_value(own[1])}]"
            return f"the turn of {answer!r} {where} that of 'instruction'; {{{reply}…}} is the turn right after it"
    return None


def written_value(value: str) -> str:
    """The value of a pick as it is written in a path."""
    return quoted(value) if set(value) & set('|[]"{}') else value


def _turns(template: Template, row: Mapping[str, object]) -> list[Turn]:
    return [turn for path in template.paths for turn in find(row, path).turns]


def _mixed(field: str, path: Path, rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    if not any(POSITION.fullmatch(name) for name in path.names):
        return
    found: dict[tuple[str, int], Counter[tuple[str, str]]] = {}
    everywhere: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for turn in find(row, path).turns:
            if turn.by_position and (role := _role(turn.item)):
                found.setdefault((turn.list_path, turn.index), Counter())[role] += 1
                everywhere.update(one for item in turn.items if isinstance(item, Mapping) and (one := _role(item)))
    for (list_path, index), roles in found.items():
        if len({_group(role) for _, role in roles}) > 1:
            counted = listed(
                [f"{shortened(role, _WIDEST)} in {count} rows" for (_, role), count in roles.most_common()]
            )
            rest = path.text.removeprefix(f"{list_path}.{index}")
            picks = _picks(field, [one for one, _ in everywhere.most_common()], roles.most_common(1)[0][0])
            yield (
                f"field {field!r}: {{{path.text}}} finds turns of different roles: {counted};"
                f" pick the turn by its role, as in {{{list_path}{picks}{rest}}}"
            )


def _picks(field: str, roles: Sequence[tuple[str, str]], common: tuple[str, str]) -> str:
    users = [role for role in roles if _group(role[1]) == "user"]
    assistants = [role for role in roles if _group(role[1]) == "assistant"]
    if field in ANSWERS and users and assistants:
        return f"{_pick(users)}[next]{_pick(assistants)}"
    return _pick((users if field == "instruction" else []) or [common])


def _pick(roles: Sequence[tuple[str, str]]) -> str:
    key = roles[0][0]
    return f"[{key}={'|'.join(written_value(role) for own, role in roles if own == key)}]"


def _group(role: str) -> str:
    folded = role.casefold()
    return "user" if folded in USERS else "assistant" if folded in ASSISTANTS else folded


def _role(item: Mapping[str, object]) -> tuple[str, str] | None:
    """The key that names the role of a turn, and the role."""
    return next(
        ((key, role.strip()) for key in ROLE_KEYS if isinstance(role := item.get(key), str) and role.strip()), None
    )
