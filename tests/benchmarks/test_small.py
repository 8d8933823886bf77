"""A benchmark that nobody runs for months no longer fits the code, and then its figures cannot be had when they are
needed. So each of them runs here on a few rows. What it costs is not looked at: machines differ."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks import audits, endpoint, growth, large_sources, neighbours, nodes, own_set, rebuilds, servers
from tests.support.postgres import Server

Print = Callable[..., str]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Print:
    def run(main: Callable[[], None], *words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["benchmark", *words])
        main()
        return " ".join(capsys.readouterr().out.split())

    return run


def test_audits(printed: Print) -> None:
    output = printed(audits.main, "--records", "4000", "--samples", "1", "--rows", "200", "--repetitions", "1")
    for what in ("why: a training row", "recall: a document", "why-not", "ledger", "integrity", "publish: 200 rows"):
        assert what in output


def test_rebuilds(printed: Print) -> None:
    # The others build the whole graph several times, as many tests do.
    output = printed(rebuilds.main, "many_rows", "memo", "--repetitions", "1", "--rows", "200", "--keys", "1000")
    for what in ("threshold changed, 0 calls: 200 rows", "plan of the same: 200 rows", "memo: look-up of 1,000"):
        assert what in output


def test_large_sources(printed: Print, tmp_path: Path) -> None:
    words = ("--rows", "400", "--characters", "300", "--drawn", "20", "--folder", str(tmp_path))
    output = printed(large_sources.main, *words)
    assert "20 of 400 documents" in output
    assert "2 more" in output


def test_neighbours(printed: Print, tmp_path: Path) -> None:
    output = printed(neighbours.main, "--rows", "1500", "--folder", str(tmp_path))
    assert "1,500 rows compared" in output
    assert "equal to brute force on 1,500 rows True" in output


def test_own_set(printed: Print, tmp_path: Path) -> None:
    assert "600 pairs to a training set" in printed(own_set.main, "--rows", "600", "--folder", str(tmp_path))


def test_growth(printed: Print, tmp_path: Path) -> None:
    output = printed(growth.main, "--rows", "300", "600", "--folder", str(tmp_path))
    for what in ("training_sets/mine", "build in all", "plan, one row fewer", "why-not", "audit", "gc", "export"):
        assert what in output


def test_endpoint(printed: Print, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "REQUESTS", 5)
    monkeypatch.setattr(endpoint, "RUNS", 1)
    assert printed(endpoint.main).startswith("5 answers in ")


def test_nodes(printed: Print) -> None:
    output = printed(nodes.main, "--batches", "4", "--seconds", "0.1")
    for what in ("0.1 s each, 4 workers", "at once, from 4 workers", "at once, computed here"):
        assert what in output


def test_servers(printed: Print, postgres: Server) -> None:
    output = printed(servers.main, "--rows", "300", "--published", "100", "--repetitions", "1")
    for what in ("publish: 100 rows", "look-up of 64 calls", "why: a row", "audit"):
        assert what in output
