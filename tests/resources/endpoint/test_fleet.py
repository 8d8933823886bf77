"""Servers of one model share the work. One that dies, is slow or comes back must cost no row and no second call."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from resources.endpoint.settings import Settings
from resources.models.calls import Prompt
from resources.tools.tools import Tools
from tests.support.asking import ASKED, ask, recorded
from tests.support.building import query
from tests.support.odd_server import RESET, Asked, OddServer, Said, completion


def test_a_fleet_shares_the_work_and_a_dead_member_is_left_out(tools: Tools, server: OddServer) -> None:
    def slow(asked: Asked) -> Said:
        return Said(completion(), delay=0.1)

    server.answer = slow
    many = [Prompt.ask(f"What is plant {number}?") for number in range(120)]
    with OddServer(slow).serving() as second, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nothing listens there
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        tools.bench.endpoints = Settings(patience=20.0, in_flight=8, fleet={"remote": (second.base, dead)})
        assert all(one.error is None for one in ask(tools, many))
        assert len(server.asked) + len(second.asked) == 120
        assert min(len(server.asked), len(second.asked)) > 30
        assert max(server.most_in_flight, second.most_in_flight) <= 8
    engines = query(tools.bench.data, "SELECT DISTINCT engine[10:30] AS base FROM memo.calls")["base"]
    assert len(engines) == 2


def test_a_fleet_loses_nothing_with_one_member_killed_and_one_slow(tools: Tools, server: OddServer) -> None:
    """Servers die while they answer. What they had is asked elsewhere, and the slow one gets less to do."""
    server.answer = lambda asked: Said(completion(), delay=0.1)
    many = [Prompt.ask(f"What is plant {number}?") for number in range(200)]
    with ExitStack() as dying, OddServer(lambda asked: Said(completion(), delay=1.0)).serving() as slow:
        killed = dying.enter_context(OddServer(lambda asked: Said(completion(), delay=0.1)).serving())
        tools.bench.endpoints = Settings(patience=30.0, in_flight=8, fleet={"remote": (killed.base, slow.base)})

        def kill(what: str, done: int, total: int) -> None:
            if killed.in_flight and done >= 20:
                dying.close()

        tools.report = kill
        found = ask(tools, many)
        assert [(one.error, one.text) for one in found] == [(None, "A good answer.")] * 200
        assert len(killed.asked) >= 10
        # A tenth as fast, so about a tenth as many as the other; at least twice is more than any noise gives.
        assert 0 < 2 * len(slow.asked) < len(server.asked)
    assert recorded(tools) == (200, 0)
    assert query(tools.bench.data, "SELECT count(DISTINCT key) FROM memo.calls").item() == 200


def test_a_member_that_comes_back_is_used_again(tools: Tools, server: OddServer) -> None:
    with OddServer().serving() as second:
        base = second.base
    started: list[OddServer] = []

    def answer(asked: Asked) -> Said:
        """Slowly, until the other member is used."""
        return Said(completion(), delay=0.0 if started and started[0].asked else 0.4)

    server.answer = answer
    tools.bench.endpoints = Settings(patience=60.0, in_flight=1, fleet={"remote": (base,)})

    def start(what: str, done: int, total: int) -> None:
        if done and not started:
            started.append(OddServer())
            stack.enter_context(started[0].serving(int(base.rsplit(":")[-1].split("/")[0])))

    tools.report = start
    with ExitStack() as stack:
        assert all(one.error is None for one in ask(tools, ASKED))
        assert started[0].asked


def test_a_server_whose_connection_broke_is_asked_again_what_it_serves(tools: Tools, server: OddServer) -> None:
    """It may have been started again, with another model or without the adapters that it had loaded."""
    listed: list[str] = []
    models, others = server.models, list[str]()

    def counted(asked: Asked) -> Said:
        listed.append(asked.path)
        return models(asked)

    def broken_once(asked: Asked) -> Said:
        others.append(asked.text)
        return Said(RESET) if len(others) == 1 else Said(completion())

    server.models, server.answer = counted, broken_once
    tools.bench.endpoints = Settings(patience=20.0, in_flight=1)
    assert [one.error for one in ask(tools, ASKED[:4])] == [None] * 4
    assert (len(listed), len(others)) == (2, 5)
