"""Runs what a manual prints: a new file in a copy of the project, a recipe that uses it, and a build."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.tiny import ROOT

_BUILD = """
import pathlib, sys
from assets.loading.file import load_recipe
from tests.support.building import build
printed, recipe, data, selection = sys.argv[1:]
load_recipe(pathlib.Path(printed))
print(build(pathlib.Path(recipe), pathlib.Path(data), selection=selection)[1])
"""


def only_block(manual: str, language: str) -> str:
    """The only code block of a manual in this language."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", manual, flags=re.DOTALL | re.MULTILINE)
    return str(block)


def build_with(manual: str, file: str, recipe: Path, folder: Path, selection: str) -> str:
    """What a build fails at, "[]" for nothing, in a project that also has the `file` that the manual prints.

    The recipe that the manual prints is loaded there; `recipe` is built, with the warehouse `folder`/data."""
    home, printed = folder / "home", folder / "printed.yaml"
    for part in ("assets", "resources", "warehouse", "tests"):
        shutil.copytree(ROOT / part, home / part, ignore=shutil.ignore_patterns("__pycache__", "data"))
    for part in ("definitions.py", "recipe.yaml"):
        shutil.copy(ROOT / part, home / part)
    (home / file).write_text(only_block(manual, "python"), encoding="utf-8")
    printed.write_text(only_block(manual, "yaml"), encoding="utf-8")
    command = [sys.executable, "-c", _BUILD, str(printed), str(recipe), str(folder / "data"), selection]
    done = subprocess.run(
        command, cwd=home, env=os.environ | {"PYTHONPATH": str(home)}, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1]
