"""Builds in separate processes that log each event as it happens, so that a test can kill them at any point.

They are forked from a server that has the libraries imported: the import alone takes half as long as a tiny build.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

import resources.models.trainer
import resources.tools.batching
from resources.models.quiet import quiet
from tests.support.building import build, query
from warehouse.store.memo import Memo
from warehouse.store.places import EMBEDDED, Tables
from warehouse.store.tables import SCHEMAS
from warehouse.store.versions import Store

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "definitions",
        "assets.building.run",
        "assets.building.dagster_home",
        "resources.models.language_model",
        "sentence_transformers",
        "peft",
        "trl",
        "datasets",
        "rouge_score.rouge_scorer",
        "matplotlib.backends.backend_agg",
    ]
)


Event = tuple[str, list[Any]]
"""What happened, and to which calls or asset, or in which training and at which step."""

OF_THE_RUN = ("created_at", "failed_at", "recorded_at", "seconds")
"""Columns of times and durations, which differ between builds."""


def killed_builds(
    recipe: Path, folder: Path, kills: int, draw: random.Random, length: int, selection: str | None = None
) -> list[list[Event]]:
    """Builds `recipe`, or a selection of it, into `folder`/data, again after each of up to `kills` kills; the events
    of every build.

    The kills are spread over the `length` events of an undisturbed build. The last build ends by itself.
    """
    folder.mkdir()
    logs: list[list[Event]] = []
    while True:
        log = folder / f"{len(logs)}.log"
        build = process(_logged_build, recipe, folder / "data", log, selection)
        if len(logs) < kills:
            ahead = length - len({str(event) for events in logs for event in events})
            event = draw.randint(0, max(0, min(ahead - 1, 2 * ahead // (kills - len(logs)))))
            # Close to an event a commit, a publish or a checkpoint is under way; later on it may be anything.
            _kill(build, log, event, draw.uniform(0, draw.choice([0.02, 0.1, 2.0])))
        build.join()
        logs.append(_events(log))
        if build.exitcode != -signal.SIGKILL:
            assert build.exitcode == 0
            return logs


def content(data: Path, tables: Tables = EMBEDDED) -> dict[str, list[Any]]:
    """Every row and every file of a warehouse, without what differs between any two builds."""
    found: dict[str, list[Any]] = {}
    for schema, models in SCHEMAS.items():
        for table, model in models.items():
            columns = [name for name in model.to_schema().columns if name not in OF_THE_RUN]
            if table == "materializations":
                columns = ["asset"]
            distinct = f"SELECT DISTINCT {', '.join(columns)} FROM {schema}.{table} ORDER BY ALL"
            rows = query(data, distinct, tables).rows()
            if table != "materializations":
                every = query(data, f"FROM {schema}.{table}", tables)
                assert every.height == len(rows), f"{schema}.{table} has a row twice"
            found[f"{schema}.{table}"] = rows
    files = [path for path in sorted(data.rglob("*")) if path.is_file() and path.parent != data]
    found["files"] = [
        (path.relative_to(data).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in files
        if path.relative_to(data).parts[0] != "dagster"
    ]
    found["left"] = [path for path in sorted(data.glob("c*/*")) if path.parent.name == "claims" or path.suffix]
    return found


def same(found: dict[str, list[Any]], expected: dict[str, list[Any]]) -> None:
    """Fails at the first table whose content differs."""
    for name in expected:
        assert found[name] == expected[name], name


def repeated(builds: list[list[Event]]) -> list[str]:
    """The calls that were computed again; fails if one of them, or an asset published again, had been committed."""
    begun: list[str] = []
    safe: set[str] = set()
    for what, of in (event for events in builds for event in events):
        if what in ("batch", "publish"):
            assert safe.isdisjoint(of)
            begun += of
        elif what in ("committed", "published"):
            safe.update(of)
    return [one for one, times in Counter(begun).items() for _ in range(times - 1)]


def process(work: Callable[..., None], *arguments: Any) -> BaseProcess:
    """A started process that does `work`, a function of a module."""
    started = SERVER.Process(target=_work, args=(work, *arguments), daemon=True)
    started.start()
    return started


def kill_oneself(*_: Any, **__: Any) -> None:
    """What a function is replaced by where the kill must come exactly there."""
    os.kill(os.getpid(), signal.SIGKILL)


def _kill(build: BaseProcess, log: Path, event: int, seconds: float) -> None:
    while build.is_alive() and len(_events(log)) <= event:
        time.sleep(0.002)
    build.join(seconds)
    build.kill()


def _events(log: Path) -> list[Event]:
    text = log.read_text() if log.exists() else ""
    # A line may be half written as yet, or for ever.
    lines = text[: text.rfind("\n") + 1].splitlines()
    return [(what, of) for what, of in map(json.loads, lines)]


def _work(work: Callable[..., None], *arguments: Any) -> None:
    # As in any other process: a lock of the server's kind would have a name, and outlive the kill.
    multiprocessing.set_start_method(None, force=True)
    quiet()
    work(*arguments)


def _logged_build(recipe: Path, data: Path, log: Path, selection: str | None) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(what: str, of: list[Any]) -> None:
        os.write(file, json.dumps([what, of]).encode() + b"\n")

    commit, publish, train = Memo.commit, Store.publish, resources.models.trainer.train_adapter

    @wraps(commit)
    def logged_commit(memo: Memo, answered: list[Any], *rest: Any) -> Any:
        calls = [f"{call.key} {call.budget}" for call, _ in answered]
        write("batch", calls)
        kept = commit(memo, answered, *rest)
        write("committed", calls)
        return kept

    @wraps(publish)
    def logged_publish(store: Store, plan: Any, *rest: Any) -> Any:
        write("publish", [plan.asset])
        published = publish(store, plan, *rest)
        write("published", [plan.asset])
        return published

    @wraps(train)
    def logged_train(base: Path, examples: Any, training: Any, target: Path, progress: Any, *rest: Any) -> Any:
        def logged_progress(step: int, steps: int) -> None:
            write("step", [target.name, step])
            progress(step, steps)

        return train(base, examples, training, target, logged_progress, *rest)

    Memo.commit, Store.publish, resources.models.trainer.train_adapter = logged_commit, logged_publish, logged_train  # type: ignore
    torch.set_num_threads(1)  # a second one gives tiny models nothing, and waits for work by spinning
    write("start", [])
    _, failures = build(recipe, data, selection)
    assert failures == [], failures
