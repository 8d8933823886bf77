"""Declarative field mapping: it turns the fields of a source into the fields of a record.

``{"instruction": "How do I make {title}?", "response": "{steps:numbered}"}`` maps a cooking recipe to a pair. A
placeholder is ``{path}``, ``{path?}`` (may be absent), ``{path:format}`` or ``{path?:format}``. A path goes
into dicts by key and into lists by number (``{instances.0.output}``) and does nothing else: no attributes, no
calls, no index into a text. ``{{`` and ``}}`` are braces. Names that contain one of ``. : ? { }`` cannot be used.

Texts are stripped, numbers are written as Python does, booleans as true and false. The items of a list are
joined as ``lines`` (the default), ``numbered`` ("1. …"), ``bullets`` ("- …"), ``sentences`` (by a space) or
``commas``; absent and empty items are left out. ``json`` writes any value as JSON, and the path ``*`` is the
whole row. None, NaN, blank text, and empty lists and objects count as absent.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections import abc
from dataclasses import dataclass

from warehouse.core.errors import UserError

FORMATS = ("lines", "numbered", "bullets", "sentences", "commas", "json")
WHOLE = "*"

_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<body>[^{}]*)\}|[{}]")
_BODY = re.compile(r"(?P<path>[^:?]*)(?P<optional>\?)?(?::(?P<format>.*))?", re.DOTALL)
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
_DIGITS = re.compile(r"[0-9]{1,9}")


class TemplateError(ValueError):
    """A template or a mapping has a syntax error; the message says where, and what is correct."""


class MappingError(UserError, ValueError):
    """A mapping uses a field that its source does not have."""


class MissingField(LookupError):
    """A row has no usable value at ``path``; ``reason`` says what is there instead."""

    def __init__(self, path: str, reason: str = "is absent or empty") -> None:
        super().__init__(f"field {path!r} {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True)
class Placeholder:
    """One ``{path?:format}``: where the value is, how a list is joined, and whether it may be absent."""

    path: str
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
        end = 0
        for token in _TOKEN.finditer(text):
            parts.append(text[end : token.start()])
            if token["body"] is not None:
                parts.append(_placeholder(text, token["body"], token.start() + 1))
            elif len(token[0]) == 2:
                parts.append(token[0][0])
            else:
                raise TemplateError(
                    f"template {text!r}, character {token.start() + 1}: a lone {token[0]!r};"
                    f" write {token[0] * 2!r} for a brace or {{title}} for a field"
                )
            end = token.end()
        parts.append(text[end:])
        return cls(text, tuple(part for part in parts if part != ""))

    @property
    def fields(self) -> tuple[str, ...]:
        """The paths in the template, each once, in order of appearance."""
        return tuple(dict.fromkeys(part.path for part in self.parts if isinstance(part, Placeholder)))

    def render(self, row: abc.Mapping[str, object]) -> str:
        """Return the text for a row, stripped at both ends.

        An absent optional value becomes an empty text, and the blank lines around it become one; text from the
        row keeps its own blank lines. Raises ``MissingField`` if a required value is absent, or if a value is
        not a text, a number, a boolean or a list of these.
        """
        rendered: list[str] = []
        literal = ""
        skipped = False
        for part in self.parts:
            if isinstance(part, str):
                literal += part
                continue
            value = _render(row if part.path == WHOLE else _lookup(row, part.path), part.format, part.path)
            if not value:
                if not part.optional:
                    raise MissingField(part.path)
                skipped = True
                continue
            rendered += [_closed(literal, skipped), value]
            literal, skipped = "", False
        return "".join([*rendered, _closed(literal, skipped)]).strip()


@dataclass(frozen=True)
class Mapping:
    """For each field of the result, in order, the templates that a row's own template is chosen from."""

    templates: tuple[tuple[str, tuple[Template, ...]], ...]

    @classmethod
    def parse(cls, fields: abc.Mapping[str, str | list[str]]) -> Mapping:
        """Parse a mapping of fields to templates; raises ``TemplateError`` with the name of the field."""
        if not fields:
            raise TemplateError("a mapping is empty, but it must name a field, such as instruction: '{title}'")
        templates = []
        for field, written in fields.items():
            texts = [written] if isinstance(written, str) else written
            if not texts:
                raise TemplateError(f"field {field!r}: found no template, but at least one is needed")
            twice = [text for text in texts if texts.count(text) > 1]
            if twice:
                raise TemplateError(f"field {field!r}: template {twice[0]!r} is listed twice; list it once")
            try:
                templates.append((field, tuple(Template.parse(text) for text in texts)))
            except TemplateError as error:
                raise TemplateError(f"field {field!r}: {error}") from error
        return cls(tuple(templates))

    def apply(self, row: abc.Mapping[str, object], identity: str) -> dict[str, str]:
        """Return the fields of one row; ``identity`` (the row's content hash) decides which template is used.

        The choice depends only on the identity and the templates' texts: other rows and the order of the list do
        not matter, and an added template changes only the rows that now use it. Raises ``MissingField``.
        """
        return {field: _chosen(templates, identity).render(row) for field, templates in self.templates}


