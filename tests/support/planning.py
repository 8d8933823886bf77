"""Small graphs of steps for tests of the plan, planned and built without Dagster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from assets.building.materialize import materialize, publish
from assets.openness.rules import Terms
from assets.planning.plan import Planner
from assets.planning.planned import Planned
from assets.steps.step import Most, Step
from resources.tools.tools import Tools
from resources.tools.workbench import Workbench
from warehouse.lineage.material import Material
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Document, Pair
from warehouse.store.calls import Answer, Call, Void, Work
from warehouse.store.materials import DESCRIPTION, record_materials

MODEL = "a" * 32
SOURCE = "5" * 32
TERMS = Terms(("MIT",))
DESCRIBED = pl.DataFrame(
    [
        (SOURCE, "source", "wiki", "path:wiki.jsonl", "a" * 64, "MIT", "human", "[]"),
        (MODEL, "model", "writer", "path:writer", "b" * 64, "MIT", "human", "[]"),
    ],
    schema=dict.fromkeys(DESCRIPTION, pl.String),
    orient="row",
)
"""The model and the source of the tests, both open under TERMS."""


@dataclass
class House:
    """A warehouse with a fake model that answers in upper case, in half a second, and fails at texts in `dislikes`."""

    folder: Path
    retries: int = 2
    dislikes: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        unknown = "1" * 63 + "2"
        far = Material("source", "far", "CC0-1.0", address="pypi:nothing-of-that-name==1.0#rows.jsonl", sha256=unknown)
        gone = Material("source", "gone", "CC0-1.0", address="path:gone.jsonl", sha256=unknown)
        self.bench = Workbench(self.folder / "data", self.folder, {}, {"far": far, "gone": gone})

    def planner(self) -> Planner:
        """A planner for the present state of the warehouse."""
        return Planner(self.bench, self.retries)

    def plan(self, *steps: Step, only: set[str] | None = None) -> dict[str, Planned]:
        """The plan by asset."""
        chosen = None if only is None else frozenset(only)
        return {one.asset: one for one in self.planner().plan(steps, chosen)}

    def build(self, *steps: Step) -> dict[str, str]:
        """Builds what is not current, without Dagster; returns what was done, by asset."""
        actions, store = {}, self.bench.store
        record_materials(self.bench.database, DESCRIBED)
        for step in steps:
            publication = materialize(step, Tools(self.bench), self.retries, TERMS)
            if publication.action != "unchanged":
                publish(store, publication, "run")
                actions[step.asset] = publication.action
        return actions

    def answers(self, tools: Tools, texts: Sequence[str], void: Void = lambda call, answer: False) -> list[Answer]:
        """The model's answers to texts."""

        def work(batch: list[Call]) -> list[Answer]:
            asked = [call.request["text"] for call in batch]
            if self.dislikes.intersection(asked):
                raise RuntimeError("out of memory")
            self.asked.extend(asked)
            return [Answer({"text": text.upper()}, 1, 0.5) for text in asked]

        def compose(missing: list[Call]) -> Iterator[tuple[list[Call], Work]]:
            yield missing, work

        calls = [Call("completion", MODEL, {"text": text}) for text in texts]
        return tools.memo("duckdb").run(calls, compose, void=void)

    def asking(self, asset: str, reads: str, rule: str = "", most: Most | None = None, **more: Any) -> Step:
        """Asks the model about each row, and rejects answers that start with `rule` unless it is empty."""

        def build(tools: Tools, rows: pl.DataFrame) -> Result:
            gate = Gate(Pair, len(rows))
            texts = [text_of(row) for row in rows.iter_rows(named=True)]
            for text, answer, row in zip(texts, self.answers(tools, texts), rows["id"], strict=True):
                decide(gate, text, answer, row, rule)
            return gate.result()

        recipe = {"models.writer": "writer", f"{asset}.rule": rule}
        return step(asset, build, Pair, {"rows": reads}, recipe, most=most, **more)

    def chained(self, asset: str, reads: str, most: Most | None, refused: str = "none") -> Step:
        """Asks about each row, then about each answer that does not start with `refused`."""

        def build(tools: Tools, rows: pl.DataFrame) -> Result:
            first = self.answers(tools, [text_of(row) for row in rows.iter_rows(named=True)])
            asked = {row: f"and {answer.response['text']}" for row, answer in zip(rows["id"], first, strict=True)}
            asked = {row: text for row, text in asked.items() if not text.startswith(f"and {refused}")}
            gate, answers = Gate(Pair, len(asked)), self.answers(tools, list(asked.values()))
            for (row, text), answer in zip(asked.items(), answers, strict=True):
                decide(gate, text, answer, row)
            return gate.result()

        return step(asset, build, Pair, {"rows": reads}, {"models.writer": "writer"}, most=most)


