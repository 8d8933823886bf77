"""The code that decides what a step makes, as one digest per file. If a digest changes, the step becomes stale.

The module of the step counts as a whole. Of a module that it imports names from, only those names count, and the names
that these use there. So an edit of one method's prompt does not affect steps that use another function of that file.
Comments, docstrings and layout do not count.

Code in `assets` counts, and the files in DECIDING, which decide rows from outside it. These do not count: the recipe's
types and the names of assets, because slice and name are part of a version; the rules of records, because each step
adds those of its own rows; and code that runs models. A step that calls a model adds protocol numbers instead, which
the memo's keys have too.

Not covered: names that are reached by text (`getattr`, `importlib`) or as attributes of their package; code of one name
that changes another at import, such as a decorator that puts functions into a table; and the constants of
warehouse/schema/records.py.
"""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from assets.steps.digest_memory import DigestMemory, state_of

ROOT = Path(__file__).resolve().parents[2]
NOT_CODE = (
    "assets/recipe/types.py",
    "assets/recipe/filters.py",
    "assets/recipe/selections.py",
    "assets/recipe/materials.py",
    "assets/recipe/parts.py",
    "assets/recipe/values.py",
    "assets/steps/names.py",
    "assets/steps/step.py",
)

DECIDING = (
    "resources/fetching/globs.py",
    "warehouse/core/comparing.py",
    "warehouse/core/identity.py",
    "warehouse/core/sentences.py",
    "warehouse/core/texts.py",
    "warehouse/core/words.py",
    "warehouse/lineage/withdrawals.py",
    "warehouse/results/result.py",
    "warehouse/results/selection.py",
    "warehouse/results/validation.py",
)
"""Files outside `assets` that decide rows: which files a source has, ids, how texts compare, withdrawals, outcomes."""


@cache
def code_digests(module: Path, *others: tuple[str, str], also: tuple[Path, ...] = ()) -> dict[str, str]:
    """Digest of what is used of each file, directly or through others, by path relative to the project.

    `module` and the modules in `also` count as a whole; `others` are single names, as (path relative to the project,
    name). Code that did not change is not parsed again (see digest_memory.py)."""
    asked: list[object] = [_name(module), *others, [_name(path) for path in also]]
    return _memory().digests(asked, lambda: parsed_digests(module, *others, also=also))


@cache
def _memory() -> DigestMemory:
    return DigestMemory(lambda: state_of(ROOT, DECIDING))


def parsed_digests(module: Path, *others: tuple[str, str], also: tuple[Path, ...] = ()) -> dict[str, str]:
    """The same, from the files as they are now."""
    used = {_name(path): Used(path) for path in (module, *also)}
    for file in used.values():
        file.take_all()
    for place, name in others:
        used.setdefault(place, Used(ROOT / place)).wanted.add(name)
    while waiting := [(file, name) for file in used.values() for name in file.waiting()]:
        for file, name in waiting:
            for path, wanted in file.take(name):
                if _name(path) in NOT_CODE:
                    continue
                other = used.get(_name(path)) or used.setdefault(_name(path), Used(path))
                if wanted is None:
                    other.take_all()
                else:
                    other.wanted.add(wanted)
    return {name: file.digest() for name, file in sorted(used.items())}


