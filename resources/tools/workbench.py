"""The recipe's models and sources: fetched when first used, loaded once, shared by all assets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.endpoint.settings import Fleet, Settings
from resources.fetching.addresses import Address
from resources.fetching.cache import Cache
from resources.models import device
from resources.models.calls import Adapter
from resources.models.engines import Engine, Wanted, engine_of
from resources.models.model_folder import ModelFolder
from resources.models.thoughts import Marks
from resources.models.weights import converted, loadable
from resources.tools.withdrawn import refuse_withdrawn
from warehouse.core.errors import UserError
from warehouse.lineage.material import Material
from warehouse.lineage.reviews import Reviews, read_reviews
from warehouse.lineage.withdrawals import Withdrawals, read_withdrawals
from warehouse.store.checkpoints import CheckpointFiles, is_model
from warehouse.store.materials import are_recorded, material_rows, record_materials
from warehouse.store.places import EMBEDDED, Tables, warehouse_at
from warehouse.store.versions import Store
from warehouse.store.workers import InProcess, Workers

if TYPE_CHECKING:
    from resources.models.embedder import Embedder
    from resources.models.language_model import LanguageModel
    from resources.models.model_texts import ModelTexts
    from resources.models.openvino_writer import OpenVinoWriter


FileHashes = Sequence[tuple[str, str]]
"""SHA-256 of files, each as (name, hash)."""

Loading = Callable[[str], AbstractContextManager[object]]
"""Called with what is fetched or loaded, which may take minutes; the block is left when it is there."""


class CheckpointLost(UserError):
    """The files of a checkpoint are missing, or not those that its training wrote."""


@dataclass
class Workbench:
    """Where assets get models and sources. `data` is the warehouse's folder, `base` that of relative paths.

    `ancestors` are what models and sources declare to be made from; `recipe` is the whole recipe as JSON. `thoughts`
    are the marks of a model's thoughts, by its name, where the recipe says them; `endpoints` says how models behind
    servers are asked, `fleets` which models of the recipe servers have too, `engines` which engine writes a model's
    completions, where the recipe says it. At most `chunk` calls of a model on this machine are computed and committed
    as a whole. `loading` follows what is loaded; `open` is what is in use (see opened.py). Batches are computed by
    `workers`.
    """

    data: Path
    base: Path
    models: Mapping[str, Material]
    sources: Mapping[str, Material]
    cache_folder: Path | None = None
    older_caches: Sequence[Path] = ()
    ancestors: tuple[Material, ...] = ()
    recipe: str = "{}"
    thoughts: Mapping[str, Marks] = field(default_factory=dict)
    _model_folders: dict[str, ModelFolder] = field(default_factory=dict)
    endpoints: Settings = field(default_factory=Settings)
    fleets: Mapping[str, Fleet] = field(default_factory=dict)
    engines: Mapping[str, Wanted] = field(default_factory=dict)
    chunk: int = 256
    environment: str = ""
    _language_models: dict[tuple[str, str], LanguageModel] = field(default_factory=dict)
    _tuned: dict[tuple[str, str], LanguageModel] = field(default_factory=dict)
    _writers: dict[tuple[str, str, tuple[str, ...]], OpenVinoWriter] = field(default_factory=dict)
    _embedders: dict[str, Embedder] = field(default_factory=dict)
    _texts: dict[str, ModelTexts] = field(default_factory=dict)
    loading: Loading = nullcontext
    open: tuple[object, Any] | None = None
    workers: Workers = field(default_factory=InProcess)
    tables: Tables = EMBEDDED

    def __post_init__(self) -> None:
        self.database = warehouse_at(self.data, self.tables, self.environment)
        self.store = Store(self.database)
        self.checkpoints = CheckpointFiles(self.database)
        root = self.cache_folder or self.data / "cache"
        self.cache = Cache(root, self.base, self.older_caches, self.database.remote)

    def fetch(self, material: Material) -> Path:
        """The verified local file or folder of a model or source."""
        address, sha256 = _address(material), material.sha256 or ""
        if self.cache.place(address, sha256):
            return self.cache.fetch(address, sha256)
        with self.loading(f"fetching {material.address}"):
            return self.cache.fetch(address, sha256)

    def find(self, material: Material) -> Path | None:
        """The verified local file or folder of a model or source; None where it is not downloaded yet."""
        return self.cache.find(_address(material), material.sha256 or "")

    def put_on_record(self, paths: Iterable[str]) -> None:
        """Record how the recipe describes the models and sources among recipe `paths` ("models.generator") now."""
        if described := self._described(paths):
            record_materials(self.database, material_rows(described))

    def is_on_record(self, paths: Iterable[str]) -> bool:
        """Whether `put_on_record` would change nothing."""
        described = self._described(paths)
        return not described or are_recorded(self.database, material_rows(described))

    def _described(self, paths: Iterable[str]) -> list[Material]:
        paths = list(paths)
        found = self._materials(paths)
        return [*found.values(), *self.ancestors] if found or "ancestors" in paths else []

    def withdrawals(self) -> Withdrawals:
        """All withdrawals in the warehouse."""
        with self.database.read() as connection:
            return read_withdrawals(connection)

    def reviews(self) -> Reviews:
        """What people decided about rows."""
        with self.database.read() as connection:
            return read_reviews(connection)

    def refuse_withdrawn(self, paths: Iterable[str], withdrawals: Withdrawals) -> None:
        """Raise UsesWithdrawn if a model or source in recipe `paths`, or something it was made from, is withdrawn."""
        declared = [*self.models.values(), *self.sources.values(), *self.ancestors]
        refuse_withdrawn(self._materials(paths) if withdrawals.materials else {}, declared, withdrawals)

    def _materials(self, paths: Iterable[str]) -> dict[str, Material]:
        """The models and sources among recipe paths, by path."""
        sections = {"models": self.models, "sources": self.sources}
        parts = ((path, *path.partition(".")) for path in paths)
        return {path: sections[key][name] for path, key, _, name in parts if name in sections.get(key, {})}

    def base_folder(self, name: str) -> Path:
        """The folder of a language model, in the form that transformers loads."""
        place = self.fetch(self.models[name])
        if found := converted(place):
            return found
        with self.loading(f"converting {name}"):
            return loadable(place)

    def model_folder(self, name: str, fetch: bool) -> ModelFolder | None:
        """The folder of a language model; None where it is not on this machine (or not converted) and `fetch` is false.

        Without `fetch` it is not verified: that takes minutes for a large model, and a build does it before it uses it.
        """
        if name not in self._model_folders:
            path = self.base_folder(name) if fetch else self._folder_here(name)
            if path is None:
                return None
            self._model_folders[name] = ModelFolder(path)
        return self._model_folders[name]

    def _folder_here(self, name: str) -> Path | None:
        found = self.cache.place(_address(self.models[name]), self.models[name].sha256 or "")
        return None if found is None else converted(found)

    @property
    def device(self) -> str:
        """The kind of device that computes model calls: that of the workers, or of this machine."""
        return self.workers.device or device.device()

    def engine(self, name: str) -> Engine:
        """What writes the completions of the language model `name`, whose weights are on this machine or will be.

        Of a model that is not here yet, it says what holds for one that OpenVINO can export.
        """
        folder = self.model_folder(name, fetch=False)
        return engine_of(self.engines.get(name), folder.config if folder else None, self.device)

    def language_model(self, name: str, precision: str | None = None) -> LanguageModel:
        """The model `name` in transformers; loading takes seconds, so it is kept. `precision` as in LanguageModel."""
        key = (name, precision or device.precision())
        if key not in self._language_models:
            from resources.models.language_model import LanguageModel

            with self.loading(f"loading {name}"):
                self._language_models[key] = LanguageModel(self.base_folder(name), precision)
        return self._language_models[key]

    def tuned_model(
        self, name: str, trained: Adapter, precision: str | None = None, files: FileHashes = ()
    ) -> LanguageModel:
        """The model `name` in transformers, with the weights of a training of all weights. Only the last is kept."""
        key = (trained.weights, precision or device.precision())
        if key not in self._tuned:
            from resources.models.device import free_memory
            from resources.models.language_model import LanguageModel

            self._tuned.clear()
            free_memory()
            with self.loading(f"loading {name}, tuned"):
                self._tuned[key] = LanguageModel(self.base_folder(name), precision, self.adapter_folder(trained, files))
        return self._tuned[key]

    def openvino_writer(
        self, name: str, adapter: Adapter | None, precision: str, files: FileHashes = ()
    ) -> OpenVinoWriter:
        """The model `name` in OpenVINO, with `adapter`. Adapters on the same layers share it, one after the other.

        Only the last one is kept, since each has its own memory. A training of all weights has an export of its own,
        kept with its files under a name that begins with ".".
        """
        from resources.models.openvino_writer import OpenVinoWriter, layers_of

        folder = None if adapter is None else self.adapter_folder(adapter, files)
        whole = adapter if folder and is_model(folder) else None
        key = (name, precision, (whole.weights,) if whole else () if folder is None else layers_of(folder))
        if key in self._writers:
            if folder and not whole:
                self._writers[key].use(folder)
            return self._writers[key]
        from resources.models.model_texts import ModelTexts
        from resources.models.openvino_export import exported, folder_name

        base = self.base_folder(name)
        if folder and whole:
            source, graph = folder, folder / f".{folder_name()}-{whole.weights[:16]}"
        else:
            made = self.cache.made_from(_address(self.models[name]), self.models[name].sha256 or "")
            source, graph = base, made / folder_name()
        with nullcontext() if graph.is_dir() else self.loading(f"exporting {name} to OpenVINO"):
            exported(source, graph)
        self._writers.clear()
        with self.loading(f"loading {name}"):
            self._writers[key] = OpenVinoWriter(graph, ModelTexts(base), precision, None if whole else folder)
        return self._writers[key]

    def texts(self, name: str) -> ModelTexts:
        """What the language model `name` reads and how its tokens become text; its weights are not loaded."""
        if name not in self._texts:
            from resources.models.model_texts import ModelTexts

            self._texts[name] = ModelTexts(self.base_folder(name))
        return self._texts[name]

    def make_room(self) -> None:
        """Unloads language models that are on a GPU, those of OpenVINO, and those of which all weights were trained:
        a training needs the memory."""
        from resources.models.device import free_memory, on_gpu

        self._writers.clear()
        self._tuned.clear()
        if on_gpu():
            self._language_models.clear()
            free_memory()

    def at_endpoint(self, name: str) -> bool:
        """Whether the model `name` answers from an endpoint; its sha256 is then declared and cannot be verified."""
        return _address(self.models[name]).is_endpoint

    def embedder(self, name: str) -> Embedder:
        """The loaded sentence-transformers model `name`."""
        if name not in self._embedders:
            from resources.models.embedder import Embedder

            with self.loading(f"loading {name}"):
                self._embedders[name] = Embedder(self.fetch(self.models[name]))
        return self._embedders[name]

    def adapter_folder(self, adapter: Adapter, files: FileHashes = ()) -> Path:
        """The folder with the verified files of an adapter, in the form that peft loads, or of a model of which all
        weights were trained (`is_model`). Raises CheckpointLost.

        `files` are their hashes by name, for a process without the tables; here, those on record are compared."""
        if fault := self.checkpoints.fault_here(adapter.training, adapter.weights):
            asset = self.checkpoints.made_by(adapter.training)
            again = f"slingshot build '{asset}' makes it again" if asset else "build again, which makes it again"
            raise CheckpointLost(
                f"the checkpoint {self.checkpoints.folder(adapter.training)} is not what its training wrote: {fault}; "
                + again
            )
        return self.checkpoints.folder(adapter.training)

    @staticmethod
    def installed(*packages: str) -> str:
        """Names and installed versions of packages, to be recorded beside the calls that they compute."""
        return " ".join(f"{package}=={version(package)}" for package in packages)


def _address(material: Material) -> Address:
    return Address.parse(material.address or "")
