"""Conversations: an instruction and its response must be the turns that they are taken for.

Where the turns at a position have different roles from row to row, a path by position would pair a system prompt with a
question, or a greeting with an answer. Such a path is refused. Where a response is not the answer to its instruction,
the row is quarantined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from assets.recipe.lookup import find, role_of
from assets.recipe.mapping import ANSWERS, MappingError, Template
from assets.recipe.mapping import Mapping as FieldMapping
from assets.recipe.paths import POSITION, Path, quoted
from warehouse.core.texts import listed, shortened

USERS = frozenset(("human", "user", "prompter", "instructor"))
ASSISTANTS = frozenset(("gpt", "assistant", "bot", "model", "chatgpt", "chatbot", "ai", "bing", "bard"))

OTHERS = frozenset(("system", "developer", "tool", "function", "observation", "function_call"))

_WIDEST = 40


class Positions:
    """The roles of the turns to which paths by position lead, over many rows."""

    def __init__(self, mapping: FieldMapping) -> None:
        self._roles = [
            _Roles(field, path) for field, path in mapping.paths if any(POSITION.fullmatch(name) for name in path.names)
        ]

    def look(self, row: Mapping[str, object]) -> None:
        """Take note of the roles in a row."""
        for one in self._roles:
            one.look(row)

    def check(self) -> None:
        """Raise MappingError where a path led to turns of different roles; it proposes a path by role."""
        if problems := list(dict.fromkeys(problem for one in self._roles for problem in one.problems())):
            raise MappingError("; ".join(problems))


def misplaced(templates: Mapping[str, Template], row: Mapping[str, object]) -> str | None:
    """Why the answer of a row is not the answer to its instruction, None if there is no reason to think so.

    A path by role finds the first answer after the instruction; another turn of the same role may lie between. Two
    turns that are picked by their positions are taken as they are.
    """
    answer = next((field for field in ANSWERS if field in templates), None)
    if answer is None or "instruction" not in templates or not templates[answer].in_lists:
        return None
    positions = templates["instruction"].turns(row)
    by_position = {
        turn.list_path for path in templates["instruction"].paths for turn in find(row, path).turns if turn.by_position
    }
    for path in templates[answer].paths:
        for turn in find(row, path, positions).turns:
            asked = positions.get(turn.list_path, turn.index)
            role = role_of(turn.items[asked])
            if role is None or turn.index == asked or (turn.by_position and turn.list_path in by_position):
                continue
            if turn.index < asked:
                return f"the turn of {answer!r} comes before that of 'instruction'"
            between = [role_of(item) for item in turn.items[asked + 1 : turn.index]]
            if role in between:
                return (
                    f"another turn of {shortened(role[1], _WIDEST)} lies between those of 'instruction' and {answer!r}"
                )
    return None


def written_value(value: str) -> str:
    """The value of a pick as it is written in a path."""
    return quoted(value) if set(value) & set('|[]"{}') else value


class _Roles:
    """The roles of the turns to which one path of a field leads."""

    def __init__(self, field: str, path: Path) -> None:
        self._field, self._path = field, path
        self._found: dict[tuple[str, int], Counter[tuple[str, str]]] = {}
        self._everywhere: Counter[tuple[str, str]] = Counter()

    def look(self, row: Mapping[str, object]) -> None:
        for turn in find(row, self._path).turns:
            if turn.by_position and (role := role_of(turn.item)):
                self._found.setdefault((turn.list_path, turn.index), Counter())[role] += 1
                self._everywhere.update(one for item in turn.items if (one := role_of(item)))

    def problems(self) -> Iterator[str]:
        field, path = self._field, self._path
        for (list_path, index), roles in self._found.items():
            groups = {_group(role) for _, role in roles}
            # Comments have authors too, but these are names of people, and differ from row to row.
            if len(groups) > 1 and groups & {"user", "assistant", *OTHERS}:
                counted = listed([f"{shortened(role, _WIDEST)} ({count})" for (_, role), count in roles.most_common()])
                rest = path.text.removeprefix(f"{list_path}.{index}")
                picks = _picks(field, [one for one, _ in self._everywhere.most_common()], roles.most_common(1)[0][0])
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
