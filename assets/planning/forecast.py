"""What building a stale asset would cost, found without computing a model call.

The step is run on known rows, with tools that compute nothing (see resources/tools/forecast.py). If all its model calls
are stored, its rows are known exactly, and so is what follows from them. Otherwise placeholder rows take the place of
unknown ones, and assets downstream are bounded from above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import polars as pl

from assets.planning.placeholders import all_decided_rows, placeholders
from assets.planning.planned import Certainty, Planned, least_certain
from assets.steps.step import Most, Rounds, Step
from resources.tools.forecast import ForecastTools, NotFetched, TakesLong
from resources.tools.workbench import Workbench
from warehouse.core.errors import UserError
from warehouse.lineage.withdrawals import UsesWithdrawn
from warehouse.results.checks import blocked_message, failed_checks
from warehouse.results.result import Result
from warehouse.results.shortage import Loss, TooFewRows, losses_of
from warehouse.results.validation import validated
from warehouse.schema.records import KIND_OF, Checkpoint, empty
from warehouse.store.rates import Rates, measured_rates


@dataclass(frozen=True)
class View:
    """An asset as a build would leave it.

    If it is KNOWN, `make` gives its rows and `data_version` is set. If it is COUNTED, `make` gives a row for each that
    there may be, real or placeholder. If it is BOUNDED, the rows are placeholders, as many as there may be at most. If
    it is UNBOUNDED, there are none. `losses` gives the rows that the asset and those before it do not keep, as far as
    they are known.
    """

    kind: str
    make: Callable[[], pl.DataFrame]
    certainty: Certainty
    data_version: str | None = None
    losses: Callable[[], list[Loss]] = list

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The rows."""
        return self.make()


@dataclass(frozen=True)
class Forecast:
    """What a build of a stale asset would cost, and the asset after it; `fault` blocks every asset downstream."""

    planned: Planned
    view: View
    fault: str | None = None


