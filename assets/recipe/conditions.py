"""The language of `where`: which rows of a source are chosen, by what they say.

`{lang: en, category: [closed_qa, open_qa], score: {at_least: 4}, role: {not: system}, text: {contains: tea}}` chooses
the rows for which all of it holds. The keys are paths (see assets/recipe/paths.py). A value means "equal to it", a list
"equal to one of them", and a mapping has operators, of which all must hold. A number equals the same number written as
a text, true and false equal such texts; other texts are equal to the letter, without blanks around them. Where the row
has a list, it is enough that one of its items fits, and `not` must hold for all of them. A row where the value is
absent is not chosen, except by `{present: false}`.
"""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass
from typing import Any

from assets.recipe.lookup import find, number_in, opened, says
from assets.recipe.paths import Path, PathError, written
from assets.recipe.rendering import is_absent
from warehouse.core.errors import UserError
from warehouse.core.texts import listed, nearest, on_one_line, shortened

OPERATORS = ("at_least", "at_most", "contains", "not", "present")
NAMED_VALUES = 20
"""How many values of one field have a reason of their own; a row with any other is "another value" (our choice)."""

_WIDEST = 40

Value = str | int | float | bool


@dataclass(frozen=True)
class Unmet:
    """Why a row is not chosen; `value` is what the row has instead, `score` missed `cut`."""

    reason: str
    value: str | None = None
    score: float | None = None
    cut: float | None = None


@dataclass(frozen=True)
class Condition:
    """What must hold for the value at `path`: each operator with its operands; `is` stands for equality."""

    path: Path
    tests: tuple[tuple[str, tuple[Value, ...]], ...]

    def unmet(self, row: abc.Mapping[str, object], absent: frozenset[str]) -> Unmet | None:
        """Why the row is not chosen, None if the condition holds. Values that say one of `absent` are absent."""
        value = find(row, self.path).value
        name = self.path.text
        inside = opened(value)
        # A text may be an empty list as JSON.
        if is_absent(value, absent) or is_absent(inside, absent):
            return None if self.tests == (("present", (False,)),) else Unmet(f"where: {name} is absent")
        values = inside if isinstance(inside, list) else [value]
        for operator, operands in self.tests:
            fault = _fault(operator, operands, values)
            if fault:
                return Unmet(f"where: {name} {fault.reason}", fault.value, fault.score, fault.cut)
        return None

    @property
    def operands(self) -> list[tuple[str, Value]]:
        """Each operator with each of its operands."""
        return [(operator, operand) for operator, operands in self.tests for operand in operands]


@dataclass(frozen=True)
class _Type:
    what: str
    fits: abc.Callable[[object], bool]
    hint: str = ""


class Types:
    """Whether rows have values of the types that conditions need, so that a row could fit. Values that say one of
    `absent` are absent."""

    def __init__(self, conditions: abc.Iterable[Condition], absent: frozenset[str]) -> None:
        self._absent = absent
        self._unseen = [
            (one.path, operand, needed)
            for one in conditions
            for operator, operand in one.operands
            if (needed := _needs((operator, operand)))
        ]
        self._examples: dict[Path, object] = {}

    def look(self, row: abc.Mapping[str, object]) -> None:
        """Take note of the types of a row."""
        for one in [*self._unseen]:
            path, _, needed = one
            value = find(row, path).value
            values = value if isinstance(value, list) else [value]
            if values and not is_absent(value, self._absent):
                self._examples.setdefault(path, values[0])
                if any(needed.fits(item) for item in values):
                    self._unseen.remove(one)

    def check(self) -> None:
        """Raise UserError where no row had a value of the needed type, but there were values."""
        for path, operand, needed in self._unseen:
            if path in self._examples:
                example = shortened(on_one_line(str(self._examples[path])), _WIDEST)
                raise UserError(
                    f"where: {path.text} is to be compared with {_plain(operand)}, but no row has"
                    f" {needed.what} there; found values such as {example!r}{needed.hint}"
                )


_NUMBER = _Type("a number", lambda value: number_in(value) is not None)
_TRUTH = _Type(
    "true or false",
    lambda value: isinstance(value, bool) or str(value).strip().casefold() in ("true", "false"),
    "; YAML reads yes, no, on and off as true and false, so write such a text in quotes",
)


def _needs(test: tuple[str, Value]) -> _Type | None:
    operator, operand = test
    if operator in ("present", "contains"):
        return None
    if isinstance(operand, bool):
        return _TRUTH
    return None if isinstance(operand, str) else _NUMBER


def parse_where(where: abc.Mapping[str, Any]) -> tuple[Condition, ...]:
    """The conditions of a `where`. Raises ValueError, which names the key and what would be right."""
    if not where:
        raise ValueError("it is empty, but it must name a field, such as lang: en")
    return tuple(_condition(name, wanted) for name, wanted in where.items())


