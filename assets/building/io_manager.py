"""Dagster's way to the warehouse: publishes what an asset returns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import dagster as dg

from assets.building.materialize import Publication, publish
from warehouse.core.plain_errors import plain
from warehouse.store.published import Effort, Published, Run
from warehouse.store.versions import Store
from warehouse.store.warehouse import now


def warehouse_io_manager(store: Store) -> dg.IOManagerDefinition:
    """The IO manager of `store`, one for each run."""

    def manager(_: dg.InitResourceContext) -> Iterator[WarehouseIOManager]:
        of_run = WarehouseIOManager(store)
        try:
            yield of_run
        finally:
            of_run.note_unchanged()

    # Its types do not say that Dagster also takes a generator, and goes on with it at the end of the run.
    return dg.io_manager(manager)  # type: ignore[arg-type]


class WarehouseIOManager(dg.IOManager):
    """Publishes each asset in one transaction.

    That an asset was found unchanged is put on record at the end of the run, for all such assets in one transaction:
    one for each would be most of what "Materialize all" costs when nothing changed.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._unchanged: dict[Run, list[tuple[Published, Effort, datetime]]] = {}

    def load_input(self, context: dg.InputContext) -> None:
        """Loads nothing: `materialize` reads its inputs itself, and only if it has to build."""

    def handle_output(self, context: dg.OutputContext, obj: Publication) -> None:
        """Publishes rows, decisions, edges and the pointer to them, or only moves the pointer."""
        if obj.action == "unchanged" and isinstance(obj.result, Published):
            found = (obj.result, obj.effort, now())
            self._unchanged.setdefault(Run(context.run_id, obj.recipe), []).append(found)
            return
        try:
            publish(self.store, obj, context.run_id)
        except Exception as error:
            if (message := plain(error)) is None:
                raise
            raise dg.Failure(description=message, allow_retries=False) from error

    def note_unchanged(self) -> None:
        """Puts the assets that were found unchanged on record."""
        for run, found in self._unchanged.items():
            self.store.note_unchanged(found, run)
        self._unchanged.clear()