@dataclass
class Forecaster:
    """Forecasts the steps of a graph, one at a time."""

    bench: Workbench

    @cached_property
    def rates(self) -> Rates:
        """How long model calls have taken."""
        return measured_rates(self.bench.database)

    def forecast(self, step: Step, inputs: Mapping[str, View], current: str | None) -> Forecast:
        """As `_forecast`, with what is removed before the step where the step's own losses are not known."""
        found = self._forecast(step, inputs, current)
        if found.view.losses is not list:
            return found
        same_kind = [view for view in inputs.values() if view.kind == found.view.kind]
        return replace(found, view=replace(found.view, losses=lambda: _inherited(same_kind)))

    def _forecast(self, step: Step, inputs: Mapping[str, View], current: str | None) -> Forecast:
        """The cost of a step whose version is not stored; `current` is the data version of the current one.

        Raises what the step raises, unless it is an error that the user can fix or one that placeholder rows may cause.
        """
        by_row = step.most is not None and step.most.by_row
        tools, kind = ForecastTools(self.bench, by_row=by_row), KIND_OF[step.model]
        certainty = least_certain(view.certainty for view in inputs.values())
        known = certainty is Certainty.KNOWN

        def bounds() -> Forecast:
            if step.rounds:
                return self._from_rounds(step, step.rounds, inputs)
            return _one_each(step, inputs) if step.one_each else self._from_bounds(step, tools, known)

        same_kind = [view for view in inputs.values() if view.kind == kind]
        try:
            tools.refuse_withdrawn(step.slice)
        except UsesWithdrawn as error:
            return _failing(step, str(error), tools)
        if step.rounds and not known:
            return bounds()
        if certainty is Certainty.UNBOUNDED and not step.most:
            return unbounded(step)
        if not known and (few := _too_few(step, same_kind)):
            return _lacking(step, few, same_kind, tools)
        if _only_placeholders(certainty) and step.most and not _countable(step.most, inputs.values()):
            return bounds()
        if not known and same_kind and not step.calls_model:
            # A gate keeps at most what comes in. What it would decide about placeholder rows means nothing.
            frame = pl.concat([view.frame for view in same_kind])
            if step.most:
                frame = frame.head(step.most.rows)
            planned = Planned(step.asset, "stale", certainty=Certainty.BOUNDED, most_rows=len(frame))
            return Forecast(planned, _counted(kind, frame, certainty))
        if not known and step.one_each:
            return bounds()
        try:
            result = step.run(tools, {name: view.frame for name, view in inputs.items()})
            if known and not tools.missing.calls:
                result = validated(result)
        except (NotFetched, TakesLong) as error:
            found = bounds()
            return replace(found, planned=replace(found.planned, reasons=(str(error),)))
        except Exception as error:
            # A build would fail in the same way, unless the step only fails on placeholder rows.
            if tools.missing.calls or not known:
                return bounds()
            if isinstance(error, TooFewRows):
                return _lacking(step, error, same_kind, tools)
            if not isinstance(error, UserError):
                raise
            return _failing(step, str(error), tools)
        if tools.missing.chained or (step.rounds and tools.missing.calls):
            found, missing = bounds(), tools.missing.calls.values()
            if not (by_row and known):
                return found
            seconds = self.rates.estimate(missing)
            return replace(found, planned=replace(found.planned, calls=len(missing), seconds=seconds))
        if tools.missing.calls or not known:
            return self._from_run(step, result, tools, certainty)
        failed = failed_checks(result.checks, step.blocking)
        fault = blocked_message(step.asset, failed) if failed else None
        planned = Planned(
            step.asset,
            "stale",
            rows=result.rows,
            from_memo=tools.meter.from_memo,
            same_content=result.data_version == current,
            error=fault,
        )
        view = View(
            kind,
            lambda: result.kept,
            Certainty.KNOWN,
            result.data_version,
            lambda: [*losses_of(result.counts(), step.remedies), *_inherited(same_kind)],
        )
        return Forecast(planned, view, fault)

    def _from_run(self, step: Step, result: Result, tools: ForecastTools, certainty: Certainty) -> Forecast:
        """From a run on placeholder rows or with missing answers; `certainty` is that of the inputs."""
        missing, frame, exact = tools.missing.calls, all_decided_rows(result), certainty is Certainty.KNOWN
        planned = Planned(
            step.asset,
            "stale",
            certainty=Certainty.COUNTED if exact else Certainty.BOUNDED,
            rows=len(frame) if exact else None,
            most_rows=len(frame),
            calls=len(missing),
            from_memo=tools.meter.from_memo,
            seconds=self.rates.estimate(missing.values()),
        )
        return Forecast(planned, _counted(KIND_OF[step.model], frame, certainty))

    def _from_rounds(self, step: Step, rounds: Rounds, inputs: Mapping[str, View]) -> Forecast:
        """From forecasts of the steps that its rounds build, as if all that may be drawn were drawn."""
        views = {step.inputs[name]: view for name, view in inputs.items()}
        views |= {asset: _first(views[supply], most) for asset, (supply, most) in rounds.most.items()}
        found: list[Planned] = []
        for one in rounds.inner:
            forecast = self.forecast(one, {name: views[asset] for name, asset in one.inputs.items()}, None)
            views[one.asset] = forecast.view
            found.append(_repeated(forecast.planned, rounds.times if one.asset in rounds.renewed else 1))
        calls, seconds = [one.calls for one in found], [one.seconds for one in found]
        planned = Planned(
            step.asset,
            "stale",
            certainty=Certainty.BOUNDED,
            most_rows=len(views[step.asset].frame),
            calls=None if None in calls else sum(filter(None, calls)),
            from_memo=sum(one.from_memo for one in found),
            seconds=None if None in seconds else sum(filter(None, seconds)),
            inner=tuple(found),
        )
        return Forecast(planned, views[step.asset])

    def _from_bounds(self, step: Step, tools: ForecastTools, known: bool) -> Forecast:
        """From the bounds that the step declares, because its calls cannot be counted; UNBOUNDED if it declares none.

        Calls found in the memo are subtracted only if the inputs are `known`: with others, the step may ask for others.
        """
        most, missing = step.most, tools.missing.calls
        if most is None:
            return unbounded(step)
        from_memo = tools.meter.from_memo if known else 0
        calls = None if most.calls is None else most.calls - from_memo
        seconds = 0.0 if calls == 0 else None
        if calls is not None and missing and (measured := self.rates.estimate(missing.values())) is not None:
            seconds = measured / len(missing) * calls
        planned = Planned(
            step.asset,
            "stale",
            certainty=Certainty.BOUNDED,
            most_rows=most.rows,
            calls=calls,
            from_memo=from_memo,
            seconds=seconds,
        )
        return Forecast(
            planned, View(KIND_OF[step.model], lambda: placeholders(step.model, most.rows), Certainty.BOUNDED)
        )