def step(
    asset: str, build: Callable[..., Result], model: Any, inputs: dict[str, str], recipe: dict[str, Any], **more: Any
) -> Step:
    """A step of a stage that does not exist."""
    return Step(asset, "group", "Of a test.", model, build, recipe, inputs, **more)


def texts(*kept: str, asset: str = "documents") -> Step:
    """A source of documents."""

    def build(tools: Tools) -> Result:
        gate = Gate(Document, len(kept))
        for text in kept:
            gate.keep(document(text), [(SOURCE, "source")])
        return gate.result()

    return step(asset, build, Document, {}, {f"{asset}.texts": list(kept)})


def fetched(source: str, most: int = 3) -> Step:
    """Documents from a source of the recipe."""

    def build(tools: Tools) -> Result:
        _, path = tools.source_file(source)
        lines = path.read_text().splitlines()
        gate = Gate(Document, len(lines))
        for line in lines:
            gate.keep(document(line), [(SOURCE, "source")])
        return gate.result()

    return step("documents", build, Document, {}, {f"sources.{source}": source}, most=Most(rows=most))


def gate(asset: str, *reads: str, model: Any = Document, least: int = 1, **more: Any) -> Step:
    """Keeps the rows whose text has at least `least` characters."""

    def build(tools: Tools, **frames: pl.DataFrame) -> Result:
        out = Gate(model, sum(map(len, frames.values())))
        for frame in frames.values():
            for row in frame.iter_rows(named=True):
                if len(text_of(row)) >= least:
                    out.keep(row)
                else:
                    out.reject(row, "too short")
        return out.result()

    inputs = {f"from_{index}": name for index, name in enumerate(reads)}
    return step(asset, build, model, inputs, {f"{asset}.least": least}, **more)


def strict(asset: str, reads: str, error: Exception, **more: Any) -> Step:
    """Raises `error` unless the text of each row has two characters, which that of a placeholder row has not."""

    def build(tools: Tools, rows: pl.DataFrame) -> Result:
        out = Gate(Document, len(rows))
        for row in rows.iter_rows(named=True):
            if len(text_of(row)) != 2:
                raise error
            out.keep(document(text_of(row)), [(row["id"], "document")])
        return out.result()

    return step(asset, build, Document, {"rows": reads}, {f"{asset}.strict": True}, **more)


def document(text: str) -> dict[str, str]:
    """The row of a document."""
    return {"source": "wiki", "title": "", "text": text}


def text_of(row: dict[str, Any]) -> str:
    """The text of a document, or the response of a pair."""
    return str(row["text"] if "text" in row else row["response"])


def decide(gate: Gate, text: str, answer: Answer, parent: str, rule: str = "") -> None:
    """Decides about the pair that an answer makes: failed, rejected if it starts with `rule`, or kept."""
    row = {"method": "m", "level": "", "instruction": text, "input": ""}
    response, parents = answer.response.get("text", ""), [(parent, "asked")]
    if answer.error:
        gate.fail(row | {"response": ""}, answer.error, parents)
    elif rule and response.startswith(rule):
        gate.reject(row | {"response": response}, "rule", parents)
    else:
        gate.keep(row | {"response": response}, parents)
