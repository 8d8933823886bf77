"""Files at a URL that all machines of a team reach, such as s3://bucket/folder, through fsspec.

Library: https://filesystem-spec.readthedocs.io. What belongs together has a key, such as checkpoints/KEY. A list of its
files with their SHA-256 is written last and removed first, so a key without this list is incomplete and counts as not
there. What comes from a store is compared with the list, and by the caller with what it knows from elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from warehouse.core.atomic import removed
from warehouse.core.errors import UserError
from warehouse.core.identity import file_digest
from warehouse.core.waiting import locked

LIST = ".files.json"
"""The name of the list of a key's files. No stored file has such a name: those that begin with "." are left out."""

PROBE = "probe"
"""The key of what is written only to see whether something can be."""

OBJECTS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci", "tos", "hf"})
"""The protocols of stores of objects."""


class StoreError(UserError):
    """A store of files cannot be used, or has other files than its list says."""


@dataclass(frozen=True)
class FileStore:
    """The files below `url`: a URL of fsspec, or a folder. Nothing is asked before the first use."""

    url: str

    def require_writable(self) -> None:
        """Raises StoreError where nothing can be written there."""
        with self._errors("nothing can be written there"):
            self._make_folder(PROBE, LIST)
            self._system.pipe_file(self._at(PROBE, LIST), b"{}")

    def has(self, key: str) -> bool:
        """Whether all files of `key` are there. Raises StoreError."""
        return self.files(key) is not None

    def put(self, key: str, place: Path, digest: Callable[[Path], str] = file_digest) -> None:
        """Copies a file, or the files of a folder, there; those with names that begin with "." are left out.

        What is there under this key is replaced, unless it has the same hashes. `digest` gives the sha256 of one file.
        Raises StoreError and OSError."""
        files = {name: digest(path) for name, path in _files(place)}
        before = self.files(key)
        if before == files:
            return
        with self._errors(f"{key} cannot be written"):
            if before is not None:
                self._system.rm_file(self._at(key, LIST))
            for name, path in _files(place):
                if (before or {}).get(name) != files[name]:
                    self._make_folder(key, name)
                    self._system.put_file(str(path), self._at(key, name))
            self._make_folder(key, LIST)
            self._system.pipe_file(self._at(key, LIST), json.dumps(files, sort_keys=True).encode())

    def get(self, key: str, place: Path) -> bool:
        """Copies the files of `key` to `place`, all or none of them; false where they are not there.

        The folder `place` is replaced, unless it has these files. Raises StoreError and OSError."""
        files = self.files(key)
        if files is None:
            return False
        place.parent.mkdir(parents=True, exist_ok=True)
        # Several workers of a machine may need the same files.
        with locked(place.with_name(f".{place.name}.lock"), f"the files of {place}"):
            if {name: file_digest(path) for name, path in _files(place)} != files:
                self._replace(key, files, place)
        return True

    def _replace(self, key: str, files: Mapping[str, str], place: Path) -> None:
        part = removed(place.with_name(f".{place.name}.part"))  # a kill may have left it
        part.mkdir()
        try:
            for name, sha256 in files.items():
                target = part / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with self._errors(f"{key}/{name} cannot be read"):
                    try:
                        self._system.get_file(self._at(key, name), str(target))
                    except FileNotFoundError:
                        raise StoreError(
                            f"{self.url}/{key}/{name} is listed, but not there; {self._advice(key)}"
                        ) from None
                if (found := file_digest(target)) != sha256:
                    raise StoreError(
                        f"{self.url}/{key}/{name} is not the file that was stored: its sha256 is {found}, but {sha256} "
                        f"is listed; {self._advice(key)}"
                    )
            part.rename(removed(place))
        finally:
            removed(part)

    def _advice(self, key: str) -> str:
        return f"delete {self.url}/{key}, and it is made or downloaded again"

    def remove(self, key: str) -> None:
        """Deletes the files of `key`, if it is there. Raises StoreError."""
        files = self.files(key)
        if files is None:
            return
        with self._errors(f"{key} cannot be deleted"):
            for name in (LIST, *files):
                self._system.rm_file(self._at(key, name))

    def files(self, key: str) -> dict[str, str] | None:
        """The SHA-256 of the files of `key` by name, by its list; None where it is not there. Raises StoreError."""
        with self._errors(f"{key} cannot be read"):
            try:
                content = self._system.cat_file(self._at(key, LIST))
            except FileNotFoundError:
                return None
        try:
            files = dict(json.loads(content))
            if all(_is_below(name) and isinstance(sha256, str) for name, sha256 in files.items()):
                return files
        except (ValueError, TypeError):
            pass
        raise StoreError(f"{self.url}/{key}/{LIST} is no list of files; {self._advice(key)}")

    def _make_folder(self, key: str, name: str) -> None:
        # Stores of objects have no folders, and fsspec would create the bucket, whose name may be a typing error.
        if self.url.partition("://")[0] not in OBJECTS:
            self._system.makedirs(self._at(key, name).rpartition("/")[0], exist_ok=True)

    def _at(self, key: str, name: str) -> str:
        return f"{self._root}/{key}/{name}"

    @cached_property
    def _place(self) -> tuple[Any, str]:
        import fsspec

        with self._errors("it cannot be used"):
            system, root = fsspec.url_to_fs(self.url)
        return system, str(root).rstrip("/")

    @property
    def _system(self) -> Any:
        return self._place[0]

    @property
    def _root(self) -> str:
        return self._place[1]

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        # Each system has errors of its own; those of the S3 client are no OSError.
        try:
            yield
        except StoreError:
            raise
        except ImportError as error:
            raise StoreError(f"the store {self.url} needs a package that is not installed: {error}") from error
        except Exception as error:
            said = str(error).strip().splitlines() or [type(error).__name__]
            raise StoreError(
                f"the store {self.url}: {what}: {said[0]}; check the address, and that this machine may use it"
            ) from error


def _files(place: Path) -> list[tuple[str, Path]]:
    """(name below `place`, path) of a file, or of the files in a folder."""
    if place.is_file():
        return [(place.name, place)]
    found = ((path.relative_to(place), path) for path in sorted(place.rglob("*")) if path.is_file())
    return [(name.as_posix(), path) for name, path in found if not any(part.startswith(".") for part in name.parts)]


def _is_below(name: Any) -> bool:
    """Whether a name of a list leads nowhere else than below its folder, and is none of those that are never stored."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and not any(part.startswith(".") for part in path.parts)
