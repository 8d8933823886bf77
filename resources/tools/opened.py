"""A language model as a batch of calls needs it: with its adapter, in an engine and a type of numbers.

While it is open, a second opening gets the same one, so that the batches of a build load an adapter once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from resources.models import device
from resources.models.calls import Adapter, Prompt, Sampling
from resources.models.engines import Engine, Wanted, engine_of
from resources.models.room import Limit
from resources.tools.workbench import Workbench
from warehouse.core.errors import UserError
from warehouse.store.checkpoints import is_model

if TYPE_CHECKING:
    from resources.models.model_texts import ModelTexts, Written


class Writing(Protocol):
    """The part of an engine that writes completions."""

    @property
    def texts(self) -> ModelTexts:
        """What the model reads and how its tokens become text."""
        ...

    @property
    def most(self) -> tuple[int, int]:
        """The most rows, and the most tokens, that are computed and committed as a whole."""
        ...

    def complete(
        self, prompts: Sequence[Prompt], sampling: Sampling, done: Callable[[int, int], None]
    ) -> list[Written]:
        """One completion per prompt, in order; `done` gets how many have ended, and how many tokens all have."""
        ...


@dataclass(frozen=True)
class Opening:
    """The language model `name`, with `adapter` if one is given, in `engine`."""

    name: str
    adapter: Adapter | None
    engine: Engine


def read_by(bench: Workbench, name: str, adapter: Adapter | None) -> Opening:
    """The model as it measures losses: in transformers, in the numbers of what computes."""
    return Opening(name, adapter, engine_of(Wanted("transformers"), None, bench.device))


@contextmanager
def limits(bench: Workbench, wanted: Opening, reading: bool) -> Iterator[Limit]:
    """The most rows and tokens of a batch of losses (`reading`) or completions.

    Until the block ends, the model is open here if this process computes. Otherwise a worker says its limits, and only
    workers load the weights."""
    if bench.workers.device:
        yield from (most for _, most in bench.workers.parts(_limits, (bench, wanted), [reading]))
        return
    with opened(bench, wanted) as model:
        yield model.most_read if reading else model.most


def _limits(shared: tuple[Workbench, Opening], reading: bool) -> Limit:
    with opened(*shared) as model:
        most: Limit = model.most_read if reading else model.most
        return most


@contextmanager
def opened(bench: Workbench, wanted: Opening) -> Iterator[Any]:
    """The model, a LanguageModel or what is only Writing, until the block ends.

    Raises UserError where this machine has another kind of device, CheckpointLost, and what loading raises."""
    if bench.open and bench.open[0] == wanted:
        yield bench.open[1]
        return
    if wanted.engine.device != device.device():
        raise UserError(
            f"{wanted.name} is to be computed {wanted.engine}, but this machine has only {device.device()}: workers "
            "compute on GPUs where `compute` in deployment.yaml asks for `gpus`, and otherwise on processors"
        )
    with _loaded(bench, wanted) as model:
        before, bench.open = bench.open, (wanted, model)
        try:
            yield model
        finally:
            bench.open = before


@contextmanager
def _loaded(bench: Workbench, wanted: Opening) -> Iterator[Any]:
    name, adapter, precision = wanted.name, wanted.adapter, wanted.engine.precision
    if wanted.engine.name == "openvino":
        yield bench.openvino_writer(name, adapter, precision)
        return
    folder = None if adapter is None else bench.adapter_folder(adapter)
    if adapter and folder and is_model(folder):
        yield bench.tuned_model(name, adapter, precision)
        return
    with bench.language_model(name, precision).with_adapter(folder) as model:
        yield model
