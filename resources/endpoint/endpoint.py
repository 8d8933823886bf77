"""A language model behind an endpoint with an OpenAI-compatible API: vLLM, llama.cpp, TGI, LM Studio and others.

API reference: https://platform.openai.com/docs/api-reference/chat/create, /completions/create and /models/list there.

Errors are of three kinds. A passing condition (too many requests, restarting, out of reach, no answer in time) is
waited out: as long as `Retry-After` says, otherwise with exponential back-off and jitter. A lasting one (wrong key,
wrong model, no such API) stops the build at the first answer that says so. Anything else fails its row alone.

Not covered: no such API reports the hash of its weights, so the hash that the recipe declares cannot be verified. A
server may also add settings to a request, as vLLM does from a model's generation_config.json. Model names must be
exactly equal, so the server of transformers, which answers a request for NAME from NAME@REVISION, is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from resources.endpoint.answer import without_error
from resources.endpoint.arriving import in_groups
from resources.endpoint.connection import CONNECT_SECONDS, Connection, new_client
from resources.endpoint.errors import Cause, OtherModel, Passing, RowFailed, StillWaiting, Unusable, first_of
from resources.endpoint.members import USE, Member, Members
from resources.endpoint.pace import START, Pace
from resources.endpoint.request import Arrived, Outcome, Request
from resources.endpoint.secret import Secret
from resources.endpoint.settings import Settings

TICK = 0.5
"""Answers are handed over this many seconds after they arrived, at the latest: what a kill can lose (our choice)."""

STRIKES = 3
"""A row has failed after this many broken connections or time-outs, with answers to others before each (our choice)."""

OTHERS = 4
"""After this many answers from another model, and none from the declared one, the endpoint is the wrong one (ours)."""

_BACK_OFF = wait_random_exponential(multiplier=0.5, max=30)


@dataclass
class _Row:
    """A request on its way: when it was first sent, when its last try failed, and how often it failed while others were
    answered."""

    index: int
    began: float
    failed_at: float | None = None
    strikes: int = 0


@dataclass
class Endpoint:
    """The model that is served as `model` at the base URL `base` (such as http://localhost:8000/v1).

    `further` are base URLs that serve the same model. `adapter` is the folder of a LoRA adapter that they are to load
    as `model` where they do not have it. Each gets `start` requests at first. `pausing` says why nothing is answered
    now, "" otherwise.
    """

    base: str
    model: str
    settings: Settings = field(default_factory=Settings)
    further: tuple[str, ...] = ()
    adapter: str = ""
    start: int = START
    pausing: str = ""

    def ask(self, requests: Sequence[Request], doubtful: Collection[int] = ()) -> Iterator[list[Arrived]]:
        """What came of the requests, in groups and in any order, as the answers arrive; a group may be empty.

        A `doubtful` request failed before: so if it fails again, it is the cause.
        Raises Unusable or StillWaiting after the last answer that arrived. If the caller stops, open requests end.
        """
        secret = Secret.from_environment()

        async def run(arrived: Callable[[Arrived], None]) -> None:
            await _Run(self, requests, doubtful, secret, arrived).all()

        yield from in_groups(run, TICK)


class _Run:
    """The requests of one call of `ask`; `arrived` takes what comes of each."""

    def __init__(
        self,
        endpoint: Endpoint,
        requests: Sequence[Request],
        doubtful: Collection[int],
        secret: Secret,
        arrived: Callable[[Arrived], None],
    ) -> None:
        self.endpoint, self.settings, self.secret = endpoint, endpoint.settings, secret
        self.requests, self.doubtful, self.arrived = requests, frozenset(doubtful), arrived
        self.numbers = iter(range(len(requests)))
        self.last_answer = time.monotonic()
        self.left = len(requests)
        self.right_model = False
        self.other_model: list[Arrived] = []
        self.given_up: Passing | None = None

    async def all(self) -> None:
        """Sends all requests. Raises Unusable or StillWaiting."""
        self.over = asyncio.Event()
        bases = [self.endpoint.base, *self.endpoint.further]
        most = self.settings.in_flight * len(bases)
        async with new_client(self.secret, most) as client:
            self.members = [
                Member(
                    Connection(base, client, self.secret, self.settings.answer_bytes),
                    Pace(self.settings.in_flight, self.settings.deadline, self.settings.patience, self.endpoint.start),
                )
                for base in bases
            ]
            await self._check_all()
            self.places = Members(self.members)
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(most, len(self.requests))):
                        group.create_task(self._work())
            except BaseExceptionGroup as errors:
                raise first_of(errors) from None
        self._settle_other_model()
        if self.given_up:
            raise self._waits(self.given_up)

    def _waits(self, error: Passing) -> StillWaiting:
        return StillWaiting(
            f"{self.left} of {len(self.requests)} rows wait: {error}, for more than {self.settings.patience:g} s; what "
            "was answered is kept; build again when the endpoint answers, or raise endpoint.patience"
        )

    async def _check_all(self) -> None:
        """Asks all addresses what they serve. Raises Unusable if none is there; those missing are tried again later."""
        missing = [error for error in await asyncio.gather(*map(self._check, self.members)) if error]
        if len(missing) == len(self.members):
            if busy := next((error for error in missing if _is_listening(error)), None):
                raise self._waits(busy)
            raise Unusable(f"cannot use the endpoint {self.endpoint.base}: {missing[0]}; {USE}")
        self.last_answer = time.monotonic()

    async def _check(self, member: Member) -> Passing | None:
        retrying = AsyncRetrying(
            # A server that starts says so; where nothing answers at all, the address may be wrong.
            retry=retry_if_exception(_is_listening),
            stop=stop_after_delay(self.settings.patience),
            wait=self._pause,
            reraise=True,
        )
        try:
            await retrying(member.check, self.endpoint.model, self.endpoint.adapter)
        except Passing as error:
            member.pace.missed(time.monotonic(), time.monotonic())
            return error
        return None

    async def _work(self) -> None:
        """Takes one request after the other until none is left, or the endpoint is given up."""
        for index in self.numbers:
            if self.given_up:
                return
            await self._answer(index)

    async def _answer(self, index: int) -> None:
        row = _Row(index, time.monotonic())
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Passing),
            stop=lambda state: self._is_over(row, state),
            wait=self._pause,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            answered: tuple[Member, Outcome | RowFailed] = await retrying(self._asked, row)
        except Passing as error:
            if self._is_at_fault(row, error) or await self._is_odd_one_out(error):
                self._hand_over(Arrived(index, RowFailed(str(error)), self.members[0].engine))
            else:
                self.given_up = self.given_up or error
                self.places.close(self.given_up)
                self.over.set()
            return
        member, outcome = answered
        if isinstance(outcome, OtherModel):
            self.other_model.append(Arrived(index, outcome, member.engine))
            if self.right_model or len(self.other_model) >= OTHERS:
                self._settle_other_model()
        else:
            self.right_model |= not isinstance(outcome, RowFailed)
            self._hand_over(Arrived(index, outcome, member.engine))

    def _hand_over(self, arrived: Arrived) -> None:
        self.left -= 1
        self.arrived(arrived)

    async def _asked(self, row: _Row) -> tuple[Member, Outcome | RowFailed]:
        """One try of one request. Raises Passing or Unusable."""
        async with self.places.place() as member:
            try:
                await member.check(self.endpoint.model, self.endpoint.adapter)
                outcome: Outcome | RowFailed = await self._sent(member.connection, self.requests[row.index])
            except RowFailed as error:
                outcome = error
            except Passing as error:
                self.endpoint.pausing = str(error)
                member.doubt(error)
                # A first broken connection may be the start of an outage; a time-out while others are answered is not.
                since = row.began if row.failed_at is None and error.cause is Cause.LATE else row.failed_at
                row.strikes += row.index in self.doubtful or (since is not None and self.last_answer > since)
                row.failed_at = time.monotonic()
                raise
        self.last_answer, self.endpoint.pausing = time.monotonic(), ""
        return member, outcome

    async def _sent(self, connection: Connection, request: Request) -> Outcome:
        path, body = request.path, request.body(self.endpoint.model)
        reply = await connection.ask("POST", path, self.settings.deadline, body)
        try:
            if reply.revealed:
                raise RowFailed("repeated the API key in its answer")
            return request.read(without_error(reply.json), self.endpoint.model)
        except OtherModel as error:
            raise OtherModel(f"{connection.base} {connection.shown(str(error))}") from None
        except RowFailed as error:
            said = f": {connection.shown(reply.text)}" if "not a completion" in str(error) else ""
            raise RowFailed(f"{connection.base}/{path} {connection.shown(str(error))}{said}") from None
        except Passing as error:
            raise Passing(f"{connection.base}/{path} {connection.shown(str(error))}", error.cause) from None

    def _pause(self, state: RetryCallState) -> float:
        """Seconds until the next try: as the endpoint says, otherwise a random time that grows with every try."""
        error = state.outcome.exception() if state.outcome else None
        left = max(0.0, self.last_answer + self.settings.patience - time.monotonic())
        after = error.after if isinstance(error, Passing) else None
        back_off = _BACK_OFF(state)
        # "Retry-After: 0" must not become a loop without a pause.
        return min(left, back_off if after is None else max(after, min(1.0, back_off)))

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds)

    def _is_over(self, row: _Row, state: RetryCallState) -> bool:
        """Whether a row that met a passing condition is not tried again."""
        error = state.outcome.exception() if state.outcome else None
        if self.given_up or (isinstance(error, Passing) and self._is_at_fault(row, error)):
            return True
        return time.monotonic() - self.last_answer >= self.settings.patience

    def _is_at_fault(self, row: _Row, error: Passing) -> bool:
        """Whether the row itself is the cause: it fails again and again, or for long, while others are answered."""
        late = time.monotonic() - row.began >= self.settings.patience
        return error.cause.may_be_the_row and (row.strikes >= STRIKES or (row.strikes > 0 and late))

    async def _is_odd_one_out(self, error: Passing) -> bool:
        """Whether the only row that is left breaks the connection of a server that answers other requests."""
        if self.left > 1 or not error.cause.may_be_the_row:
            return False
        with suppress(Passing, RowFailed):
            await self.members[0].connection.ask("GET", "models", CONNECT_SECONDS)
            return True
        return False

    def _settle_other_model(self) -> None:
        """Fails the rows that another model answered, or raises Unusable if the declared model never answered."""
        first, *_ = [*self.other_model, None]
        doubtful = any(one.index in self.doubtful for one in self.other_model)
        if first and not self.right_model and not (doubtful and len(self.other_model) < OTHERS):
            raise Unusable(
                f"the endpoint {first.outcome}; the answer is not kept; use a server that answers from the declared "
                "model only"
            )
        for one in self.other_model:
            self._hand_over(one)
        self.other_model = []


def _is_listening(error: BaseException) -> bool:
    return isinstance(error, Passing) and error.cause is not Cause.UNREACHABLE
