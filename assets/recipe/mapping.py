"""Declarative field mapping: it turns the fields of a source into the fields of a record.

``{"instruction": "How do I make {title}?", "response": "{steps:numbered}"}`` maps a cooking recipe to a pair. A
placeholder is ``{path}``, ``{path?}`` (may be absent), ``{path:format}`` or ``{path?:format}``; see
assets/recipe/paths.py for paths. ``{{`` and ``}}`` are braces.

Texts are stripped, numbers are written as Python does, booleans as true and false. The items of a list are
joined as ``lines`` (the default), ``numbered`` ("1. …"), ``bullets`` ("- …"), ``sentences`` (by a space) or
``commas``; absent and empty items are left out. ``first_sentence`` takes the first sentence of a text, or of a list's
first item. ``json`` writes any value as JSON, and the path ``*`` is the whole row. None, NaN, blank text, and empty
lists and objects count as absent, and so do the texts that a selection says mean "nothing".
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections import abc
from dataclasses import dataclass
from functools import cached_property

from assets.recipe.lookup import FROM_THE_START, Item, MissingField, find, role_of
from assets.recipe.paths import POSITION, Path, PathError, path_at, quoted, written
from assets.recipe.rendering import FORMATS, NAMED, NO_INPUT, folded, rendered, shown_name
from warehouse.core.errors import UserError
from warehouse.core.texts import listed

WHOLE = "*"
ANSWERS = ("response", "reference")
"""The fields with the answer to the field `instruction`."""
_REST = re.compile(r"(?P<optional>\?)?(?::(?P<format>.*))?", re.DOTALL)
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")


class TemplateError(ValueError):
    """A template or a mapping has a syntax error; the message says where, and what is correct."""


class MappingError(UserError, ValueError):
    """A mapping uses a field that its source does not have."""


@dataclass(frozen=True)
class Placeholder:
    """One ``{path?:format}``: where the value is, how a list is joined, and whether it may be absent."""

    path: Path
    format: str = "lines"
    optional: bool = False


@dataclass(frozen=True)
class Template:
    """A parsed template: its text as written, and its literals and placeholders in order."""

    text: str
    parts: tuple[str | Placeholder, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Parse a template; raises ``TemplateError`` with the position of the character (from 1)."""
        if not text.strip():
            raise TemplateError("a template is empty, but it must hold a text or a placeholder such as {title}")
        parts: list[str | Placeholder] = []
        literal, at = "", 0
        while at < len(text):
            if text[at] not in "{}":
                literal += text[at]
                at += 1
            elif text[at : at + 2] in ("{{", "}}"):
                literal += text[at]
                at += 2
            elif end := _closing(text, at):
                parts += [literal, _placeholder(text, text[at + 1 : end], at + 1)]
                literal, at = "", end + 1
            else:
                raise TemplateError(
                    f"template {text!r}, character {at + 1}: a lone {text[at]!r};"
                    f" write {text[at] * 2!r} for a brace or {{title}} for a field"
                )
        parts.append(literal)
        return cls(text, tuple(part for part in parts if part != ""))

    @property
    def paths(self) -> tuple[Path, ...]:
        """The paths in the template, each once, in order of appearance."""
        return tuple(dict.fromkeys(part.path for part in self.parts if isinstance(part, Placeholder)))

    def render(
        self,
        row: abc.Mapping[str, object],
        absent: frozenset[str] = frozenset(),
        after: abc.Mapping[str, int] = FROM_THE_START,
    ) -> str:
        """Return the text for a row, stripped at both ends. Values that say one of `absent` (folded) are absent.

        `after` has positions by the path of a list: a pick by values alone looks for a turn after this position.

        An absent optional value becomes an empty text, and the blank lines around it become one; text from the
        row keeps its own blank lines. Raises ``MissingField`` if a required value is absent, or if a value is
        not a text, a number, a boolean or a list of these.
        """
        texts: list[str] = []
        literal = ""
        skipped = False
        for part in self.parts:
            if isinstance(part, str):
                literal += part
                continue
            found = find(row, part.path, after)
            whole = part.path.text == WHOLE
            value = rendered(row if whole else found.value, part.format, part.path.text, absent)
            if not value:
                if not part.optional:
                    raise MissingField(part.path.text, found.reason)
                skipped = True
                continue
            texts += [_closed(literal, skipped), value]
            literal, skipped = "", False
        return "".join([*texts, _closed(literal, skipped)]).strip()

    @cached_property
    def in_lists(self) -> bool:
        """Whether a path of the template may lead to an item of a list."""
        return any(step.picks or POSITION.fullmatch(step.name) for path in self.paths for step in path.steps)

    def turns(self, row: abc.Mapping[str, object]) -> dict[str, int]:
        """The last turn that the template takes from each conversation, as its position by the path of the list.

        The turn that the row was made of counts too."""
        found = [turn for path in self.paths for turn in find(row, path).turns]
        found += [row.turn] if isinstance(row, Item) else []
        turns = sorted((turn for turn in found if role_of(turn.item)), key=lambda turn: turn.index)
        return {turn.list_path: turn.index for turn in turns}


