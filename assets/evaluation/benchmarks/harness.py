"""One task of lm-evaluation-harness over documents of our own: what it asks of a model, and what it makes of answers.

A task's prompt, choices, filters and metrics are the harness's own (https://github.com/EleutherAI/lm-evaluation-harness,
`lm_eval/tasks/<…>.yaml`); only its data set is replaced, so that nothing is downloaded and every document is a record.

Ours: each document is prepared by itself, with the random numbers of Python seeded by it, so that documents do not
depend on each other, as where a task shuffles the choices; all have the same few-shot examples. Context and
continuation are tokenized apart and no BOS is added, which is the same for a tokenizer that adds none and splits before
white space, as SmolLM2's does. A text without room is refused, not cut off at its left. In chat, white space at the end
of the template is not scored.

Worked example: arc_easy makes of {"question": "What burns?", "choices": {"text": ["Wood", "Ice"], …}, …} the requests
("Question: What burns?\\nAnswer:", " Wood") and ("…", " Ice"); log-likelihoods of -2 and -5 give acc 1 where Wood is
right.
"""

from __future__ import annotations

import json
import logging
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from resources.models.calls import Completion, Prompt, Sampling, TokenLoss
from warehouse.core.errors import UserError

PACKAGE, VERSION = "lm_eval", "0.4.13"
"""Its tasks' texts are part of what is asked: another version is another benchmark."""

SHOTS_SEED = 1234
"""The harness's own seed of few-shot examples."""

_LIMITS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
_DECODING = {"until", "do_sample", "temperature", "top_p", *_LIMITS}


class TaskRefused(UserError, ValueError):
    """A task that cannot be asked as it is meant; the message says why and what would be right."""


class DocumentRefused(ValueError):
    """A document that the task can do nothing with; the message says why."""


class _Greedy:
    """In the place of whether a continuation is the likeliest one, which a loss does not tell: it has no value."""

    def __bool__(self) -> bool:
        raise TaskRefused("the task's process_results asks which continuation is the likeliest, which is not told")

    __int__ = __index__ = __float__ = __bool__


@dataclass(frozen=True)
class Question:
    """What a task asks of a model: the likelihood of `continuation` after the prompt, or where it is None, a text."""

    prompt: Prompt
    continuation: str | None = None


@dataclass
class Asked:
    """One document as the task prepared it, with its questions; `instances` are the harness's own."""

    document: dict[str, Any]
    questions: list[Question]
    instances: list[Any]


