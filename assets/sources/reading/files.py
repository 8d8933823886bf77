"""The files of a source: which there are, and the format and compression of each by its name."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from assets.recipe.materials import Format
from resources.fetching.globs import files_at, root_of
from warehouse.core.errors import UserError

SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".txt": "text",
    ".md": "text",
}
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd"}

# These two say the same to readers, which look at the content.
_FAMILIES: dict[Format, str] = {"jsonl": "json"}
_ABOUT = ("readme", "license", "licence", "notice", "citation", "changelog", "dataset_info", "dataset_infos")
"""Files that say something about the data beside them."""


@dataclass(frozen=True)
class File:
    """One file of a source: where it is, its name below `folder` for messages, and its format.

    `by_name` is False where the recipe gives the format: then the content is not asked."""

    path: Path
    name: str
    format: Format
    by_name: bool = True

    @property
    def folder(self) -> Path:
        """The folder that `name` is relative to."""
        return self.path.parents[len(PurePosixPath(self.name).parts) - 1]

    @property
    def suffix(self) -> str:
        """The last suffix of its name, in lower case."""
        return self.path.suffix.lower()

    def at(self, where: str) -> str:
        """A place in the file, such as "s.jsonl, line 21"."""
        return f"{self.name}, {where}"


def source_files(place: Path, format_: Format | None) -> list[File]:
    """The files of a file, a folder or a pattern, in the order of their names.

    In a folder of data, a README, a licence and the like are left out. Raises UserError where the format of a file is
    not known, or where the files are of several formats.
    """
    try:
        found = files_at(place)
    except OSError as error:
        raise UserError(f"{place}: the folder cannot be read ({error.strerror})") from error
    if not found and not root_of(place).is_dir():
        raise UserError(f"{place}: found no readable file (No such file or directory), but a source needs one")
    if not found:
        raise UserError(f"{place}: found no file, but a source needs at least one")
    if format_ is not None:
        return [File(path, name, format_, by_name=False) for name, path in found.items()]
    if len(found) > 1:
        found = _data(found)
    files = [File(path, name, _format(path)) for name, path in found.items()]
    kinds = Counter(_FAMILIES.get(file.format, file.format) for file in files)
    if len(kinds) > 1:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
        most = next(file for file in files if _FAMILIES.get(file.format, file.format) == kinds.most_common(1)[0][0])
        raise UserError(
            f"{place}: found files of several formats ({counts}), but a source has one; "
            f"choose files by a pattern, such as {place.name}/*{most.suffix}"
        )
    return files


def _data(found: dict[str, Path]) -> dict[str, Path]:
    """The files without those about the data."""
    rest = {name: path for name, path in found.items() if not stem(path).lower().startswith(_ABOUT)}
    if any(SUFFIXES.get(_suffixes(path)[0]) not in ("text", None) for path in rest.values()):
        return rest
    # A README may be one of the texts.
    return {name: path for name, path in found.items() if name in rest or _suffixes(path)[0] in SUFFIXES}


def _format(path: Path) -> Format:
    suffix, _ = _suffixes(path)
    if suffix not in SUFFIXES:
        raise UserError(
            f"{path}: found the suffix {suffix!r}, but it must be one of {', '.join(SUFFIXES)}"
            f" (each may be followed by {', '.join(COMPRESSIONS)}), or the source must say its format:"
        )
    return SUFFIXES[suffix]


def _suffixes(path: Path) -> tuple[str, str]:
    """(the suffix that gives the format, the suffix of compression), in lower case; "" for none."""
    suffixes = ["", "", *(suffix.lower() for suffix in path.suffixes)]
    return (suffixes[-2], suffixes[-1]) if suffixes[-1] in COMPRESSIONS else (suffixes[-1], "")


def stem(path: Path) -> str:
    """The name of a file without the suffixes of its format and compression."""
    suffix, compression = _suffixes(path)
    name = path.name[: -len(compression)] if compression else path.name
    return name[: -len(suffix)] if suffix in SUFFIXES else name