@dataclass(frozen=True)
class Mapping:
    """For each field of the result, in order, the templates that a row's own template is chosen from."""

    templates: tuple[tuple[str, tuple[Template, ...]], ...]
    absent: frozenset[str] | None = None

    @classmethod
    def parse(cls, fields: abc.Mapping[str, str | list[str]], absent: abc.Iterable[str] | None = None) -> Mapping:
        """Parse a mapping of fields to templates; raises ``TemplateError`` with the name of the field.

        Values that say one of `absent` count as absent; for None, those of NO_INPUT do so in the field `input`."""
        if not fields:
            raise TemplateError("a mapping is empty, but it must name a field, such as instruction: '{title}'")
        templates = []
        for field, given in fields.items():
            texts = [given] if isinstance(given, str) else given
            if not texts:
                raise TemplateError(f"field {field!r}: found no template, but at least one is needed")
            twice = [text for text in texts if texts.count(text) > 1]
            if twice:
                raise TemplateError(f"field {field!r}: template {twice[0]!r} is listed twice; list it once")
            try:
                templates.append((field, tuple(Template.parse(text) for text in texts)))
            except TemplateError as error:
                raise TemplateError(f"field {field!r}: {error}") from error
        return cls(tuple(templates), None if absent is None else folded(absent))

    def apply(self, row: abc.Mapping[str, object], identity: str) -> dict[str, str]:
        """Return the fields of one row; ``identity`` (the row's content hash) decides which template is used.

        The choice depends only on the identity and the templates' texts: other rows and the order of the list do
        not matter, and an added template changes only the rows that now use it. In a field of ANSWERS, a pick by
        values from the conversation that the instruction is from looks for a turn after it. Raises ``MissingField``.
        """
        templates = self.chosen(identity)
        by_turns = any(templates[field].in_lists for field in ANSWERS if field in templates)
        asked = templates["instruction"].turns(row) if by_turns and "instruction" in templates else FROM_THE_START
        return {
            field: template.render(row, self.absent_in(field), asked if field in ANSWERS else FROM_THE_START)
            for field, template in templates.items()
        }

    def chosen(self, identity: str) -> dict[str, Template]:
        """The template of each field that the row with this identity uses."""
        return {field: _chosen(templates, identity) for field, templates in self.templates}

    def absent_in(self, field: str) -> frozenset[str]:
        """What counts as absent in a field, folded as `folded` does."""
        if self.absent is None:
            return NO_INPUT if field == "input" else frozenset()
        return self.absent

    @property
    def paths(self) -> tuple[tuple[str, Path], ...]:
        """Every path with the field that it is for, in order."""
        return tuple((field, path) for field, templates in self.templates for one in templates for path in one.paths)


def check_fields(mapping: Mapping, available: abc.Collection[str]) -> None:
    """Raise ``MappingError`` if a template names a field, optional or not, that is not among those of the rows.

    This does not check nested values: a wrong deeper part of a path raises ``MissingField`` for each row.
    """
    for field, path in mapping.paths:
        if path.text != WHOLE and not path.of_item:
            check_name(f"field {field!r}: its template", path, available)


def check_name(what: str, path: Path, available: abc.Collection[str]) -> None:
    """Raise ``MappingError`` if the first name of a path is not ``available``; ``what`` begins the message."""
    name = path.names[0]
    if name in available:
        return
    if not available:
        raise MappingError(f"{what} names {name!r}, which no row of the source has; the source has no rows")
    dotted = [one for one in available if "." in one and f"{path.text}.".startswith(f"{one}.")]
    nearest = [] if dotted else difflib.get_close_matches(name, available)
    raise MappingError(
        f"{what} names {name!r}, which no row of the source has"
        + (f"; write {{{written(dotted[0])}}}" if dotted else "")
        + (f"; nearest: {', '.join(map(shown_name, nearest))}" if nearest else "")
        + f"; available: {listed([shown_name(one) for one in sorted(available)], NAMED)}"
    )


def _closing(text: str, start: int) -> int:
    """Where the placeholder that opens at ``start`` closes, 0 if it does not; braces in quotes do not count."""
    if text[start] != "{":
        return 0
    in_quotes, at = False, start + 1
    while at < len(text):
        if in_quotes and text[at] == "\\":
            at += 1
        elif text[at] == '"':
            in_quotes = not in_quotes
        elif not in_quotes and text[at] in "{}":
            return at if text[at] == "}" else 0
        at += 1
    return 0


def _placeholder(text: str, body: str, character: int) -> Placeholder:
    where = f"template {text!r}, character {character}"
    try:
        path, end = path_at(body)
    except PathError as error:
        raise TemplateError(f"{where}: {error}") from error
    match = _REST.fullmatch(body, end)
    if match is None:
        raise TemplateError(f"{where}: {{{body}}} is no placeholder; write {{path}}, {{path?}} or {{path?:format}}")
    format_ = match["format"]
    if format_ is not None and format_ not in FORMATS:
        misspelt = difflib.get_close_matches(format_, FORMATS)
        raise TemplateError(
            f"{where}: the format {format_!r} is unknown; known are {', '.join(FORMATS)}"
            + ("" if misspelt else f"; a name with a colon is written in quotes, as {{{quoted(body)}}}")
        )
    return Placeholder(path, format_ or "lines", match["optional"] is not None)


def _closed(literal: str, skipped: bool) -> str:
    return _BLANK_LINES.sub("\n\n", literal) if skipped else literal


def _chosen(templates: tuple[Template, ...], identity: str) -> Template:
    # The highest hash wins, not a hash modulo the count, so changing one template affects only its own rows.
    return max(templates, key=lambda template: hashlib.sha256(f"{template.text}\0{identity}".encode()).digest())
