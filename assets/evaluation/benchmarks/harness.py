"""One task of lm-evaluation-harness on our documents: its questions to a model, and the scores of the answers.

The prompt, choices, filters and metrics of a task come from the harness
(https://github.com/EleutherAI/lm-evaluation-harness, `lm_eval/tasks/<…>.yaml`). Only its data set is replaced, so that
nothing is downloaded and every document is a record.

Our changes: each document is prepared separately, with Python's random numbers seeded for it, so that documents do not
depend on each other (for example if a task shuffles the choices). All documents have the same few-shot examples.
Context and continuation are tokenized separately and no BOS is added; this makes no difference for a tokenizer that
adds no BOS and splits before white space, such as SmolLM2's. A text that is too long is refused, not truncated on the
left. In chat, white space at the end of the template is not scored.

Worked example: from {"question": "What burns?", "choices": {"text": ["Wood", "Ice"], …}, …} arc_easy makes the requests
("Question: What burns?\\nAnswer:", " Wood") and ("…", " Ice"). Log-likelihoods -2 and -5 give acc 1 for Wood.
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
"""The version is fixed because the harness contains the prompts: another version is another benchmark."""

SHOTS_SEED = 1234
"""The harness's default seed for few-shot examples."""

_LIMITS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
_DECODING = {"until", "do_sample", "temperature", "top_p", *_LIMITS}


class TaskRefused(UserError, ValueError):
    """The task cannot be run as intended; the message says why and how to correct it."""


class DocumentRefused(ValueError):
    """The task cannot use the document; the message says why."""


class _Greedy:
    """Replaces the flag "is the likeliest continuation", which a loss does not show. Reading its value raises."""

    def __bool__(self) -> bool:
        raise TaskRefused("process_results asks which continuation is the likeliest, which losses do not show")

    __int__ = __index__ = __float__ = __bool__


@dataclass(frozen=True)
class Question:
    """A question to a model: the likelihood of `continuation` after the prompt, or a text if `continuation` is None."""

    prompt: Prompt
    continuation: str | None = None


@dataclass
class Asked:
    """A document prepared by the task, with its questions. `instances` are objects of the harness."""

    document: dict[str, Any]
    questions: list[Question]
    instances: list[Any]


@dataclass
class HarnessTask:
    """The task `name` of the harness with `shots` of its own examples, as plain text or in the model's chat template.

    Raises TaskRefused on creation if the harness is missing, has no such task, or the task is not supported.
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
                f"{self.name} has no examples of its own, and scored documents cannot be examples: set shots to 0"
            )

    def sampling(self, most: int | None) -> Sampling:
        """The decoding settings of the task. `most` replaces its token limit, which is 256 if the task sets none."""
        settings = self._task.config.generation_kwargs or {}
        if unknown := sorted(key for key in settings.keys() - _DECODING if (key, settings[key]) != ("num_beams", 1)):
            raise TaskRefused(f"{self.name} decodes with {', '.join(unknown)}, which is not supported here")
        temperature = float(settings.get("temperature", 0.0)) if settings.get("do_sample", True) else 0.0
        until = settings.get("until") or []
        limits = [settings[name] for name in _LIMITS if settings.get(name) is not None]
        return Sampling(
            max_new_tokens=most or int(next(iter(limits), 256)),
            temperature=temperature,
            top_p=float(settings.get("top_p", 1.0)),
            stop=tuple([until] if isinstance(until, str) else until),
        )

    def ask(self, document: Mapping[str, Any], seed: int) -> Asked:
        """The questions about a document, which has the format of the task's data set. Raises DocumentRefused."""
        with _seeded(seed), _guarded():
            task = self._loaded(document)
        # Setting up the task also prepares the document, which uses random numbers: seed again.
        with _seeded(seed), _guarded():
            task.set_fewshot_seed(SHOTS_SEED)
            task.dataset = _Documents(document)
            prepared = list(task.eval_docs)
            if len(prepared) != 1:
                raise DocumentRefused(f"the task turns it into {len(prepared)} documents")
            chat = {"apply_chat_template": True, "chat_template": _messages_as_json} if self.chat else {}
            context = task.fewshot_context(
                prepared[0], num_fewshot=self.shots, gen_prefix=task.doc_to_prefix(prepared[0]), **chat
            )
            made = task.construct_requests(prepared[0], context, metadata=(self.name, 0, 1), **chat)
            instances = made if isinstance(made, list) else [made]
            return Asked(prepared[0], [self._question(one, seed) for one in instances], instances)

    def values(
        self, asked: Asked, answers: Sequence[TokenLoss | Completion], metrics: Sequence[str], seed: int
    ) -> dict[str, float]:
        """The value of each metric for a document, from the answers to its questions. Raises DocumentRefused."""
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
            raise DocumentRefused(f"not a number: {wrong}")
        return {name: float(value) for name, value in found.items()}

    def check(self, metrics: Sequence[str], lower: Sequence[str]) -> None:
        """Check that scores have the published meaning. For metrics in `lower`, lower values are better.

        Raises TaskRefused if the task lacks a metric, a metric has the other direction or is not a mean over documents,
        or it needs to know the likeliest continuation, which losses do not show."""
        from lm_eval.api.registry import get_aggregation

        means = [get_aggregation("mean"), get_aggregation("nanmean")]
        for metric in metrics:
            name, _ = self._filtered(metric)
            if self._task.aggregation()[name] not in means:
                raise TaskRefused(f"{self.name} does not average {name!r} over documents, as scores require")
            if self._task.higher_is_better()[name] == (metric in lower):
                advice = "higher is better: remove it from" if metric in lower else "lower is better: add it to"
                raise TaskRefused(f"for {name!r} of {self.name} {advice} lower")
            kind = (self._task.OUTPUT_TYPE, name)
            if kind in {("loglikelihood", "acc"), ("multiple_choice", "exact_match")}:
                raise TaskRefused(
                    f"{name!r} of {self.name} asks which continuation is the likeliest, which losses do not show"
                )

    @property
    def ready(self) -> bool:
        """Whether a document has been read, which is needed to set up the task."""
        return self._task is not None

    def _filtered(self, metric: str) -> tuple[str, str]:
        """Split "exact_match,strict-match" into (metric, filter); the filter is optional if the task has only one."""
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
        # The harness tokenizes white space at the end of a context together with the continuation.
        bare = context if self.chat else context.rstrip()
        return Question(self._prompt(bare, seed), context[len(bare) :] + rest)

    def _prompt(self, context: str, seed: int) -> Prompt:
        if not self.chat or not context:
            return Prompt(text=context, seed=seed)
        return Prompt(messages=tuple((one["role"], one["content"]) for one in json.loads(context)), seed=seed)


