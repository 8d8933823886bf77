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
    """The language model `name`, with `adapter` if one is given, in `engine`.

    `files` are the hashes of the adapter's files, by name, for a process that cannot ask the warehouse for them."""

    name: str
    adapter: Adapter | None
    engine: Engine
    files: tuple[tuple[str, str], ...] = ()


def opening(bench: Workbench, name: str, adapter: Adapter | None, engine: Engine) -> Opening:
    """The model in an engine, as it is opened here or by workers."""
    files = bench.checkpoints.recorded(adapter.training) if adapter and bench.workers.device else {}
    return Opening(name, adapter, engine, tuple(sorted(files.items())))


def reading_engine(bench: Workbench) -> Engine:
    """What measures losses: transformers, in the numbers of what computes."""
    return engine_of(Wanted("transformers"), None, bench.device)


def require_device(what: str, kind: str) -> None:
    """Raises UserError where this machine has another kind of device than `kind`, by which calls have their keys."""
    if kind != device.device():
        raise UserError(
            f"{what}, but this machine has only {device.device()}: workers compute on GPUs where `compute` in "
            "deployment.yaml asks for `gpus`, and otherwise on processors"
        )


@contextmanager
def limits(bench: Workbench, wanted: Opening, reading: bool) -> Iterator[tuple[ModelTexts, Limit]]:
    """What the model reads and writes, and the most rows and tokens of a batch of losses (`reading`) or completions.

    Until the block ends, the model is open here if this process computes. Otherwise a worker says its limits, and only
    workers load the weights."""
    if bench.workers.device:
        ((_, most),) = bench.workers.parts(_limits, (bench, wanted), [reading], f"loading {wanted.name}")
        yield bench.texts(wanted.name), most
        return
    with opened(bench, wanted) as model:
        yield model.texts, _most(model, reading)


def _limits(shared: tuple[Workbench, Opening], reading: bool) -> Limit:
    with opened(*shared) as model:
        return _most(model, reading)


def _most(model: Any, reading: bool) -> Limit:
    most: Limit = model.most_read if reading else model.most
    return most


@contextmanager
def opened(bench: Workbench, wanted: Opening) -> Iterator[Any]:
    """The model, a LanguageModel or what is only Writing, until the block ends.

    Raises UserError where this machine has another kind of device, CheckpointLost, and what loading raises."""
    if bench.open and bench.open[0] == wanted:
        yield bench.open[1]
        return
    require_device(f"{wanted.name} is to be computed {wanted.engine}", wanted.engine.device)
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
        yield bench.openvino_writer(name, adapter, precision, wanted.files)
        return
    folder = None if adapter is None else bench.adapter_folder(adapter, wanted.files)
    if adapter and folder and is_model(folder):
        yield bench.tuned_model(name, adapter, precision, wanted.files)
        return
    with bench.language_model(name, precision).with_adapter(folder) as model:
        yield model
