"""Small graphs of steps, planned and built without Dagster: what tests of the plan start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from assets.planning.plan import Planned, Planner
from assets.steps.step import Most, Step
from resources.tools.tools import Tools
from resources.tools.workbench import Material, Workbench
from warehouse.results.checks import failed_checks
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Document, Pair
from warehouse.store.memo import Answer, Call, Work
from warehouse.store.versions import Effort, Run

MODEL = "a" * 32


@dataclass
class House:
    """A warehouse with a model that answers in upper case, half a second each, and fails at what it `dislikes`."""

    folder: Path
    retries: int = 2
    dislikes: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        far = Material("source", "far", "pypi:nothing-of-that-name==1.0#rows.jsonl", "1" * 63 + "2", "CC0-1.0")
        gone = Material("source", "gone", "path:gone.jsonl", "1" * 63 + "2", "CC0-1.0")
        self.bench = Workbench(self.folder / "data", self.folder, {}, {"far": far, "gone": gone})

    def planner(self) -> Planner:
        """A planner of what is in the warehouse now."""
        return Planner(self.bench, self.retries)

    def plan(self, *steps: Step, only: set[str] | None = None) -> dict[str, Planned]:
        """The plan by asset."""
        chosen = None if only is None else frozenset(only)
        return {one.asset: one for one in self.planner().plan(steps, chosen)}

    def build(self, *steps: Step) -> dict[str, str]:
        """Builds the steps as Dagster's assets do (see dagster_assets.py); returns what was done, by asset."""
        actions, store = {}, self.bench.store
        for step in steps:
            inputs = {name: store.current(asset) for name, asset in step.inputs.items()}
            frames = {name: store.read(current) for name, current in inputs.items() if current}
            versions = {name: current.data_version for name, current in inputs.items() if current}
            settled = step.settle(versions, self.retries, store.catalog())
            if settled.stored is None:
                result = step.run(Tools(self.bench), frames)
                failed = failed_checks(result.checks, step.blocking)
                store.publish(settled.target, result, {}, Effort(), Run("run"), failed)
            elif settled.stored != store.current(step.asset):
                store.reuse(settled.stored, "restored", Effort(), Run("run"))
            else:
                continue
            actions[step.asset] = "built" if settled.stored is None else "restored"
        return actions

    def answers(
        self, tools: Tools, texts: Sequence[str], lost: Callable[[Call], bool] = lambda call: False
    ) -> list[Answer]:
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
        return tools.memo("duckdb").run(calls, compose, lost=lost)

    def asking(self, asset: str, reads: str, rule: str = "", most: Most | None = None, **more: Any) -> Step:
        """Asks the model about each row, and rejects answers that start with `rule` where there is one."""

        def build(tools: Tools, rows: pl.DataFrame) -> Result:
            gate = Gate(Pair)
            texts = [text_of(row) for row in rows.iter_rows(named=True)]
            for text, answer in zip(texts, self.answers(tools, texts), strict=True):
                decide(gate, text, answer, rule)
            return gate.result()

        recipe = {"models.writer": "writer", f"{asset}.rule": rule}
        return step(asset, build, Pair, {"rows": reads}, recipe, most=most, **more)

    def chained(self, asset: str, reads: str, most: Most | None, refused: str = "none") -> Step:
        """Asks about each row, then about each answer that does not start with `refused`."""

        def build(tools: Tools, rows: pl.DataFrame) -> Result:
            gate = Gate(Pair)
            first = self.answers(tools, [text_of(row) for row in rows.iter_rows(named=True)])
            texts = [f"and {answer.response['text']}" for answer in first]
            texts = [text for text in texts if not text.startswith(f"and {refused}")]
            for text, answer in zip(texts, self.answers(tools, texts), strict=True):
                decide(gate, text, answer)
            return gate.result()

        return step(asset, build, Pair, {"rows": reads}, {"models.writer": "writer"}, most=most)


def step(
    asset: str, build: Callable[..., Result], model: Any, inputs: dict[str, str], recipe: dict[str, Any], **more: Any
) -> Step:
    """A step of no group."""
    return Step(asset, "group", "Of a test.", model, build, recipe, inputs, **more)


def texts(*kept: str, asset: str = "documents") -> Step:
    """A source of documents."""

    def build(tools: Tools) -> Result:
        gate = Gate(Document)
        for text in kept:
            gate.keep(document(text))
        return gate.result()

    return step(asset, build, Document, {}, {f"{asset}.texts": list(kept)})


def fetched(source: str, most: int = 3) -> Step:
    """Documents from a source of the recipe."""

    def build(tools: Tools) -> Result:
        gate = Gate(Document)
        _, path = tools.source_file(source)
        for line in path.read_text().splitlines():
            gate.keep(document(line))
        return gate.result()

    return step("documents", build, Document, {}, {f"sources.{source}": source}, most=Most(rows=most))


def gate(asset: str, *reads: str, model: Any = Document, least: int = 1, **more: Any) -> Step:
    """Lets rows through whose text has `least` characters."""

    def build(tools: Tools, **frames: pl.DataFrame) -> Result:
        out = Gate(model)
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
    """A measure of rows of which each must have two characters; raises `error` else, as where rows stand in."""

    def build(tools: Tools, rows: pl.DataFrame) -> Result:
        out = Gate(Document)
        for row in rows.iter_rows(named=True):
            if len(text_of(row)) != 2:
                raise error
            out.keep(document(text_of(row)))
        return out.result()

    return step(asset, build, Document, {"rows": reads}, {f"{asset}.strict": True}, **more)


def document(text: str) -> dict[str, str]:
    """The row of a document."""
    return {"source": "wiki", "title": "", "text": text}


def text_of(row: dict[str, Any]) -> str:
    """What a document or a pair says."""
    return str(row["text"] if "text" in row else row["response"])


def decide(gate: Gate, text: str, answer: Answer, rule: str = "") -> None:
    """A pair from an answer: failed, rejected by a rule, or kept."""
    row = {"method": "m", "level": "", "instruction": text, "input": ""}
    response = answer.response.get("text", "")
    if answer.error:
        gate.fail(row | {"response": ""}, answer.error)
    elif rule and response.startswith(rule):
        gate.reject(row | {"response": response}, "rule")
    else:
        gate.keep(row | {"response": response})