class _Documents(dict[str, Any]):
    """A data set that contains one document in every split."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        from datasets import Dataset

        super().__init__()
        self._rows = Dataset.from_list([dict(document)])

    def __missing__(self, split: str) -> Any:
        return self._rows


@cache
def _config(name: str) -> dict[str, Any]:
    """The task's configuration, read by the harness. Raises TaskRefused."""
    try:
        installed = version(PACKAGE)
    except PackageNotFoundError:
        installed = "nothing"
    if installed != VERSION:
        raise TaskRefused(f"lm_eval needs {PACKAGE} {VERSION}, found {installed}: pip install 'slingshot[lm_eval]'")
    import lm_eval.tasks
    from lm_eval.tasks._yaml_loader import load_yaml

    logging.getLogger(PACKAGE).setLevel(logging.ERROR)  # it warns that the data set is replaced, which is intended
    # The harness takes ten seconds to list its 13,000 tasks, so search its files instead.
    line = re.compile(rf"^(['\"]?)task\1\s*:\s*(['\"]?){re.escape(name)}\2\s*(?:#.*)?$", re.MULTILINE)
    folder = Path(lm_eval.tasks.__file__).parent
    paths = [path for path in sorted(folder.rglob("*.yaml")) if line.search(path.read_text(encoding="utf-8"))]
    if not paths:
        raise TaskRefused(f"lm_eval has no task {name!r} (groups are not supported): see `lm_eval ls subtasks`")
    config: dict[str, Any] = load_yaml(paths[0], resolve_func=False)
    refused = {
        "it is a group of tasks": "group" in config,
        "it is a class, not a configuration": "class" in config,
        "it runs code that a model wrote": config.get("unsafe_code"),
        "it uses pictures or sound": config.get("doc_to_image") or config.get("doc_to_audio"),
        "its metrics are weighted by length": config.get("output_type") == "loglikelihood_rolling",
        "it repeats its questions": config.get("repeats", 1) != 1,
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
    """Turn errors of the task into DocumentRefused, except missing packages and files, which are TaskRefused."""
    try:
        yield
    except (UserError, DocumentRefused):
        raise
    except (ImportError, OSError) as error:
        raise TaskRefused(f"lm_eval lacks something for the task: {type(error).__name__}: {error}") from error
    except Exception as error:
        raise DocumentRefused(f"the task cannot read it: {type(error).__name__}: {error}") from error


def _messages_as_json(messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
    if not add_generation_prompt:
        raise TaskRefused("the task begins the answer itself, which is not supported in chat: set chat to false")
    return json.dumps(list(messages))


def _response(answer: TokenLoss | Completion, task: Any) -> Any:
    if isinstance(answer, Completion):
        return answer.text
    # `check` already refuses the harness's own metrics that read this flag.
    greedy = _Greedy() if callable(task.config.process_results) else False
    return -answer.mean * answer.tokens, greedy


def _is_number(value: object) -> bool:
    return isinstance(value, Real | np.bool_)
