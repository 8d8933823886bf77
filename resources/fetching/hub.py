"""Files of a Hugging Face repository at a revision (https://huggingface.co/docs/hub/api)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from glob import escape
from pathlib import Path
from typing import Any

from resources.fetching.addresses import Address, is_pattern
from resources.fetching.errors import compare, failure, hashed, missing
from resources.fetching.globs import fixed_part, matching
from resources.fetching.tree_digest import tree_digest
from warehouse.core.identity import file_digest

HIDDEN = [".*", "*/.*"]


def from_hub(
    address: Address, expected: str | None, part: Path, target: Path, given: Path | None = None
) -> tuple[Address, str]:
    """Puts what `address` names at `target`; the address at its commit, and the sha256, which is `expected` if given.

    `part` is an empty folder to work in. A file or folder that is `given` is not downloaded. Raises FetchError."""
    if given:
        given.rename(target)
        return address, file_digest(target) if target.is_file() else tree_digest(target)
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
    single = address.path if address.path in names or not is_pattern(address.path or "") else None
    wanted = matching(address.path, names) if address.path and not single else []
    if address.path and not wanted and not (single and (single in names or not names)):
        raise missing(address, "the repository", names)
    repo |= {"revision": info.sha or address.version, "local_dir": part / "hub", "cache_dir": part / "cache"}
    with _hub_errors(address, access["endpoint"]):
        if single:
            came = Path(hf_hub_download(filename=single, **repo, **access))
        elif address.path:
            # The client's own patterns match a "/" with "*", so it gets the names.
            exact = [escape(name) for name in wanted]
            came = Path(snapshot_download(allow_patterns=exact, **repo, **access)) / fixed_part(address.path)
        else:
            came = Path(snapshot_download(ignore_patterns=HIDDEN, **repo, **access))
    if not single:
        shutil.rmtree(came / ".cache", ignore_errors=True)
    found = file_digest(came) if single else tree_digest(came)
    compare(address, expected, found, hashed(address))
    came.rename(target)
    return replace(address, version=info.sha or address.version), found


@contextmanager
def _hub_errors(address: Address, endpoint: str) -> Iterator[None]:
    from huggingface_hub import errors

    transport: type[Exception] = errors.HTTPError  # type: ignore[attr-defined,unused-ignore]
    try:
        yield
    except errors.RevisionNotFoundError as error:
        raise failure(address, f"the repository has no revision {address.version!r}") from error
    except errors.RepositoryNotFoundError as error:
        why = f"the hub {endpoint} shows no such repository; a private or gated one needs HF_TOKEN set"
        raise failure(address, why) from error
    except (transport, OSError, ValueError, RuntimeError) as error:
        said = (str(error.__cause__ or error).strip() or type(error).__name__).splitlines()[0]
        raise failure(address, f"the hub {endpoint} cannot be read: {said}") from error
