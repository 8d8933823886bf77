"""Which models of a recipe servers answer for, and how these are asked. Sends no request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resources.endpoint.settings import Task
from resources.fetching.addresses import Address
from resources.models import protocol
from resources.models.calls import Adapter
from resources.tools.workbench import Workbench

if TYPE_CHECKING:
    from resources.endpoint.endpoint import Endpoint


def is_served(bench: Workbench, name: str, task: Task, adapter: Adapter | None = None) -> bool:
    """Whether servers give `task` for the model `name`, which has its files here; `adapter` must be one of LoRA."""
    gives = bench.fleets[name].gives if name in bench.fleets else frozenset()
    if task not in gives or adapter is None:
        return task in gives
    return "adapters" in gives and not bench.checkpoints.is_whole(adapter.training)


def numerics_of(bench: Workbench, name: str) -> str:
    """The numbers in which servers compute the model `name`: those that the recipe says, if it does."""
    wanted = bench.engines.get(name)
    return protocol.served(wanted.precision if wanted else None)


def endpoint_of(bench: Workbench, name: str, adapter: Adapter | None = None) -> Endpoint:
    """The endpoint that serves the model `name`, with `adapter` if one is given. Raises CheckpointLost."""
    from resources.endpoint.endpoint import Endpoint

    if name not in bench.fleets:
        address = Address.parse(bench.models[name].address or "")
        return Endpoint(address.name, address.path or "", bench.endpoints, tuple(bench.endpoints.fleet.get(name, ())))
    first, *further = bench.fleets[name].urls
    # They are there for builds, and put what is too much into a queue themselves.
    at_once = bench.endpoints.in_flight
    if adapter is None:
        return Endpoint(first, name, bench.endpoints, tuple(further), start=at_once)
    # By its weights: where a server has this name, it has these weights.
    named, folder = f"{name}-{adapter.weights[:16]}", bench.adapter_folder(adapter).resolve()
    return Endpoint(first, named, bench.endpoints, tuple(further), str(folder), at_once)
