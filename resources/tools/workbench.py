"""The recipe's models and sources: fetched when first asked for, loaded once, shared by all assets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from resources.fetching.addresses import Address
from resources.fetching.cache import Cache
from resources.models.calls import Adapter
from resources.models.weights import loadable
from warehouse.core.identity import canonical, digest
from warehouse.lineage.graph import named_by
from warehouse.lineage.withdrawals import UsesWithdrawn, Withdrawals, Withdrawn, read_withdrawals
from warehouse.store.database import Database
from warehouse.store.materials import DESCRIPTION, record_materials
from warehouse.store.versions import Store

if TYPE_CHECKING:
    from resources.models.embedder import Embedder
    from resources.models.endpoint import Endpoint
    from resources.models.language_model import LanguageModel


@dataclass(frozen=True)
class Material:
    """A model or a source by address, or an ancestor of these, whose address and sha256 are empty where not known.

    `origin` says who wrote a source: "human", "mixed" or "model:<name>"."""

    role: str
    name: str
    address: str
    sha256: str
    licence: str
    origin: str | None = None
    made_from: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Names it in the lineage.

        A model's names its bytes, wherever they were fetched from: other weights give other answers.

        That of a source follows from its name alone, since it is a parent of its rows: a row that a new version of the
        source has in common with the last stays the same record, and so does all that was made of it.
        """
        if self.role != "model":
            return digest([self.role, self.name])
        return digest([self.sha256, Address.parse(self.address).path])

    @property
    def at_endpoint(self) -> bool:
        """Whether it is a model that answers from an endpoint; its sha256 is then declared, and cannot be verified."""
        return Address.parse(self.address).is_endpoint


@dataclass
class Workbench:
    """Where assets get models and sources. `data` is the warehouse's folder, `base` that of relative paths.

    `ancestors` is what models and sources declare to be made from; `recipe` the whole recipe as JSON, for the record.
    """

    data: Path
    base: Path
    models: Mapping[str, Material]
    sources: Mapping[str, Material]
    cache_folder: Path | None = None
    ancestors: tuple[Material, ...] = ()
    recipe: str = "{}"
    _language_models: dict[str, LanguageModel] = field(default_factory=dict)
    _embedders: dict[str, Embedder] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database = Database(self.data / "slingshot.duckdb")
        self.store = Store(self.database)
        self.cache = Cache(self.cache_folder or self.data / "cache", self.base)

    def fetch(self, material: Material) -> Path:
        """The verified local file or folder of a model or source."""
        return self.cache.fetch(Address.parse(material.address), material.sha256)

    def put_on_record(self, paths: Iterable[str]) -> None:
        """Puts the models and sources among recipe `paths` ("models.generator") on record as they are described now."""
        paths = list(paths)
        if (found := self._materials(paths)) or "ancestors" in paths:
            record_materials(self.database, _described([*found.values(), *self.ancestors]))

    def withdrawals(self) -> Withdrawals:
        """All that is withdrawn."""
        with self.database.read() as connection:
            return read_withdrawals(connection)

    def refuse_withdrawn(self, paths: Iterable[str]) -> None:
        """Raises UsesWithdrawn where a model or source among recipe `paths` is withdrawn, or was made from such."""
        withdrawals = self.withdrawals()
        problems = []
        for path, material in self._materials(paths).items() if withdrawals.materials else ():
            for one in self._made_from(material):
                if withdrawn := withdrawals.of_material(one.id, one.sha256, one.address):
                    problems.append(_refusal(path, material, withdrawn))
                    break
        if problems:
            raise UsesWithdrawn("; ".join(problems))

    def _materials(self, paths: Iterable[str]) -> dict[str, Material]:
        """The models and sources among recipe paths, by path."""
        named = {"models": self.models, "sources": self.sources}
        parts = ((path, *path.partition(".")) for path in paths)
        return {path: named[role][name] for path, role, _, name in parts if role in named and name in named[role]}

    def _made_from(self, material: Material) -> list[Material]:
        """A material and all that it declares to be made from, over any number of steps."""
        everything = [*self.models.values(), *self.sources.values(), *self.ancestors]
        found = [material]
        for one in found:
            found += [
                other
                for other in everything
                if other.name in named_by(one.origin, one.made_from) and other not in found
            ]
        return found

    def base_folder(self, name: str) -> Path:
        """The folder of a language model as transformers loads it."""
        return loadable(self.fetch(self.models[name]))

    def language_model(self, name: str) -> LanguageModel:
        """The loaded model `name`; loading takes seconds, so it is kept."""
        if name not in self._language_models:
            from resources.models.language_model import LanguageModel

            self._language_models[name] = LanguageModel(self.base_folder(name))
        return self._language_models[name]

    def make_room(self) -> None:
        """Lets go of the loaded language models where they lie on a GPU, which a training needs for itself."""
        from resources.models.device import free_memory, on_gpu

        if on_gpu():
            self._language_models.clear()
            free_memory()

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint that serves the model `name`; nothing is asked of it yet."""
        from resources.models.endpoint import Endpoint

        address = Address.parse(self.models[name].address)
        return Endpoint(address.name, address.path or "")

    def embedder(self, name: str) -> Embedder:
        """The loaded sentence-transformers model `name`."""
        if name not in self._embedders:
            from resources.models.embedder import Embedder

            self._embedders[name] = Embedder(self.fetch(self.models[name]))
        return self._embedders[name]

    def adapter_folder(self, adapter: Adapter) -> Path:
        """Where the adapter's files lie, in the form that peft loads."""
        return self.data / "checkpoints" / adapter.training

    @staticmethod
    def engine(*packages: str) -> str:
        """The software behind a call, for the record: names and installed versions."""
        return " ".join(f"{package}=={version(package)}" for package in packages)


def _refusal(path: str, material: Material, withdrawn: Withdrawn) -> str:
    made = "" if withdrawn.id == material.id else "is, or was made from, "
    return (
        f"the recipe's {path} {made or 'is '}{withdrawn.told}; "
        f"it is not used any more: name another {material.role} in the recipe"
    )


def _described(materials: Iterable[Material]) -> pl.DataFrame:
    rows = [
        {column: getattr(one, column) or None for column in DESCRIPTION} | {"made_from": canonical(list(one.made_from))}
        for one in materials
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(DESCRIPTION, pl.String))
