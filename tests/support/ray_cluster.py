"""A real cluster of Ray on this machine: a head without processors, and nodes with one each, each with an address."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HEAD = "127.0.0.2"
"""Ray takes 127.0.0.1 for the address of the machine in its network, so nodes have the next ones."""

STORE = 100 * 2**20

# A lost node is noticed within seconds. On real clusters such settings would end nodes that are only busy.
os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "500",
    "RAY_health_check_failure_threshold": "3",
}


class Nodes:
    """The nodes of a cluster that is running."""

    def __init__(self, cluster: Any) -> None:
        self._cluster, self._nodes, self._added = cluster, list[Any](), 0
        self.address = str(cluster.address)

    def add(self) -> None:
        """Starts a node with one processor."""
        self._added += 1
        address = f"127.0.0.{2 + self._added}"
        self._nodes.append(self._cluster.add_node(num_cpus=1, node_ip_address=address, object_store_memory=STORE))

    def kill_one(self) -> None:
        """Kills the processes of the node that was started first."""
        self._cluster.remove_node(self._nodes.pop(0), allow_graceful=False)


@contextmanager
def ray_cluster(nodes: int) -> Iterator[Nodes]:
    """A cluster with so many nodes, until the block ends."""
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "node_ip_address": HEAD, "include_dashboard": False, "object_store_memory": STORE}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    running = Nodes(cluster)
    try:
        for _ in range(nodes):
            running.add()
        yield running
    finally:
        ray.shutdown()
        cluster.shutdown()
