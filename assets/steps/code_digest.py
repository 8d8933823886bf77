"""Which code decides what a step makes: one digest per file, and a step is stale when one of them changes.

Of the step's own module everything counts. Of a module that it imports from, only the imported names count, with what
they use there. So an edit of one method's prompt leaves alone the steps that use another function of the same file.
Comments, docstrings and layout do not count.

Followed are `assets` and the files of DECIDING, which decide rows from outside it. Not followed are the recipe's types,
whose values are in the step's slice; the rules of records, of which a step digests those of its own rows; and what runs
models: the memo keys what a model is given, and a protocol number says how it was rendered.

Not covered: a name that is reached by text (`getattr`, `importlib`) or through its package's name; what one name's
code does to another at import, as a decorator does that puts functions into a table; and constants of
warehouse/schema/records.py.
"""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_CODE = (
    "assets/recipe/types.py",
    "assets/recipe/materials.py",
    "assets/recipe/parts.py",
    "assets/recipe/values.py",
    "assets/steps/step.py",
)

DECIDING = (
    "warehouse/core/identity.py",
    "warehouse/core/texts.py",
    "warehouse/lineage/withdrawals.py",
    "warehouse/results/result.py",
    "warehouse/results/validation.py",
)
"""Files outside `assets` that decide rows: ids, how texts compare, what is withdrawn, outcomes, quarantine."""


@cache
def code_digests(module: Path, *others: tuple[str, str]) -> dict[str, str]:
    """File (relative to the project) to the digest of what is used of it, directly or through others.

    Used are all of `module` and the `others`, which are (file relative to the project, name in it)."""
    used = {_name(module): Used(module)}
    used[_name(module)].take_all()
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
    statements: dict[str, list[ast.stmt]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tree = ast.parse(self.path.read_text(encoding="utf-8"))
        self.body = [single for statement in _bare(tree).body for single in _singles(statement)]
        for statement in self.body:
            for name in _bound(statement):
                self.statements.setdefault(name, []).append(statement)
        # What runs at import and binds no name may matter to all.
        self.wanted.add("")

    def take_all(self) -> None:
        """Wants every name of the file."""
        self.wanted |= self.statements.keys()

    def waiting(self) -> list[str]:
        """Names that are wanted and not yet taken."""
        return sorted(self.wanted - self.taken)

    def take(self, name: str) -> list[tuple[Path, str | None]]:
        """Takes a name with what it uses in this file; returns what it uses of others: (file, name or all)."""
        self.taken.add(name)
        found = []
        for statement in self.statements.get(name, []):
            self.wanted |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)} & self.statements.keys()
            found += _imports(statement, self.path)
        return found

    def digest(self) -> str:
        """Digest of the statements that are used, in their order."""
        text = "\n".join(ast.unparse(statement) for statement in self.body if self.taken & _bound(statement))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _singles(statement: ast.stmt) -> list[ast.stmt]:
    """An import of several names as an import of each, since each may be used without the others."""
    if isinstance(statement, ast.Import):
        return [ast.Import([alias]) for alias in statement.names]
    if isinstance(statement, ast.ImportFrom):
        return [ast.ImportFrom(statement.module, [alias], statement.level) for alias in statement.names]
    return [statement]


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement binds; "" where it may matter to any name of the file."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        names = {alias.asname or alias.name.split(".")[0] for alias in statement.names}
        return {"" if name == "*" else name for name in names}
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        targets = [*targets, *(n.target for n in ast.walk(statement) if isinstance(n, ast.NamedExpr))]
        stored = [n for target in targets for n in ast.walk(target) if isinstance(getattr(n, "ctx", None), ast.Store)]
        # One that sets an item or an attribute changes a value that has a name already.
        others = {"" for n in stored if isinstance(n, ast.Attribute | ast.Subscript)}
        return {n.id for n in stored if isinstance(n, ast.Name)} | others
    return {""}


def _imports(node: ast.AST, file: Path) -> list[tuple[Path, str | None]]:
    """(file, the name in it or None for all of it) of every import that is followed in `node`, a part of `file`."""
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
    """The file of a module or package that is followed, whose path is given without a suffix."""
    found = next((path for path in (module.with_suffix(".py"), module / "__init__.py") if path.is_file()), None)
    if found is None or not found.is_relative_to(ROOT):
        return None
    name = found.relative_to(ROOT).as_posix()
    return found if name.startswith("assets/") or name in DECIDING else None


def _name(path: Path) -> str:
    return path.resolve().relative_to(ROOT).as_posix()


def _bare(tree: ast.Module) -> ast.Module:
    """`tree` without docstrings, those after an assignment included."""
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [statement for statement in body if not _is_text(statement)]  # type: ignore[attr-defined]
    return tree


def _is_text(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
