"""What a warehouse has, for the terminal: arms by steps, methods by steps, and the rest in a short table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from assets import STAGES
from assets.planning.planned import STATES, State
from assets.reporting.layout import matrix
from assets.steps import names
from warehouse.audit.status import AssetStatus
from warehouse.core.texts import counted, duration

ARM_STEPS = {
    names.enhanced_instructions: "enhanced", names.neighbours: "neighbours", names.diverse_instructions: "diverse",
    names.training_set: "training set", names.quality: "quality", names.student: "student",
}  # fmt: skip
BENCHMARK_STEPS = {names.predictions: "answers", names.scores: "scores", names.verdicts: "verdicts"}
METHOD_STEPS = {
    names.drawn: "drawn", names.raw: "pairs", names.instruction_embeddings: "embeddings",
    names.alignments: "alignments", names.perplexities: "perplexities",
}  # fmt: skip

MARKS: dict[State, tuple[str, str]] = {
    "fresh": ("", ""), "restore": ("*", "yellow"), "stale": ("*", "yellow"), "waiting": ("*", "yellow"),
    "fails": ("!", "red"), "blocked": ("!", "red"),
}  # fmt: skip
"""What follows the count of an asset in this state, and its style."""

ABSENT = "–"
LEGEND = {"*": "not fresh", "!": "fails or is blocked", ABSENT: "not built"}

Found = Mapping[str, AssetStatus]
States = Mapping[str, State]
Place = tuple[str, str]
"""(row, column) of an asset in a matrix."""


def headline(found: Sequence[AssetStatus], states: States, where: str) -> str:
    """What is built, where, and whether it is fresh; `states` is empty where that is not known."""
    built = sum(one.version is not None for one in found)
    text = f"{built} of {counted(len(found), 'asset')} built in {where}"
    count = Counter(states.values())
    if not states or not built:
        return text
    if count["fresh"] == len(found):
        return f"{text}, all fresh"
    return f"{text}: {', '.join(f'{count[state]} {state}' for state in STATES if count[state])}"


def status_tables(
    found: Sequence[AssetStatus], states: States, arms: Sequence[str], benchmarks: Sequence[str], width: int
) -> Iterator[RenderableType]:
    """How many rows each asset keeps: arms by steps, methods by steps, the rest with its last build, and the marks."""
    by_asset = {one.asset: one for one in found}
    placed: set[str] = set()
    for title, place in (("arm", _of_arms(arms, benchmarks)), ("method", _of_methods(by_asset))):
        here = {asset: place[asset] for asset in place if asset in by_asset}
        if here:
            yield Text("")
            yield from _matrix(title, here, by_asset, states, width)
        placed |= here.keys()
    rest = [one for one in found if one.asset not in placed]
    rows = [(one.asset, [_kept(one, states), Text(_dropped(one)), Text(_last_build(one))]) for one in rest]
    yield Text("")
    yield from matrix("asset", ["kept", "dropped", "last build"], rows, width, ["last build"])
    used = [mark for mark in LEGEND if any(_mark(one, states)[0] == mark for one in found)]
    if used:
        yield Text("   ".join(f"{mark} {LEGEND[mark]}" for mark in used), "dim")


def _of_arms(arms: Sequence[str], benchmarks: Sequence[str]) -> dict[str, Place]:
    by_arm = {name(arm): (arm, title) for name, title in ARM_STEPS.items() for arm in arms}
    return by_arm | {
        name(benchmark, arm): (arm, f"{benchmark} {title}")
        for benchmark in benchmarks
        for name, title in BENCHMARK_STEPS.items()
        for arm in arms
    }


def _of_methods(found: Found) -> dict[str, Place]:
    methods = [method for asset in found if (method := names.method_of(asset))]
    return {name(method): (method, title) for name, title in METHOD_STEPS.items() for method in methods}


def _matrix(
    title: str, places: Mapping[str, Place], found: Found, states: States, width: int
) -> Iterator[RenderableType]:
    columns = list(dict.fromkeys(column for _, column in places.values()))
    rows = list(dict.fromkeys(row for row, _ in places.values()))
    cells = {place: _kept(found[asset], states) for asset, place in places.items()}
    yield from matrix(
        title, columns, [(row, [cells.get((row, column), Text("")) for column in columns]) for row in rows], width
    )


def _mark(one: AssetStatus, states: States) -> tuple[str, str]:
    if one.version is None:
        return ABSENT, "dim"
    return MARKS[states.get(one.asset, "fresh")]


def _kept(one: AssetStatus, states: States) -> Text:
    mark, style = _mark(one, states)
    return Text(mark if one.version is None else f"{one.rows.get('kept', 0)}{mark}", style)


def _dropped(one: AssetStatus) -> str:
    return str(sum(count for outcome, count in one.rows.items() if outcome != "kept") or "")


def _last_build(one: AssetStatus) -> str:
    if one.seconds is None:
        return ""
    calls = f", {counted(one.computed, 'call')}" if one.computed else ""
    return f"{one.action} in {duration(one.seconds)}{calls}"


def stages_line(stages: Sequence[str], found: Sequence[AssetStatus]) -> str:
    """The time of the last build of each asset, by stage; `stages` has the stage of each asset in `found`."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for stage, one in zip(stages, found, strict=True):
        seconds[stage] += one.seconds or 0
    return "last builds: " + ", ".join(f"{stage} {duration(seconds[stage])}" for stage in STAGES if stage in seconds)