def reasons(unmet: abc.Mapping[tuple[str, str | None], int]) -> dict[tuple[str, str | None], str]:
    """The whole reason for each (reason, value) of rows that are not chosen, of which there are so many; rare values
    share one, so that there are few reasons."""
    most: dict[str, set[str]] = {}
    named = {(reason, value): rows for (reason, value), rows in unmet.items() if value is not None}
    for reason, value in sorted(named, key=lambda one: (-named[one], one)):
        if len(most.setdefault(reason, set())) < NAMED_VALUES:
            most[reason].add(value)
    return {
        (reason, value): reason
        if value is None
        else f"{reason}is {value if value in most[reason] else 'another value'}"
        for reason, value in unmet
    }


def _condition(name: str, wanted: Any) -> Condition:
    try:
        path = Path.parse(name)
    except PathError as error:
        raise ValueError(f"{name}: {error}") from error
    if not isinstance(wanted, dict):
        return Condition(path, (("is", _values(name, wanted)),))
    if not wanted:
        raise ValueError(f"{name}: found no operator; known are {', '.join(OPERATORS)}")
    tests = []
    for operator, operand in wanted.items():
        if operator not in OPERATORS:
            inside = f"; a field inside it is written {name}.{written(str(operator))}"
            raise ValueError(f"{name}: there is no operator {operator!r}; {nearest(str(operator), OPERATORS)}{inside}")
        if operator == "present" and not isinstance(operand, bool):
            raise ValueError(f"{name}: present must be true or false")
        if operator in ("at_least", "at_most") and (isinstance(operand, bool | list) or operand is None):
            raise ValueError(f"{name}: {operator} must be a number, or a text such as '2024-01-31'")
        if operator == "contains" and not all(isinstance(one, str) for one in _values(name, operand)):
            raise ValueError(f"{name}: contains must be a text, or a list of texts of which one is enough")
        tests.append((operator, _values(name, operand)))
    if len(tests) > 1 and ("present", (False,)) in tests:
        raise ValueError(f"{name}: present: false cannot be combined with other operators")
    return Condition(path, tuple(tests))


def _values(name: str, wanted: Any) -> tuple[Value, ...]:
    values = wanted if isinstance(wanted, list) else [wanted]
    if not values:
        raise ValueError(f"{name}: found an empty list, but it must have a value")
    for value in values:
        if value is None:
            raise ValueError(f"{name}: found null; write {{present: false}} for rows without a value")
        if not isinstance(value, str | int | float) or value != value:
            raise ValueError(
                f"{name}: found {shortened(str(value), _WIDEST)}, but it must be a text, a number, true or false"
                " (a date is written in quotes)"
            )
    return tuple(values)


def _fault(operator: str, operands: tuple[Value, ...], values: list[Any]) -> Unmet | None:
    if operator in ("is", "not"):
        equal = [value for value in values if any(_equal(value, operand) for operand in operands)]
        if bool(equal) == (operator == "is"):
            return None
        shown = equal[:1] or [value for value in values if value is not None][:1]
        return Unmet("", shortened(on_one_line(_plain(shown[0])), _WIDEST))
    if operator == "contains":
        texts = [value for value in values if isinstance(value, str)]
        if any(str(operand) in text for operand in operands for text in texts):
            return None
        return Unmet(f"does not contain {shortened(listed(list(map(repr, operands)), 3), 2 * _WIDEST)}")
    if operator == "present":
        return None if operands[0] else Unmet("is present")
    limit, below = operands[0], operator == "at_least"
    return _outside(limit, below, values)


def _outside(limit: Value, below: bool, values: list[Any]) -> Unmet | None:
    missed = f"is {'below' if below else 'above'} {shortened(str(limit), _WIDEST)}"
    if isinstance(limit, str):
        texts = [value.strip() for value in values if isinstance(value, str)]
        return None if any(text >= limit if below else text <= limit for text in texts) else Unmet(missed)
    numbers = [number for value in values if (number := number_in(value)) is not None]
    if not numbers:
        return Unmet("is no number")
    if any(number >= limit if below else number <= limit for number in numbers):
        return None
    # A whole number can be too large for a float; the limit and the reason still say what was decided.
    score = numbers[0] if abs(numbers[0]) < 1e300 else None
    return Unmet(missed, score=score, cut=limit if abs(limit) < 1e300 else None)


def _equal(value: object, operand: Value) -> bool:
    if isinstance(operand, bool):
        truth = {"true": True, "false": False}.get(value.strip().casefold()) if isinstance(value, str) else value
        return truth is operand
    if isinstance(operand, str):
        return says(value, operand.strip())
    return number_in(value) == operand


def _plain(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
