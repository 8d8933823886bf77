"""The tools of an asset that is planned: its step runs as in a build, but nothing is computed, downloaded or written.

Calls in the memo are answered from it. The others are counted and answered with placeholder texts, so that the calls
that follow from their answers can be counted too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from resources.models.calls import Prompt
from resources.models.model_folder import ModelFolder
from resources.tools.comparing import FEW_COMPARISONS
from resources.tools.tools import Tools
from warehouse.core.errors import UserError
from warehouse.store.calls import Answer, Arriving, Call, Compose, Void
from warehouse.store.memo import Memo, Recorded

if TYPE_CHECKING:
    from resources.models.near_pairs import NearPairs


class NotFetched(UserError):
    """A source or model would have to be downloaded first."""


class TakesLong(UserError):
    """It takes so long to find out that a plan leaves it to the build."""


@dataclass
class Missing:
    """The distinct calls that are not in the memo. `chained` if calls came after them, which may depend on them."""

    calls: dict[tuple[str, int], Call] = field(default_factory=dict)
    chained: bool = False


@dataclass
class ForecastTools(Tools):
    """The tools of an asset that is planned, not built."""

    missing: Missing = field(default_factory=Missing)
    by_row: bool = False
    """Whether a missing answer decides about no other row's calls, so that those on record are sure to be asked."""

    @property
    def guesses(self) -> bool:
        """Whether an answer was only a placeholder, so that what follows from it means nothing."""
        return bool(self.missing.calls)

    def memo(self, *packages: str, numerics: str = "") -> Memo:
        """The memo, which counts what is missing instead of computing it."""
        return _ReadOnlyMemo(self.bench.database, meter=self.meter, missing=self.missing, by_row=self.by_row)

    def source_file(self, name: str) -> tuple[str, Path]:
        """(id, verified local file) of the source `name`. Raises NotFetched if it is not on this machine yet."""
        source = self.bench.sources[name]
        path = self.bench.find(source)
        if path is None:
            raise NotFetched(f"the source {name} is not downloaded yet")
        return source.id, path

    def base_folder(self, name: str) -> Path:
        """The folder of the language model `name`. Raises NotFetched if it is not on this machine yet."""
        if self.bench.find(self.bench.models[name]) is None:
            raise NotFetched(f"the model {name} is not downloaded yet")
        return super().base_folder(name)

    def near_pairs(self, vectors: NDArray[np.float32], floor: float, known: int = 0) -> NearPairs:
        """As in a build. Raises TakesLong instead where that takes more than some seconds."""
        if len(vectors) * (len(vectors) - known) > FEW_COMPARISONS:
            raise TakesLong("which rows are alike is found by the build itself")
        return super().near_pairs(vectors, floor, known)

    def shown_sizes(self, name: str, examples: Sequence[tuple[Prompt, str]]) -> list[int]:
        """None: a plan loads no tokenizer for what decides nothing."""
        return []

    def known_sizes(self, name: str, examples: Sequence[tuple[Prompt, str]]) -> list[int]:
        """The size of each example; nothing if the model is not on this machine, or is another than the recipe says."""
        try:
            return self.example_sizes(name, examples)
        except UserError:
            return []

    def model_folder(self, name: str, fetch: bool) -> ModelFolder | None:
        """The folder of the language model `name`. Raises NotFetched instead of fetching or converting it."""
        folder = self.bench.model_folder(name, fetch=False)
        if folder is None and fetch:
            raise NotFetched(f"the model {name} is not downloaded yet")
        return folder


@dataclass
class _ReadOnlyMemo(Memo):
    missing: Missing = field(default_factory=Missing)
    by_row: bool = False

    def run(
        self,
        calls: Sequence[Call],
        compose: Compose,
        progress: Callable[[int, int], None] = lambda done, total: None,
        void: Void = lambda call, answer: False,
    ) -> list[Answer]:
        recorded = self.recorded(calls, void)
        # What is computed here again gives the answer on record, most often; so plan with that one.
        return self._forecast(calls, replace(recorded, answers=recorded.answers | recorded.void))

    def run_as_they_arrive(
        self,
        calls: Sequence[Call],
        arriving: Arriving,
        progress: Callable[[int, int], None] = lambda done, total: None,
        void: Void = lambda call, answer: False,
    ) -> list[Answer]:
        return self._forecast(calls, self.recorded(calls, void))

    def _forecast(self, calls: Sequence[Call], recorded: Recorded) -> list[Answer]:
        # Even if all of these calls are recorded: with the true answers, there might have been more or other calls.
        self.missing.chained |= bool(self.missing.calls)
        if self.by_row or not self.missing.chained:
            self.meter.from_memo += recorded.count
        self.missing.calls |= recorded.missing
        return [recorded.answers.get((call.key, call.budget)) or _placeholder(call) for call in calls]


def _placeholder(call: Call) -> Answer:
    response = {"text": f"not yet written {call.key}", "loss": 0.0, "weights": 2 * call.key, "losses": []}
    return Answer(response, 0, 0.0, vector=np.zeros(1, dtype=np.float32))
