"""What a step would need: its tools with nothing behind them but what is on record and on disk.

A step is run with these tools as it is in a build. Calls that are on record are answered; the others are counted and
stood in for by texts that say nothing, so that what follows from them can be counted too. Nothing is computed by a
model, nothing is downloaded, nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from resources.tools.tools import Tools
from warehouse.core.errors import Mendable
from warehouse.store.memo import Answer, Call, Compose, Memo


class NotFetched(Mendable):
    """A source or model that would have to be downloaded first."""


@dataclass
class Missing:
    """The distinct calls that are not on record. `chained` once more was asked for, which they may have decided."""

    calls: dict[tuple[str, int], Call] = field(default_factory=dict)
    chained: bool = False


@dataclass
class ForecastTools(Tools):
    """The tools of an asset that is planned, not built."""

    missing: Missing = field(default_factory=Missing)

    def memo(self, *engine: str) -> Memo:
        """The memo, counting what is missing in place of computing it."""
        return _ReadOnlyMemo(self.bench.database, meter=self.meter, missing=self.missing)

    def source_file(self, name: str) -> tuple[str, Path]:
        """(id, verified local file) of the source `name`. Raises NotFetched where it is not on this machine yet."""
        source = self.bench.sources[name]
        path = self.bench.find(source)
        if path is None:
            raise NotFetched(f"the source {name} is not downloaded yet")
        return source.id, path

    def base_folder(self, name: str) -> Path:
        """The folder of the language model `name`. Raises NotFetched where it is not on this machine yet."""
        if self.bench.find(self.bench.models[name]) is None:
            raise NotFetched(f"the model {name} is not downloaded yet")
        return super().base_folder(name)


@dataclass
class _ReadOnlyMemo(Memo):
    missing: Missing = field(default_factory=Missing)

    def run(
        self,
        calls: Sequence[Call],
        compose: Compose,
        progress: Callable[[int, int], None] = lambda done, total: None,
        lost: Callable[[Call], bool] = lambda call: False,
    ) -> list[Answer]:
        answers, missing, on_record = self._on_record(calls, lost)
        # Even where nothing is missing now: with the answers, there might have been more to ask, or something else.
        self.missing.chained |= bool(self.missing.calls)
        if not self.missing.chained:
            self.meter.from_memo += on_record
        self.missing.calls |= missing
        return [answers.get((call.key, call.budget)) or _stand_in(call) for call in calls]


def _stand_in(call: Call) -> Answer:
    response = {"text": f"not yet written {call.key}", "loss": 0.0, "weights": 2 * call.key, "losses": []}
    return Answer(response, 0, 0.0, vector=[0.0])
