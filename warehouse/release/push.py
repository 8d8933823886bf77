"""Copies a folder of exported training sets to where others get it: a hub, an object store, another folder.

Only what was verified is copied, with the files about all arms: whatever else lies in the folder stays here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from warehouse.core.errors import UserError
from warehouse.core.texts import listed
from warehouse.release.layout import ATTESTATION, CARD, SHARED
from warehouse.release.markdown import front_of
from warehouse.release.verification import verify

if TYPE_CHECKING:
    from huggingface_hub import HfUri


@dataclass(frozen=True)
class Pushed:
    """What was copied to `target`: the training sets, and the files, as paths from the folder."""

    target: str
    arms: tuple[str, ...]
    files: tuple[str, ...]


def push(folder: Path, target: str, public_key: Path | None = None) -> Pushed:
    """Copy the training sets in `folder` to `target`, a URL of fsspec or a path of this machine.

    Such as `hf://datasets/OWNER/NAME`, `s3://BUCKET/PATH` or `/mnt/share/name`; what a URL needs beyond its own
    library, such as a token, is taken from the environment by that library. A repository of a hub is made where it is
    missing, and gets all files in one commit. Elsewhere the card is the last file, so that nobody is sent to files that
    are not there yet. Files of the same name are replaced, others stay.

    Raises NotVerified where an attestation does not agree with its files or, with `public_key` (PEM), is not signed
    with that key; and UserError where a training set of the card has no attestation, a file about all arms is missing,
    or the target cannot be written.
    """
    verified = [verify(file, public_key) for file in sorted(folder.glob(f"*{ATTESTATION}"))]
    files = sorted({name for one in verified for name in one.files} | {one.attestation.name for one in verified})
    _refuse_unattested(folder, {name for one in verified for name in one.files})
    if missing := [name for name in SHARED if not (folder / name).is_file()]:
        raise UserError(f"{folder} has no {listed(missing)}; export again: slingshot export ARM --to {folder}")
    files += SHARED
    _copy(folder, files, target)
    return Pushed(target, tuple(one.arm for one in verified), tuple(files))


def _refuse_unattested(folder: Path, attested: set[str]) -> None:
    """Raises UserError unless every file that the card offers is attested."""
    try:
        front = front_of((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        front = None
    offered = _data_files((front or {}).get("configs"))
    if not offered:
        raise UserError(
            f"{folder} is no folder of exported training sets; write one: slingshot export ARM --to {folder}"
        )
    if unattested := [path for path in offered if path not in attested]:
        raise UserError(
            f"{folder} offers what is not attested: {listed(unattested)}; attest it first: "
            f"slingshot attest ARM --to {folder}"
        )


def _data_files(configs: Any) -> list[str]:
    return [
        str(one.get("path"))
        for config in (configs if isinstance(configs, list) else [])
        if isinstance(config, dict)
        for one in config.get("data_files") or ()
        if isinstance(one, dict)
    ]


def _copy(folder: Path, files: Sequence[str], target: str) -> None:
    import fsspec
    from huggingface_hub import parse_hf_uri

    try:
        # Buckets of a hub have no commits.
        if target.startswith("hf://") and (repository := parse_hf_uri(target)).type != "bucket":
            return _commit(folder, files, repository)
        system, root = fsspec.url_to_fs(target)
        for name in files:
            place = f"{root.rstrip('/')}/{name}"
            system.makedirs(place.rpartition("/")[0], exist_ok=True)
            system.put_file(str(folder / name), place)
    except Exception as error:  # each kind of target has errors of its own
        raise UserError(f"cannot write to {target}: {str(error).strip() or type(error).__name__}") from error


def _commit(folder: Path, files: Sequence[str], repository: HfUri) -> None:
    from huggingface_hub import CommitOperationAdd, HfApi

    hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    within = PurePosixPath(repository.path_in_repo)
    added = [CommitOperationAdd(path_in_repo=str(within / name), path_or_fileobj=folder / name) for name in files]
    hub.create_repo(repository.id, repo_type=repository.type, exist_ok=True)
    hub.create_commit(
        repository.id,
        added,
        commit_message="Publish a dataset made with Slingshot",
        repo_type=repository.type,
        revision=repository.revision,
    )
