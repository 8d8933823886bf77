"""Read YAML text into plain values, and remember at which line and column each key stands.

Safe YAML 1.1 as PyYAML reads it, with three differences (ours). A repeated key is an error; PyYAML would use the last
one. `12:30` is a text and not a number in base 60. Text that grows beyond MOST_VALUES when its aliases (`*name`) are
replaced by what they stand for is refused before anything is built, because a few lines can stand for billions of
values.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import yaml

from warehouse.core.closure import closure

MOST_VALUES = 100_000
"""The most keys and values, with every alias counted as what it stands for (ours; the starter has some 400)."""

Place = tuple[str, ...]
"""A key's path, such as ("sources", "faq", "sha256"); items of a list have their number from 0."""

Position = tuple[int, int]
"""A line and a column, both from 1."""

_MERGE = "tag:yaml.org,2002:merge"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"


class YamlError(ValueError):
    """The text is not YAML, or it cannot be read as plain values; the message says where and why."""


@dataclass(frozen=True)
class Document:
    """The value of a YAML document, and the position of every key and list item in it.

    `shared` are the top-level keys under which something stands that an alias uses, such as `common: &common {…}`.
    """

    value: Any
    positions: dict[Place, Position]
    shared: frozenset[str] = frozenset()


def read_yaml(text: str) -> Document:
    """The YAML document `text`. Raises YamlError."""
    try:
        # Reading the first characters already fails where one is not allowed.
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return Document(None, {})
        _check_size(root)
        positions: dict[Place, Position] = {}
        _find_positions(root, (), positions)
        # Merging changes the nodes, so the shared ones are looked for first.
        shared = _shared_keys(root)
        return Document(loader.construct_document(root), positions, shared)
    except yaml.MarkedYAMLError as error:
        raise YamlError(_located(error)) from error
    except yaml.reader.ReaderError as error:
        raise YamlError(f"{error.reason} (character {error.position + 1})") from error
    except yaml.YAMLError as error:
        raise YamlError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise YamlError("it is nested too deeply") from error
    except (TypeError, ValueError, AttributeError) as error:
        # PyYAML passes on Python's errors for values that YAML allows, such as a date that does not exist.
        raise YamlError(" ".join(str(error).split())[:200]) from error


def _located(error: yaml.MarkedYAMLError) -> str:
    """The error in words. The text itself is not repeated: a recipe may extend a file that is none of ours."""
    parts = []
    for words, mark in ((error.context, error.context_mark), (error.problem, error.problem_mark)):
        if words:
            parts.append(f"{words} (line {mark.line + 1}, column {mark.column + 1})" if mark else words)
    return ", ".join(parts)[:500]


def _check_size(root: yaml.Node) -> None:
    """Raises ConstructorError where a node contains itself, or the document has too many values."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        key = id(node)
        if key in open_nodes:
            raise yaml.constructor.ConstructorError(None, None, "a value contains itself", node.start_mark)
        if key not in sizes:
            open_nodes.add(key)
            sizes[key] = 1 + sum(map(size, _parts(node)))
            open_nodes.discard(key)
        return sizes[key]

    if size(root) > MOST_VALUES:
        raise yaml.constructor.ConstructorError(
            None, None, f"it stands for more than {MOST_VALUES:,} keys and values; write less, or use fewer aliases"
        )


def _parts(node: yaml.Node) -> list[yaml.Node]:
    """The nodes directly in a node; the keys and values of a mapping."""
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _shared_keys(root: yaml.Node) -> frozenset[str]:
    if not isinstance(root, yaml.MappingNode):
        return frozenset()
    # An alias is the very node that it stands for, so a node that is found twice was named by one.
    nodes: list[yaml.Node] = [root]
    found = Counter(id(part) for node in closure(nodes, _parts) for part in _parts(node))
    return frozenset(
        str(key.value) for key, value in root.value if any(found[id(node)] > 1 for node in closure([value], _parts))
    )


def _find_positions(node: yaml.Node, place: Place, positions: dict[Place, Position]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag == _MERGE:
                continue
            inner = (*place, str(key.value))
            positions[inner] = (key.start_mark.line + 1, key.start_mark.column + 1)
            _find_positions(value, inner, positions)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            inner = (*place, str(number))
            positions[inner] = (item.start_mark.line + 1, item.start_mark.column + 1)
            _find_positions(item, inner, positions)


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a repeated key."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.CollectionNode):
                # Usually {{title}} without quotes, which YAML reads as a mapping with a mapping as its key.
                raise yaml.constructor.ConstructorError(
                    None, None, "a key is a mapping or a list; put a text with { or [ in quotes", key_node.start_mark
                )
            key = "<<" if key_node.tag == _MERGE else self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {str(key)[:100]!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        super().flatten_mapping(node)
        # PyYAML puts merged pairs before the mapping's own. Each key is kept once, with its last value, so that a
        # mapping which is merged in several places is not taken for one with repeated keys.
        last = {self.construct_object(key_node, deep=True): (key_node, value) for key_node, value in node.value}
        node.value = list(last.values())


# PyYAML's own patterns without numbers in base 60, such as 12:30, which nobody means.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_INT, _FLOAT)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _INT, re.compile(r"^[-+]?(0b[0-1_]+|0[0-7_]+|(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F_]+)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?"
        r"|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)
