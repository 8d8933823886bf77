"""Work that is computed in another process, on this machine or on a node of a cluster: it loads its own models.

A workbench is sent as what the recipe and the command say of it: where the warehouse, the models and the sources are.
So the folders of the warehouse and of the downloads have to be there under the same names, as on a shared disk. Such a
process never opens the tables of the warehouse.
"""

from __future__ import annotations

import copyreg
import pickle
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from resources.models.calls import Adapter
from resources.tools.opened import Opening, opened
from resources.tools.workbench import CheckpointLost, FileHashes, Workbench
from warehouse.store.calls import Call, Work
from warehouse.store.checkpoints import MODEL_WEIGHTS, WEIGHTS, is_model
from warehouse.store.workers import Answered, answered


class NodeBench(Workbench):
    """A workbench that has the files of a warehouse, but not its tables."""

    def adapter_folder(self, adapter: Adapter, files: FileHashes = ()) -> Path:
        """The folder with the files of an adapter, which have these hashes. Raises CheckpointLost.

        Where they are not on this node, they are fetched from where other machines share them."""
        folder, weights = self.checkpoints.folder(adapter.training), {WEIGHTS: adapter.weights}
        recorded = dict(files) or ({MODEL_WEIGHTS: adapter.weights} if is_model(folder) else weights)
        if adapter.weights not in recorded.values():
            raise CheckpointLost(f"the checkpoint {folder} on record has other weights than {adapter.weights}")
        if fault := self.checkpoints.fault_on_disk(adapter.training, recorded):
            raise CheckpointLost(f"the checkpoint {folder} on this node is not what its training wrote: {fault}")
        return folder


def _sent(bench: Workbench) -> tuple[Callable[[bytes], NodeBench], tuple[bytes]]:
    own = {one.name for one in fields(Workbench) if one.name.startswith("_")} | {"loading", "open", "workers"}
    settings = {one.name: getattr(bench, one.name) for one in fields(Workbench) if one.name not in own}
    return node_bench, (pickle.dumps(settings),)


copyreg.pickle(Workbench, _sent)


@cache
def node_bench(settings: bytes) -> NodeBench:
    """The workbench of this process for these settings, with the models that it has loaded."""
    return NodeBench(**pickle.loads(settings))


class Node:
    """Computes batches in its process. Between two batches of one model it stays open, with its adapter."""

    def __init__(self) -> None:
        self._held = ExitStack()
        self._opening: Opening | None = None

    def ready(self) -> bool:
        """Says that the process is there."""
        return True

    def answered(self, batch: Sequence[Call], work: Work) -> Answered:
        """The batch with its answers. Raises UserError where the node cannot compute it."""
        opening: Opening | None = getattr(work, "model", None)
        if opening != self._opening:
            self._release()
            if opening is not None:
                self._held.enter_context(opened(work.bench, opening))  # type: ignore[attr-defined]
            self._opening = opening
        return answered(batch, work)

    def part(self, work: Callable[[Any, Any], Any], shared: Any, part: Any) -> Any:
        """What `work` makes of a part. Raises UserError where the node cannot compute it."""
        # It may open the same model with another adapter, which must not happen within the first.
        self._release()
        return work(shared, part)

    def _release(self) -> None:
        self._held.close()
        self._opening = None
