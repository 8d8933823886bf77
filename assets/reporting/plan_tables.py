"""A plan for the terminal: what fails, what changed, what follows from it, and how many assets stay as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from assets.planning.planned import STATES, Planned
from assets.planning.staleness import NEVER_BUILT
from assets.reporting.layout import LEAST_WIDTH
from warehouse.core.texts import counted, duration, shortened_name
from warehouse.core.visible import visible

STYLES = {
    "fresh": "green", "restore": "cyan", "stale": "yellow", "waiting": "dim", "fails": "bold red", "blocked": "red"
}  # fmt: skip
"""How a state is shown; what it says is in the word."""

STATE, ROWS, CALLS, TIME = 9, 9, 8, 10
"""The characters of each column."""

INDENT = STATE + 2
"""Where reasons begin."""


def plan_lines(
    plan: Sequence[Planned], inputs: Mapping[str, Sequence[str]], width: int, everything: bool = False
) -> Iterator[RenderableType]:
    """A line per asset that is not fresh, and under it why: first what fails, then what changed itself, then the rest.

    `inputs` are the assets that each reads. Fresh assets, and the reasons of those that wait, only with `everything`.
    Where nothing was built yet, one line says so.
    """
    shown = [one for one in plan if everything or one.state != "fresh"]
    if not shown:
        return
    named = max(LEAST_WIDTH, width) - STATE - ROWS - CALLS - TIME
    named = min(named, max(len("asset"), *(len(one.asset) for one in shown)))
    yield Text(f"{'state':<{STATE}}{'asset':<{named}}{'rows':>{ROWS}}{'calls':>{CALLS}}{'time':>{TIME}}", "bold")
    failing = {one.error for one in plan if one.state == "fails"}
    reasons = {one.asset: "; ".join(_because(one, everything, failing)) for one in shown}
    common = set(reasons.values()) == {NEVER_BUILT} and len(shown) > 1
    for one in _ordered(shown, inputs):
        name = visible(shortened_name(one.asset, named))
        line = Text.assemble((f"{one.state:<{STATE}}", STYLES[one.state]), f"{name:<{named}}", _figures(one))
        line.rstrip()
        yield line
        if (because := reasons[one.asset]) and not common:
            # Texts of the recipe may look like markup of rich.
            yield Padding(Text(because), (0, 0, 0, INDENT), expand=False)
    if common:
        yield Text("none of these was ever built")


def _ordered(plan: Sequence[Planned], inputs: Mapping[str, Sequence[str]]) -> list[Planned]:
    """What fails; what changed and reads nothing that did; what follows; what waits, is blocked, or is fresh."""
    moved = {one.asset for one in plan if one.state != "fresh"}

    def place(one: Planned) -> int:
        if one.state in ("stale", "restore"):
            return 2 if moved.intersection(inputs.get(one.asset, ())) else 1
        return {"fails": 0, "waiting": 3, "blocked": 4}.get(one.state, 5)

    return sorted(plan, key=place)


def _figures(one: Planned) -> str:
    if one.error or one.state in ("fresh", "restore"):
        return ""
    rows = _bound(one.most_rows, False) if one.rows is None else str(one.rows)
    calls, time = (_bound(one.calls, one.exact), _time(one)) if one.calls != 0 else ("", "")
    return f"{rows:>{ROWS}}{calls:>{CALLS}}{time:>{TIME}}"


def _because(one: Planned, everything: bool, failing: set[str | None]) -> Iterator[str]:
    if everything or one.state != "waiting":
        yield from one.reasons
    if one.error and (one.state == "fails" or one.error not in failing):
        yield f"a build fails: {one.error}" if one.state == "fails" else one.error
    elif one.same_content and one.state != "fresh":
        yield "its rows do not change"
    if one.from_memo and not one.error:
        yield f"{counted(one.from_memo, 'call')} from the memo"


def plan_summary(plan: Sequence[Planned]) -> str:
    """The plan in one sentence. The calls of an asset that fails do not count."""
    count = Counter(one.state for one in plan)
    assets = counted(len(plan), "asset")
    if count["fresh"] == len(plan):
        return f"{assets}, all fresh: a build has nothing to do"
    parts = [f"{count[state]} {state}" for state in STATES if count[state]]
    text = f"{assets}: {', '.join(parts)}; "
    built = [one for one in plan if not one.error]
    known = [one.calls for one in built if one.calls is not None]
    calls, uncounted = sum(known), len(built) - len(known)
    most = "" if all(one.exact for one in built) else "at most "
    text += f"{most}{counted(calls, 'model call')} to compute" if calls else "no model call to compute"
    if uncounted:
        return f"{text}, apart from those of {counted(uncounted, 'asset')}, which cannot be counted yet"
    measured = [one.seconds for one in built if one.seconds is not None]
    if len(measured) < len(built):
        return f"{text}; how long some of them take is not known yet"
    return f"{text}, {most}{duration(sum(measured))} at the rates measured here" if calls else text


def _bound(number: int | None, exact: bool) -> str:
    if number is None:
        return "?"
    return str(number) if exact else f"≤ {number}"


def _time(one: Planned) -> str:
    if one.seconds is None:
        return "?"
    return ("" if one.exact else "≤ ") + duration(one.seconds)
