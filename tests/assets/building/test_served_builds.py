"""A team serves its models, and servers die. A build must go on with those that are left, ask for nothing twice, and
leave to this machine only what servers do not give: trainings."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.support.building import build, edit, planned, query
from tests.support.tiny import quick
from tests.support.vllm_stand_in import VllmStandIn


def test_a_recipe_is_built_by_servers_of_which_one_dies(
    tiny: Path, tiny_model: Path, tiny_embedder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(tiny, quick)
    edit(tiny, lambda values: values.update(endpoint={"patience": 20.0}))
    monkeypatch.setattr("resources.tools.workbench.Workbench.language_model", None)
    monkeypatch.setattr("resources.tools.workbench.Workbench.embedder", None)
    data, deployment = tmp_path / "data", tiny.parent / "deployment.yaml"
    with ExitStack() as stack, ExitStack() as dying:
        servers = [VllmStandIn(tiny_model, ["generator", "embedder"], embedder=tiny_embedder) for _ in range(3)]
        for server in servers:
            (dying if server is servers[2] else stack).enter_context(server.serving())
        urls = [server.base for server in servers]
        deployment.write_text(yaml.safe_dump({"servers": {"generator": urls, "embedder": urls}}))

        def kill() -> None:
            while servers[2].posted() < 5:
                time.sleep(0.01)
            dying.close()

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        log, failures = build(tiny, data)
        assert failures == []
        killer.join()
        assert set(log.actions.values()) == {"built"}
    asked = query(data, "SELECT kind, engine LIKE 'endpoint %' AS far, count(*)::INT AS n FROM memo.calls GROUP BY ALL")
    assert {(kind, far) for kind, far, _ in asked.iter_rows()} == {
        ("completion", True),
        ("loss", True),
        ("embedding", True),
        ("training", False),
    }
    keys = query(data, "SELECT key FROM memo.calls")["key"]
    assert keys.n_unique() == len(keys)
    assert all(len(server.loaded) > 1 for server in servers[:2])
    answered = [server.posted() - len(server.loaded) for server in servers]
    assert min(answered[:2]) > 20
    # Nothing is asked for again, though no server is there any more.
    assert {one.state for one in planned(tiny, data).values()} == {"fresh"}
    assert build(tiny, data)[0].actions == {}
