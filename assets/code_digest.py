"""Which code decides what a step makes, as one digest per file: what must change for the step to go stale.

A module counts in whole; of a module that it takes names from, only those names count, with what they use there. So an
edit of one method's prompt leaves the steps alone that use another function of the same file. Comments, docstrings and
layout do not count. Code outside `assets` does not either: what models give is on record with the engine that computed
it, and the recipe's values enter through the step's slice.
"""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_CODE = ("assets/recipe.py", "assets/recipe_values.py", "assets/step.py")


@cache
def code_digests(module: Path) -> dict[str, str]:
    """File (relative to the project) to the digest of what `module` uses of it, directly or through others."""
    used = {_name(module): Used(module)}
    used[_name(module)].take_all()
    while waiting := [(file, name) for file in used.values() for name in file.waiting()]:
        for file, name in waiting:
            for path, wanted in file.take(name):
                if _name(path) in NOT_CODE:
                    continue
                other = used.setdefault(_name(path), Used(path))
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
        self.body = _bare(tree).body
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
            imports = _imports(statement)
            if isinstance(statement, ast.Import | ast.ImportFrom):
                imports = [one for one in imports if one[0] == name]
            found += [(path, wanted) for _, path, wanted in imports]
        return found

    def digest(self) -> str:
        """Digest of the statements that are used, in their order."""
        used = [s for s in self.body if self.taken & set(_bound(s)) and not isinstance(s, ast.Import | ast.ImportFrom)]
        text = "\n".join(ast.dump(statement) for statement in used)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _bound(statement: ast.stmt) -> list[str]:
    """The names that a top-level statement binds; "" for one that binds none."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.split(".")[0] for alias in statement.names]
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        stored = [n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        return stored or [""]
    return [""]


def _imports(node: ast.AST) -> list[tuple[str, Path, str | None]]:
    """(bound name, file, the name in it or None for all of it) of every import of `assets` at or below `node`."""
    found: list[tuple[str, Path, str | None]] = []
    for at in ast.walk(node):
        if isinstance(at, ast.ImportFrom) and at.module:
            for alias in at.names:
                whole = _file(f"{at.module}.{alias.name}")
                part = _file(at.module)
                if whole:
                    found.append((alias.asname or alias.name, whole, None))
                elif part:
                    found.append((alias.asname or alias.name, part, alias.name))
        elif isinstance(at, ast.Import):
            found += [(a.asname or a.name.split(".")[0], f, None) for a in at.names if (f := _file(a.name))]
    return found


def _file(module: str) -> Path | None:
    path = ROOT / (module.replace(".", "/") + ".py")
    return path if module.startswith("assets.") and path.is_file() else None


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
