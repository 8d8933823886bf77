"""Calls that servers answer, through the memo: what arrives is committed at once, in any order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from resources.tools.session import Session, completions_at
from warehouse.core.texts import shortened
from warehouse.store.calls import Answer, Call, Void

if TYPE_CHECKING:
    from resources.endpoint.endpoint import Endpoint
    from resources.endpoint.request import Arrived, Request

MOST_SHOWN = 120
"""The most characters of the reason for a wait that the progress shows."""

NOT_SENT = "not sent"

Prepared = Mapping[str, "Request | str"]
"""By the key of a call: the request to send, or why it is refused."""


def asked(
    session: Session,
    endpoint: Callable[[], Endpoint],
    calls: Sequence[Call],
    prepared: Callable[[Sequence[Call]], Prepared],
    what: str,
    void: Void = lambda call, answer: False,
) -> list[Answer]:
    """The answers to the calls, in order; those that are not in the memo are asked for. `what` names them.

    Raises UserError, which stops the build, if no server can be used, or if they say for too long that they are busy.
    The answers that arrived until then are in the memo.
    """
    memo, pausing, tokens, began = session.memo(), "", 0, time.monotonic()

    def arriving(missing: list[Call]) -> Iterator[list[tuple[Call, Answer]]]:
        nonlocal pausing, tokens
        requests = prepared(missing)
        # A refusal and not an error, since no retry helps. Not complete, as a refusal of a local model.
        yield [
            (call, Answer({"refusal": refused}, 0, 0.0, complete=False, engine=NOT_SENT))
            for call in missing
            if isinstance(refused := requests[call.key], str)
        ]
        sent = [(call, one) for call in missing if not isinstance(one := requests[call.key], str)]
        if not sent:
            return
        servers, failed = endpoint(), memo.failed_before([call for call, _ in sent])
        doubtful = [index for index, (call, _) in enumerate(sent) if call.key in failed]
        before = time.monotonic()
        for group in servers.ask([one for _, one in sent], doubtful):
            # The seconds of a call are its share of the time: the rates of a plan follow from them.
            now = time.monotonic()
            seconds = (now - before) / max(1, len(group))
            before = now if group else before
            pausing = shortened(servers.pausing, MOST_SHOWN)
            answers = [(sent[one.index][0], _answer(one, seconds)) for one in group]
            tokens += sum(answer.tokens for _, answer in answers)
            yield answers

    def progress(done: int, total: int) -> None:
        rate = completions_at(tokens, time.monotonic() - began) if what == "completions" else what
        session.progress(f"{what} ({pausing}; waiting)" if pausing else rate)(done, total)

    return memo.run_as_they_arrive(calls, arriving, progress, void)


def _answer(arrived: Arrived, seconds: float) -> Answer:
    from resources.endpoint.errors import RowFailed

    engine = f"endpoint {arrived.engine}"
    if isinstance(arrived.outcome, RowFailed):
        return Answer({}, 0, 0.0, complete=False, error=str(arrived.outcome), engine=engine)
    return arrived.outcome.answer(seconds, engine)
