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
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from resources.tools.node import Node
from warehouse.core.errors import UserError
from warehouse.store.workers import Answered, P, R, S, T

CONNECT_SECONDS = 10.0

LOCAL = "local"
"""The address of a cluster that is to be started on this machine. Ray takes it so, also where another one runs."""

MOST_LOSSES = 3
"""A batch whose worker was lost so many times is not sent again: it may be what kills them (ours)."""


@dataclass(frozen=True)
class RayCluster:
    """A cluster at `address` ("HOST:PORT" of its head, or "auto") and what is asked of it. With the address "local", a
    cluster of this machine alone is started, and ends with this process.

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

    @property
    def device(self) -> str:
        """The kind of device of the workers."""
        return "cuda" if self.cluster.gpus else "cpu"

    @property
    def count(self) -> int:
        """How many workers there are."""
        return self.cluster.workers

    def answers(self, tasks: Iterable[T]) -> Iterator[tuple[T, Answered]]:
        """Every task with its answers, as they arrive.

        Raises UserError where the cluster cannot be reached, where there is no worker for too long, and where a batch
        is lost with its worker again and again.
        """
        yield from self._computed(
            tasks,
            lambda actor, task: actor.answered.remote(task.calls, task.work),
            lambda task: f"a batch of {len(task.calls)} model calls",
        )

    def parts(self, work: Callable[[S, P], R], shared: S, parts: Iterable[P], what: str) -> Iterator[tuple[P, R]]:
        """Each part with what `work` makes of `shared` and it, as they arrive. Raises as `answers` does."""
        sent: Any = None

        def send(actor: Any, part: P) -> Any:
            nonlocal sent
            if sent is None:
                import ray

                sent = ray.put(shared)
            return actor.part.remote(work, sent, part)

        yield from self._computed(parts, send, lambda part: what)

    def _computed(
        self, tasks: Iterable[P], send: Callable[[Any, P], Any], named: Callable[[P], str]
    ) -> Iterator[tuple[P, Any]]:
        """Every task with what an actor made of it, as they arrive. A task whose actor is lost is sent again."""
        # In boxes, since equal tasks are different ones.
        source, losses = ([one] for one in tasks), Counter[int]()
        under_way = dict[Any, tuple[list[P], Any]]()
        if (first := next(source, None)) is None:
            return
        again, left = deque([first]), True
        ray = self._joined()
        try:
            while again or left or under_way:
                while (again or left) and (actor := self._free(under_way)):
                    box = again.popleft() if again else next(source, None)
                    if box is None:
                        left = False
                    else:
                        under_way[send(actor, box[0])] = (box, actor)
                for arrived in self._wait(under_way):
                    box, actor = under_way.pop(arrived)
                    try:
                        found = ray.get(arrived)
                    except ray.exceptions.RayTaskError as error:
                        raise (error.cause if isinstance(error.cause, UserError) else error) from None
                    except ray.exceptions.RayError as error:
                        self._drop(actor)
                        losses[id(box)] += 1
                        if losses[id(box)] == MOST_LOSSES:
                            raise UserError(_lost(named(box[0]), error)) from error
                        again.append(box)
                        continue
                    yield box[0], found
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
            own |= {"include_dashboard": False} if self.cluster.address == LOCAL else {}
            try:
                ray.init(address=self.cluster.address, log_to_driver=False, configure_logging=False, **own)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise self._not_joined(error) from error
        for _ in range(self.cluster.workers - len(self._actors) - len(self._coming)):
            self._start(ray)
        return ray

    def _require_head(self) -> None:
        # Where nothing is at the address, Ray tries for five minutes, and then ends the process.
        if self.cluster.address not in ("auto", LOCAL):
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
        resources: dict[str, Any] = {"num_cpus": self.cluster.cpus, "num_gpus": self.cluster.gpus}
        if not self.cluster.gpus:
            # Ray hides no GPU from a worker that asked for none, and models would use it.
            resources["runtime_env"] = {"env_vars": {"CUDA_VISIBLE_DEVICES": ""}}
        actor = ray.remote(max_restarts=0, max_task_retries=0, **resources)(Node).remote()
        self._coming[actor.ready.remote()] = actor

    def _drop(self, actor: Any) -> None:
        """Ends an actor and asks for another one."""
        import ray

        if actor in self._actors:
            self._actors.remove(actor)
            ray.kill(actor, no_restart=True)
            self._start(ray)

    def _free(self, under_way: Mapping[Any, tuple[Any, Any]]) -> Any:
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


def _lost(what: str, error: Exception) -> str:
    return (
        f"{what} was lost with its worker {MOST_LOSSES} times, so it is not sent again: "
        f"{error}; give each worker more memory, or lower chunk in the recipe; other batches are in the memo"
    )