def check_fields(mapping: Mapping, rows: abc.Iterable[abc.Mapping[str, object]]) -> None:
    """Raise ``MappingError`` if no row has a top-level field that a template uses, optional or not.

    This does not check nested values: a wrong deeper part of a path raises ``MissingField`` for each row.
    """
    available = sorted({name for row in rows for name in row})
    for field, templates in mapping.templates:
        for path in (path for template in templates for path in template.fields):
            name = path.split(".")[0]
            if name in available or path == WHOLE:
                continue
            nearest = difflib.get_close_matches(name, available)
            raise MappingError(
                f"field {field!r}: its template names {name!r}, which no row of the source has"
                + (f"; nearest: {', '.join(nearest)}" if nearest else "")
                + (f"; available: {', '.join(available)}" if available else "; the source has no rows")
            )


def _placeholder(text: str, body: str, character: int) -> Placeholder:
    where = f"template {text!r}, character {character}"
    match = _BODY.fullmatch(body)
    if match is None:
        raise TemplateError(f"{where}: {{{body}}} is no placeholder; write {{path}}, {{path?}} or {{path?:format}}")
    path, format_ = match["path"], match["format"]
    if any(not step or step != step.strip() for step in path.split(".")):
        raise TemplateError(f"{where}: {path!r} is no path; write names without blanks around them, such as {{a.0.b}}")
    if format_ is not None and format_ not in FORMATS:
        raise TemplateError(f"{where}: the format {format_!r} is unknown; known are {', '.join(FORMATS)}")
    return Placeholder(path, format_ or "lines", match["optional"] is not None)


def _lookup(row: abc.Mapping[str, object], path: str) -> object:
    value: object = row
    for step in path.split("."):
        if isinstance(value, abc.Mapping):
            value = value.get(step)
        elif isinstance(value, list) and _DIGITS.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _render(value: object, format_: str, path: str) -> str:
    if value is None or value != value:  # NaN is how some tables write an absent value
        return ""
    if format_ == "json":
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, list):
        items = [text for item in value if (text := _render(item, "lines", path))]
        return _joined(items, format_)
    if isinstance(value, abc.Mapping):
        if not value:
            return ""
        raise MissingField(path, f"holds an object, not a text; it has the fields {', '.join(map(str, value))}")
    raise MissingField(path, f"holds a {type(value).__name__}, not a text")


def _joined(items: list[str], format_: str) -> str:
    if format_ == "numbered":
        return "\n".join(f"{number}. {item}" for number, item in enumerate(items, start=1))
    if format_ == "bullets":
        return "\n".join(f"- {item}" for item in items)
    return {"lines": "\n", "sentences": " ", "commas": ", "}[format_].join(items)


def _closed(literal: str, skipped: bool) -> str:
    return _BLANK_LINES.sub("\n\n", literal) if skipped else literal


def _chosen(templates: tuple[Template, ...], identity: str) -> Template:
    # The highest hash wins, not a hash modulo the count, so changing one template affects only its own rows.
    return max(templates, key=lambda template: hashlib.sha256(f"{template.text}\0{identity}".encode()).digest())
