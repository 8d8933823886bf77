"""Small packages, to compare code digests before and after an edit."""

from __future__ import annotations

import textwrap
from pathlib import Path

from assets.steps.code_digest import parsed_digests

Files = dict[str, str]


def digests(project: Path, files: Files) -> dict[str, str]:
    """Digests of the files that `assets/main.py` uses; keys of `files` are paths below assets without the suffix."""
    for name, text in files.items():
        path = project / "assets" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return parsed_digests(project / "assets" / "main.py")


def changed(project: Path, files: Files, name: str, old: str, new: str) -> set[str]:
    """The files whose digest changes if `old` is replaced by `new` in the file `name`."""
    assert files[name].count(old) == 1
    before = digests(project, files)
    after = digests(project, files | {name: files[name].replace(old, new)})
    return {file for file in before.keys() | after.keys() if before.get(file) != after.get(file)}