@dataclass
class Used:
    """A file and the names in it that are used."""

    path: Path
    wanted: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    statements: dict[str, list[Statement]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.body = _statements(self.path, self.path.read_text(encoding="utf-8"))
        for statement in self.body:
            for name in statement.bound:
                self.statements.setdefault(name, []).append(statement)
        # Statements that bind no name run at import and may affect any name.
        self.wanted.add("")

    def take_all(self) -> None:
        """Adds every name of the file to those wanted."""
        self.wanted |= self.statements.keys()

    def waiting(self) -> list[str]:
        """Names that are wanted but not taken yet."""
        return sorted(self.wanted - self.taken)

    def take(self, name: str) -> list[tuple[Path, str | None]]:
        """Takes a name with what it uses in this file; returns what it uses of others: (file, name or None for all)."""
        self.taken.add(name)
        found = []
        for statement in self.statements.get(name, []):
            self.wanted |= statement.names & self.statements.keys()
            found += statement.imports
        return found

    def digest(self) -> str:
        """Digest of the statements that are used, in the order of the file."""
        text = "\n".join(statement.text for statement in self.body if self.taken & statement.bound)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Statement:
    """A top-level statement of the file `path`: the names that it binds and uses, what it imports, its code."""

    def __init__(self, node: ast.stmt, path: Path) -> None:
        self.node, self.path, self.bound = node, path, _bound(node)

    @cached_property
    def names(self) -> set[str]:
        return {n.id for n in ast.walk(self.node) if isinstance(n, ast.Name)}

    @cached_property
    def imports(self) -> list[tuple[Path, str | None]]:
        return _imports(self.node, self.path)

    @cached_property
    def text(self) -> str:
        return ast.unparse(self.node)


@cache
def _statements(path: Path, text: str) -> list[Statement]:
    """The top-level statements of the file `path` with the content `text`. Many steps share files."""
    body = _bare(ast.parse(text)).body
    return [Statement(single, path) for statement in body for single in _singles(statement)]


def _singles(statement: ast.stmt) -> list[ast.stmt]:
    """Splits an import of several names into one import per name, because each may be used without the others."""
    if isinstance(statement, ast.Import):
        return [ast.Import([alias]) for alias in statement.names]
    if isinstance(statement, ast.ImportFrom):
        return [ast.ImportFrom(statement.module, [alias], statement.level) for alias in statement.names]
    return [statement]


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement binds; "" if it may affect any name of the file."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        names = {alias.asname or alias.name.split(".")[0] for alias in statement.names}
        return {"" if name == "*" else name for name in names}
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        targets = [*targets, *(n.target for n in ast.walk(statement) if isinstance(n, ast.NamedExpr))]
        stored = [n for target in targets for n in ast.walk(target) if isinstance(getattr(n, "ctx", None), ast.Store)]
        # Setting an item or an attribute changes a value that already has another name.
        others = {"" for n in stored if isinstance(n, ast.Attribute | ast.Subscript)}
        return {n.id for n in stored if isinstance(n, ast.Name)} | others
    return {""}


def _imports(node: ast.AST, file: Path) -> list[tuple[Path, str | None]]:
    """(file, name in it or None for all of it) for each import at or below `node`, a part of `file`, that counts."""
    found: list[tuple[Path, str | None]] = []
    for at in ast.walk(node):
        if isinstance(at, ast.ImportFrom):
            base = (file.parents[at.level - 1] if at.level else ROOT) / (at.module or "").replace(".", "/")
            for alias in at.names:
                if whole := _file(base / alias.name):
                    found.append((whole, None))
                elif part := _file(base):
                    found.append((part, None if alias.name == "*" else alias.name))
        elif isinstance(at, ast.Import):
            found += [(path, None) for alias in at.names if (path := _file(ROOT / alias.name.replace(".", "/")))]
    return found


def _file(module: Path) -> Path | None:
    """The file of a module or package that counts; None if there is none. `module` is its path without a suffix."""
    found = next((path for path in (module.with_suffix(".py"), module / "__init__.py") if path.is_file()), None)
    if found is None or not found.is_relative_to(ROOT):
        return None
    name = found.relative_to(ROOT).as_posix()
    return found if name.startswith("assets/") or name in DECIDING else None


def _name(path: Path) -> str:
    return path.resolve().relative_to(ROOT).as_posix()


def _bare(tree: ast.Module) -> ast.Module:
    """`tree` without docstrings, including those after an assignment."""
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [statement for statement in body if not _is_text(statement)]  # type: ignore[attr-defined]
    return tree


def _is_text(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
