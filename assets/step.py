"""A step: one asset as a plain value, from which the Dagster asset, its version and later its plan follow."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from resources.tools import Tools
from warehouse.identity import digest
from warehouse.records import Record
from warehouse.result import Result

Build = Callable[..., Result]
"""Called with the Tools and one frame per input, by the inputs' parameter names."""


@dataclass(frozen=True)
class Step:
    """One asset of the graph.

    `inputs` maps the parameter of `build` to the asset that it reads; `slice` holds the recipe values that
    the step depends on, by path; `kinds` are the tags that the UI shows; `checks` names what `build` checks,
    with whether a failure blocks everything downstream; `plot` names a picture of the result
    (see assets/plots.py).
    """

    asset: str
    group: str
    description: str
    model: type[Record]
    build: Build
    slice: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    checks: Mapping[str, bool] = field(default_factory=dict)
    plot: str | None = None

    @property
    def code(self) -> str:
        """Digest of the code that decides what this step makes."""
        return code_digest(Path(inspect.getsourcefile(self.build) or ""))

    @property
    def recipe_and_code(self) -> str:
        """Dagster's code version: what makes the step stale without any input having changed."""
        return digest([self.slice, self.code])

    def version(self, inputs: Mapping[str, str]) -> str:
        """The version that a build would publish, given the inputs' data versions by parameter."""
        return digest([self.asset, self.slice, self.code, dict(inputs)])

    def run(self, tools: Tools, frames: Mapping[str, Any]) -> Result:
        """Builds the asset from its inputs' frames."""
        return self.build(tools, **frames)


@cache
def code_digest(module: Path) -> str:
    """Digest of a module and of the modules of `assets` that it imports, directly or through others.

    Comments, docstrings and layout do not count. The recipe's types and this file do not either: their values
    enter through the step's slice.
    """
    root = Path(__file__).resolve().parent.parent
    found: dict[str, str] = {}
    waiting = [module.resolve()]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(root).as_posix()
        if name in found:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        waiting.extend(file for file in _imports(tree, root) if file.name not in _NOT_CODE)
        found[name] = hashlib.sha256(ast.dump(_bare(tree)).encode()).hexdigest()
    return digest(found)


_NOT_CODE = ("recipe.py", "recipe_values.py", "step.py")


def _imports(tree: ast.AST, root: Path) -> list[Path]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    files = [root / (name.replace(".", "/") + ".py") for name in names if name.startswith("assets.")]
    return [file for file in files if file.is_file()]


def _bare(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body.pop(0)
    return tree
