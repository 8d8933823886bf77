"""Dagster's way to the warehouse: publishes what an asset returns."""

from __future__ import annotations

import dagster as dg

from assets.building.materialize import Publication, publish
from warehouse.core.plain_errors import plain
from warehouse.store.versions import Store


class WarehouseIOManager(dg.IOManager):
    """Publishes each asset in one transaction."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def load_input(self, context: dg.InputContext) -> None:
        """Loads nothing: `materialize` reads its inputs itself, and only if it has to build."""

    def handle_output(self, context: dg.OutputContext, obj: Publication) -> None:
        """Publishes rows, decisions, edges and the pointer to them, or only moves the pointer."""
        try:
            publish(self.store, obj, context.run_id)
        except Exception as error:
            if (message := plain(error)) is None:
                raise
            raise dg.Failure(description=message, allow_retries=False) from error