def _one_each(step: Step, inputs: Mapping[str, View]) -> Forecast:
    """A step without model calls that makes one row for each that comes in."""
    rows = sum(len(view.frame) for view in inputs.values())
    planned = Planned(step.asset, "stale", certainty=Certainty.BOUNDED, most_rows=rows)
    return Forecast(planned, View(KIND_OF[step.model], lambda: placeholders(step.model, rows), Certainty.BOUNDED))


def _repeated(one: Planned, times: int) -> Planned:
    """The cost of building an asset several times, each time with other calls."""
    return replace(
        one,
        calls=None if one.calls is None else one.calls * times,
        seconds=None if one.seconds is None else one.seconds * times,
    )


def _first(view: View, rows: int) -> View:
    """At most the first `rows` rows of a view."""
    worst = least_certain([view.certainty, Certainty.BOUNDED])
    return View(view.kind, lambda: view.frame.head(rows), worst, losses=view.losses)


def unbounded(step: Step) -> Forecast:
    """A step about which nothing is known, except whether it calls a model."""
    view = View(KIND_OF[step.model], lambda: empty(step.model), Certainty.UNBOUNDED)
    planned = Planned(step.asset, "stale", certainty=Certainty.UNBOUNDED)
    return Forecast(replace(planned, calls=None, seconds=None) if step.calls_model else planned, view)


def _failing(step: Step, message: str, tools: ForecastTools) -> Forecast:
    """A step whose build is known to fail. It makes no row, so assets downstream add no cost."""
    view = View(KIND_OF[step.model], lambda: empty(step.model), Certainty.BOUNDED)
    return Forecast(Planned(step.asset, "stale", from_memo=tools.meter.from_memo, error=message), view)


def _lacking(step: Step, few: TooFewRows, same_kind: Sequence[View], tools: ForecastTools) -> Forecast:
    """A step that has too few rows, with what removed the others on the way."""
    found = few.with_losses(_inherited(same_kind))
    failing = _failing(step, str(found), tools)
    return replace(failing, planned=replace(failing.planned, losses=found.losses))


def _inherited(same_kind: Sequence[View]) -> list[Loss]:
    return [loss for view in same_kind for loss in view.losses()]


def _too_few(step: Step, same_kind: Sequence[View]) -> TooFewRows | None:
    """The error that a gate fails with if it needs more rows than may come in."""
    if step.too_few is None or not same_kind or any(view.certainty is Certainty.UNBOUNDED for view in same_kind):
        return None
    return step.too_few(sum(len(view.frame) for view in same_kind))


def _counted(kind: str, frame: pl.DataFrame, certainty: Certainty) -> View:
    """The rows of a run on inputs of `certainty`: COUNTED at best, and BOUNDED if the inputs were not counted."""
    return View(kind, lambda: frame, Certainty.BOUNDED if _only_placeholders(certainty) else Certainty.COUNTED)


def _only_placeholders(certainty: Certainty) -> bool:
    """Whether the rows are only placeholders, so that their ids and texts mean nothing."""
    return certainty in (Certainty.BOUNDED, Certainty.UNBOUNDED)


def _countable(most: Most, views: Iterable[View]) -> bool:
    """Whether running the step counts calls that `most` does not bound: a placeholder may be a model, but no text."""
    return most.calls is None and not any(
        _only_placeholders(view.certainty) for view in views if view.kind != KIND_OF[Checkpoint]
    )