@dataclass
class HarnessTask:
    """The task `name` of the harness, with `shots` examples that it brings along, in the model's chat template or bare.

    Raises TaskRefused on creation where the harness is missing, or it has no such task, or one that cannot be asked.
    """

    name: str
    shots: int = 0
    chat: bool = False
    config: dict[str, Any] = field(init=False)
    _task: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.config = deepcopy(_config(self.name))
        if self.shots and not (self.config.get("fewshot_config") or {}).get("samples"):
            raise TaskRefused(
                f"{self.name} brings no examples along, and the documents are those that are scored: set shots to 0"
            )

    def sampling(self, most: int | None) -> Sampling:
        """How the task decodes; `most` tokens in place of as many as it says (256 where it says nothing)."""
        told = self._task.config.generation_kwargs or {}
        if unknown := sorted(key for key in told.keys() - _DECODING if (key, told[key]) != ("num_beams", 1)):
            raise TaskRefused(f"{self.name} decodes with {', '.join(unknown)}, which is not supported here")
        temperature = float(told.get("temperature", 0.0)) if told.get("do_sample", True) else 0.0
        until = told.get("until") or []
        limits = [told[name] for name in _LIMITS if told.get(name) is not None]
        return Sampling(
            max_new_tokens=most or int(next(iter(limits), 256)),
            temperature=temperature,
            top_p=float(told.get("top_p", 1.0)),
            stop=tuple([until] if isinstance(until, str) else until),
        )

    def ask(self, document: Mapping[str, Any], seed: int) -> Asked:
        """The questions about a document as the task's data set has it. Raises DocumentRefused."""
        with _seeded(seed), _guarded():
            task = self._loaded(document)
        # Setting it up has prepared the document too, and drawn for it.
        with _seeded(seed), _guarded():
            task.set_fewshot_seed(SHOTS_SEED)
            task.dataset = _Documents(document)
            prepared = list(task.eval_docs)
            if len(prepared) != 1:
                raise DocumentRefused(f"the task makes {len(prepared)} documents of it")
            chat = {"apply_chat_template": True, "chat_template": _written_down} if self.chat else {}
            context = task.fewshot_context(
                prepared[0], num_fewshot=self.shots, gen_prefix=task.doc_to_prefix(prepared[0]), **chat
            )
            made = task.construct_requests(prepared[0], context, metadata=(self.name, 0, 1), **chat)
            instances = made if isinstance(made, list) else [made]
            return Asked(prepared[0], [self._question(one, seed) for one in instances], instances)

    def values(
        self, asked: Asked, answers: Sequence[TokenLoss | Completion], metrics: Sequence[str], seed: int
    ) -> dict[str, float]:
        """Each metric of a document, given the answers to its questions. Raises DocumentRefused."""
        found = {}
        with _seeded(seed), _guarded():
            for instance, answer in zip(asked.instances, answers, strict=True):
                instance.resps = [_response(answer, self._task)]
            for ensemble in self._task._filters:
                ensemble.apply(asked.instances)
            for metric in metrics:
                name, chosen = self._filtered(metric)
                results = [one.filtered_resps[chosen] for one in asked.instances]
                found[metric] = self._task.process_results(asked.document, results).get(name)
        wrong = {name: value for name, value in found.items() if not _is_number(value)}
        if wrong:
            raise DocumentRefused(f"no number: {wrong}")
        return {name: float(value) for name, value in found.items()}

    def check(self, metrics: Sequence[str], lower: Sequence[str]) -> None:
        """Raises TaskRefused where a metric is none of the task's, has another direction (of those in `lower` less is
        better), is no mean over documents, or needs what a loss does not tell."""
        from lm_eval.api.registry import get_aggregation

        means = [get_aggregation("mean"), get_aggregation("nanmean")]
        for metric in metrics:
            name, _ = self._filtered(metric)
            if self._task.aggregation()[name] not in means:
                raise TaskRefused(f"{self.name} does not take the mean of {name!r} over documents, as a score here is")
            if self._task.higher_is_better()[name] == (metric in lower):
                raise TaskRefused(
                    f"of {name!r} of {self.name} "
                    + ("less is better: name it in lower" if metric not in lower else "more is better: lower names it")
                )
            kind = (self._task.OUTPUT_TYPE, name)
            if kind in {("loglikelihood", "acc"), ("multiple_choice", "exact_match")}:
                raise TaskRefused(
                    f"{name!r} of {self.name} asks which continuation is the likeliest, which is not told"
                )

    @property
    def ready(self) -> bool:
        """Whether a document was met that the task could be set up with."""
        return self._task is not None

    def _filtered(self, metric: str) -> tuple[str, str]:
        """(metric, filter) of "exact_match,strict-match"; a task with one filter needs not name it."""
        name, _, chosen = metric.partition(",")
        names, filters = list(self._task.aggregation()), [one.name for one in self._task._filters]
        if name not in names or (chosen not in filters if chosen else len(filters) > 1):
            known = names if len(filters) == 1 else [f"{one},{each}" for one in names for each in filters]
            raise TaskRefused(f"{self.name} has no metric {metric!r}; it has {', '.join(map(repr, known))}")
        return name, chosen or filters[0]

    def _loaded(self, document: Mapping[str, Any]) -> Any:
        if self._task is None:
            from lm_eval.api.task import ConfigurableTask

            config = {key: value for key, value in self.config.items() if key not in ("tag", "group", "task_list")}
            documents = _Documents(document)
            config |= {"custom_dataset": lambda **_: documents, "num_fewshot": self.shots}
            self._task = ConfigurableTask(config=config)
        return self._task

    def _question(self, instance: Any, seed: int) -> Question:
        context, rest = instance.args[0], instance.args[1]
        if instance.request_type == "generate_until":
            return Question(self._prompt(context, seed))
        # The harness tokenizes white space at the end of a context with what follows it.
        bare = context if self.chat else context.rstrip()
        return Question(self._prompt(bare, seed), context[len(bare) :] + rest)

    def _prompt(self, context: str, seed: int) -> Prompt:
        if not self.chat or not context:
            return Prompt(text=context, seed=seed)
        return Prompt(messages=tuple((one["role"], one["content"]) for one in json.loads(context)), seed=seed)


