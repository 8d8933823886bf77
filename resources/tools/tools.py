"""The tools of one asset's run: models and sources, with calls through the memo; counts calls and reports progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from resources.models.calls import Adapter, Prompt, Trained, Training, Vector
from resources.models.model_folder import ModelFolder
from resources.tools.comparing import near_pairs_on
from resources.tools.embedding import embed
from resources.tools.memoized_model import MemoizedModel
from resources.tools.session import Progress
from resources.tools.training import train
from resources.tools.workbench import Workbench
from warehouse.audit.answers import answers_behind
from warehouse.audit.items import origins_of
from warehouse.lineage.reviews import Reviews
from warehouse.lineage.withdrawals import Withdrawals
from warehouse.store.calls import Meter
from warehouse.store.memo import Memo
from warehouse.store.published import Catalog

if TYPE_CHECKING:
    from resources.models.near_pairs import NearPairs

Report = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass
class Tools:
    """What one run of one asset uses. Serves as Session for the models that it gives out."""

    bench: Workbench
    report: Report = lambda what, done, total: None
    meter: Meter = field(default_factory=Meter)
    _catalog: Catalog | None = None

    def know(self, catalog: Catalog) -> None:
        """Use the withdrawals and reviews of a catalog, with which the asset's version was determined."""
        self._catalog = catalog

    @property
    def guesses(self) -> bool:
        """Whether an answer was only a placeholder, so that what follows from it means nothing."""
        return False

    def model(self, name: str, adapter: Adapter | None = None) -> MemoizedModel:
        """The language model `name`, with `adapter` if one is given."""
        return MemoizedModel(self, name, adapter)

    def source_file(self, name: str) -> tuple[str, Path]:
        """(id, verified local file) of the source `name`."""
        source = self.bench.sources[name]
        return source.id, self.bench.fetch(source)

    def withdrawals(self) -> Withdrawals:
        """All that is withdrawn."""
        return self._catalog.withdrawals if self._catalog else self.bench.withdrawals()

    def reviews(self) -> Reviews:
        """What people decided about rows."""
        return self._catalog.reviews if self._catalog else self.bench.reviews()

    def answers(self, scores: Sequence[str], budgets: Mapping[str, int]) -> pl.DataFrame:
        """The answers that scores (ids) were made from, and which were cut off (see warehouse/audit/answers.py)."""
        with self.bench.database.read() as connection:
            return answers_behind(connection, scores, budgets)

    def origins(self, items: Sequence[str]) -> pl.DataFrame:
        """The benchmark items with their benchmark, details and source (see warehouse/audit/items.py)."""
        with self.bench.database.read() as connection:
            return origins_of(connection, items)

    def refuse_withdrawn(self, paths: Iterable[str]) -> None:
        """Raises UsesWithdrawn where a model or source among the recipe `paths` must not be used any more."""
        self.bench.refuse_withdrawn(paths, self.withdrawals())

    def embed(self, name: str, texts: Sequence[str]) -> list[Vector]:
        """One unit-length vector per text from the embedding model `name`."""
        return embed(self, name, texts)

    def near_pairs(self, vectors: NDArray[np.float32], floor: float, known: int = 0) -> NearPairs:
        """The pairs of unit `vectors` with a cosine of `floor` or more, but for those of the first `known` rows."""
        return near_pairs_on(self.bench.workers, vectors, floor, known, self.progress("comparisons"))

    def earlier(self, asset: str, code: Mapping[str, str], recipe: Mapping[str, Any]) -> pl.DataFrame | None:
        """The rows of the current version of `asset`; None unless this code made them, with these values in the recipe.

        A step may take over what does not depend on its inputs as a whole, such as a comparison of two of their rows.
        """
        catalog, store = self._catalog or self.bench.store.catalog(), self.bench.store
        with self.bench.database.read():
            published = catalog.current(asset)
            if published is None or published.fault:
                return None
            target = store.target_of(published)
            same = target.code == code and recipe.items() <= target.recipe.items()
            return store.read(published) if same else None

    def train(
        self,
        name: str,
        examples: Sequence[tuple[Prompt, str]],
        training: Training,
        held_out: Sequence[tuple[Prompt, str]] = (),
    ) -> Trained:
        """Fine-tunes the language model `name` on (prompt, completion) examples. Raises UserError where that fails."""
        return train(self, name, examples, training, held_out)

    def token_counts(self, name: str, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has for the language model `name`. Does not load its weights."""
        from resources.models.tokens import token_counts

        return token_counts(self.base_folder(name), texts)

    def example_sizes(self, name: str, examples: Sequence[tuple[Prompt, str]]) -> list[int]:
        """How many tokens each training example (prompt, completion) has. Loads the tokenizer, not the weights."""
        from resources.models.tokens import example_sizes

        return example_sizes(self.base_folder(name), examples)

    def shown_sizes(self, name: str, examples: Sequence[tuple[Prompt, str]]) -> list[int]:
        """As `example_sizes`, for what decides nothing; a plan has none."""
        return self.example_sizes(name, examples)

    def known_sizes(self, name: str, examples: Sequence[tuple[Prompt, str]]) -> list[int]:
        """As `example_sizes`; a plan has none while the model is not on this machine."""
        return self.example_sizes(name, examples)

    def base_folder(self, name: str) -> Path:
        """The folder of the language model `name`, in the form that transformers loads."""
        return self.bench.base_folder(name)

    def model_folder(self, name: str, fetch: bool) -> ModelFolder | None:
        """The folder of the language model `name`; None where it is not on this machine and `fetch` is false."""
        return self.bench.model_folder(name, fetch)

    def memo(self, *packages: str, numerics: str = "") -> Memo:
        """The memo, counting for this asset; new calls are recorded as computed by `packages`, in these versions."""
        engine = f"{self.bench.installed(*packages)} {numerics}".strip()
        return Memo(self.bench.database, engine, self.meter, self.bench.workers)

    def progress(self, what: str) -> Progress:
        """Reports progress of `what`, such as "completions"."""
        return lambda done, total: self.report(what, done, total)
