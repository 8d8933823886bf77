"""Batches on a cluster of Ray (https://docs.ray.io): each worker is an actor, which keeps its models loaded.

Ray moves the work, and the memo stays the only truth: the process that builds composes the batches, commits what comes
back, and sends the batches of a lost worker again. Ray itself repeats and restarts nothing, since a restarted actor
may wait for a node that never returns.
"""

from __future__ import annotations

import os
import socket
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from resources.tools.node import Node
from warehouse.core.errors import UserError
from warehouse.store.workers import Answered, T, Task

CONNECT_SECONDS = 10.0

MOST_LOSSES = 3
"""A batch whose worker was lost so many times is not sent again: it may be what kills them (ours)."""


@dataclass(frozen=True)
class RayCluster:
    """A cluster at `address` ("HOST:PORT" of its head, or "auto") and what is asked of it.

    There are `workers` actors, each with so many `cpus` and `gpus`. Each has at most `in_flight` batches, so that the
    next one is there when one ends. `host` is the address of this machine in the cluster, where Ray cannot find it out.
    Without any worker for `patience` seconds a build ends.
    """

    address: str
    workers: int = 1
    cpus: float = 1
    gpus: float = 0
    in_flight: int = 2
    host: str = ""
    patience: float = 120


@dataclass
class RayWorkers:
    """Serves as Workers. The cluster is joined when there is the first batch to compute."""

    cluster: RayCluster
    _actors: list[Any] = field(default_factory=list)
    _coming: dict[Any, Any] = field(default_factory=dict)

    def answers(self, tasks: Iterable[T]) -> Iterator[tuple[T, Answered]]:
        """Every task with its answers, as they arrive.

        Raises UserError where the cluster cannot be reached, where there is no worker for too long, and where a batch
        is lost with its worker again and again.
        """
        source, losses, under_way = iter(tasks), Counter[int](), dict[Any, tuple[T, Any]]()
        if (first := next(source, None)) is None:
            return
        again, left = deque([first]), True
        ray = self._joined()
        try:
            while again or left or under_way:
                while (again or left) and (actor := self._free(under_way)):
                    task = again.popleft() if again else next(source, None)
                    if task is None:
                        left = False
                    else:
                        under_way[actor.answered.remote(task.calls, task.work)] = (task, actor)
                for arrived in self._wait(under_way):
                    task, actor = under_way.pop(arrived)
                    try:
                        found = ray.get(arrived)
                    except ray.exceptions.RayTaskError as error:
                        raise (error.cause if isinstance(error.cause, UserError) else error) from None
                    except ray.exceptions.RayError as error:
                        self._drop(actor)
                        losses[id(task)] += 1
                        if losses[id(task)] == MOST_LOSSES:
                            raise UserError(_lost(len(task.calls), error)) from error
                        again.append(task)
                        continue
                    yield task, found
        finally:
            # What is under way is of no use any more, and the next batches must not wait for it.
            for _, actor in under_way.values():
                self._drop(actor)

    def close(self) -> None:
        """Ends all workers; the next batch starts others."""
        import ray

        for actor in [*self._actors, *self._coming.values()]:
            ray.kill(actor, no_restart=True)
        self._actors, self._coming = [], {}

    def _joined(self) -> Any:
        """The module of Ray, in the cluster; workers that are missing have been asked for."""
        # Ray would report its use to its makers.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
            import ray.exceptions
        except ImportError as error:
            raise UserError(
                "ray is not installed; run pip install 'slingshot[cluster]', here and on all nodes"
            ) from error
        if not ray.is_initialized():
            self._require_head()
            own: dict[str, Any] = {"_node_ip_address": self.cluster.host} if self.cluster.host else {}
            try:
                ray.init(address=self.cluster.address, log_to_driver=False, configure_logging=False, **own)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise self._not_joined(error) from error
        for _ in range(self.cluster.workers - len(self._actors) - len(self._coming)):
            self._start(ray)
        return ray

    def _require_head(self) -> None:
        # Where nothing is at the address, Ray tries for five minutes, and then ends the process.
        if self.cluster.address != "auto":
            host, _, port = self.cluster.address.rpartition(":")
            try:
                socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
            except OSError as error:
                raise self._not_joined(error) from error

    def _not_joined(self, error: Exception) -> UserError:
        return UserError(
            f"the Ray cluster at {self.cluster.address} cannot be joined: {error}; start it with `ray start`, "
            "or change compute.ray in deployment.yaml"
        )

    def _start(self, ray: Any) -> None:
        resources = {"num_cpus": self.cluster.cpus, "num_gpus": self.cluster.gpus}
        actor = ray.remote(max_restarts=0, max_task_retries=0, **resources)(Node).remote()
        self._coming[actor.ready.remote()] = actor

    def _drop(self, actor: Any) -> None:
        """Ends an actor and asks for another one."""
        import ray

        if actor in self._actors:
            self._actors.remove(actor)
            ray.kill(actor, no_restart=True)
            self._start(ray)

    def _free(self, under_way: Mapping[Any, tuple[Task, Any]]) -> Any:
        """The actor with the fewest batches, if it has room for one more."""
        busy = Counter(actor for _, actor in under_way.values())
        least = min(self._actors, key=lambda actor: busy[actor], default=None)
        return least if least is not None and busy[least] < self.cluster.in_flight else None

    def _wait(self, under_way: Iterable[Any]) -> list[Any]:
        """Those of the batches `under_way` that have ended; actors that have come are put to work."""
        import ray

        until = time.monotonic() + self.cluster.patience
        while time.monotonic() < until or self._actors:
            ready, _ = ray.wait([*under_way, *self._coming], num_returns=1, timeout=1.0)
            for one in (one for one in ready if one in self._coming):
                actor = self._coming.pop(one)
                try:
                    ray.get(one)
                except ray.exceptions.RayError:
                    self._start(ray)
                else:
                    self._actors.append(actor)
            if ready:
                return [one for one in ready if one in under_way]
        raise UserError(
            f"the Ray cluster at {self.cluster.address} has had no worker with {self.cluster.cpus} CPUs and "
            f"{self.cluster.gpus} GPUs for {self.cluster.patience:.0f} s; add nodes, or ask for less in deployment.yaml"
        )


def _lost(calls: int, error: Exception) -> str:
    return (
        f"a batch of {calls} model calls was lost with its worker {MOST_LOSSES} times, so it is not sent again: "
        f"{error}; give each worker more memory, or lower chunk in the recipe; other batches are in the memo"
    )