class _Documents(dict[str, Any]):
    """One document as a data set that has it in whatever split it is asked for."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        from datasets import Dataset

        super().__init__()
        self._rows = Dataset.from_list([dict(document)])

    def __missing__(self, split: str) -> Any:
        return self._rows


@cache
def _config(name: str) -> dict[str, Any]:
    """The task's configuration as the harness reads it. Raises TaskRefused."""
    try:
        installed = version(PACKAGE)
    except PackageNotFoundError:
        installed = "nothing"
    if installed != VERSION:
        raise TaskRefused(f"lm_eval needs {PACKAGE} {VERSION}, found {installed}: pip install 'slingshot[lm_eval]'")
    import lm_eval.tasks
    from lm_eval.tasks._yaml_loader import load_yaml

    logging.getLogger(PACKAGE).setLevel(logging.ERROR)  # that a data set is replaced is meant
    # To list all of its 13,000 tasks takes the harness ten seconds.
    line = re.compile(rf"^(['\"]?)task\1\s*:\s*(['\"]?){re.escape(name)}\2\s*(?:#.*)?$", re.MULTILINE)
    folder = Path(lm_eval.tasks.__file__).parent
    paths = [path for path in sorted(folder.rglob("*.yaml")) if line.search(path.read_text(encoding="utf-8"))]
    if not paths:
        raise TaskRefused(f"lm_eval has no task {name!r} (a group of tasks is none): see `lm_eval ls subtasks`")
    config: dict[str, Any] = load_yaml(paths[0], resolve_func=False)
    refused = {
        "it is a group of tasks": "group" in config,
        "it is a class, not a configuration": "class" in config,
        "it runs code that a model wrote": config.get("unsafe_code"),
        "it shows pictures or sound": config.get("doc_to_image") or config.get("doc_to_audio"),
        "its metrics are weighted by length": config.get("output_type") == "loglikelihood_rolling",
        "it asks several times": config.get("repeats", 1) != 1,
    }
    if why := [reason for reason, holds in refused.items() if holds]:
        raise TaskRefused(f"{name} of lm_eval is not supported: {why[0]}")
    with _guarded():
        return dict(load_yaml(paths[0], resolve_func=True))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


@contextmanager
def _guarded() -> Iterator[None]:
    """What a task raises about a document is a fault of the document, but for what it misses itself."""
    try:
        yield
    except (UserError, DocumentRefused):
        raise
    except (ImportError, OSError) as error:
        raise TaskRefused(f"lm_eval misses something for the task: {type(error).__name__}: {error}") from error
    except Exception as error:
        raise DocumentRefused(f"the task cannot read it: {type(error).__name__}: {error}") from error


def _written_down(messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
    if not add_generation_prompt:
        raise TaskRefused("the task begins the answer itself, which is not supported in chat: set chat to false")
    return json.dumps(list(messages))


def _response(answer: TokenLoss | Completion, task: Any) -> Any:
    if isinstance(answer, Completion):
        return answer.text
    # The harness's own metrics that need it are refused by name.
    told = _Greedy() if callable(task.config.process_results) else False
    return -answer.mean * answer.tokens, told


def _is_number(value: object) -> bool:
    return isinstance(value, Real | np.bool_)
