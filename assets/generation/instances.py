"""Instances of an instruction: inputs with their outputs, as Self-Instruct asks for, reads and rejects them.

Source: arXiv 2212.10560, sections 2.2 (steps 2 to 4) and A, and the filters of its code. The model is asked first
whether an instruction is a classification; for one it writes a class label and then an input that has it (output
first), else the input and then the output (input first). Ours: the wording and the examples of the prompts, and that
an instruction gives a bounded number of instances.

Worked example: for "Name the capital of the country." the model goes on "Example 1\nInput: Peru\nOutput: Lima\nExample
2\nInput: Chile", cut off; the pair (Peru, Lima) is kept, and (Chile, nothing) is rejected as cut off.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from resources.calls import Prompt
from warehouse.identity import Parent
from warehouse.result import Gate

STOP = ("\nTask:", "\n\nTask:")

_CLASSIFICATION = """Is the answer to each task one label of a fixed, finite set?

Task: Say whether the review is positive or negative.
Classification: Yes

Task: Write a thank-you letter to a neighbour.
Classification: No

Task: Which of the four seasons does the poem describe?
Classification: Yes

Task: Translate the sentence into German.
Classification: No

Task: Is the number even or odd?
Classification: Yes

Task: Explain how bread rises.
Classification: No

Task: {instruction}
Classification:"""

_INPUT_FIRST = """Give examples for each task: the input, where the task needs one, and then the output.

Task: Name the capital of the country.
Example 1
Input: Peru
Output: Lima
Example 2
Input: Finland
Output: Helsinki

Task: Give three reasons to take the train.
Example 1
Output: It is quiet, it is kind to the climate, and there is time to read.

Task: Put the words into alphabetical order.
Example 1
Input: pear, apple, plum
Output: apple, pear, plum

Task: {instruction}
"""

_OUTPUT_FIRST = """Give examples for each classification task: a class label, and then an input that has it.

Task: Say whether the review is positive or negative.
Class label: Positive
Input: The soup was hot, and everyone was kind.
Class label: Negative
Input: We waited an hour for cold soup.

Task: Is the number even or odd?
Class label: Odd
Input: 17
Class label: Even
Input: 4

Task: {instruction}
"""

_YES = re.compile(r"\W*yes\b", re.IGNORECASE)
_EXAMPLE = re.compile(r"^[^\S\n]*Example[^\S\n]*\d*[^\S\n]*[.:)]?[^\S\n]*", re.MULTILINE | re.IGNORECASE)
_INPUT = re.compile(r"^[^\S\n]*Input[^\S\n]*\d*[^\S\n]*:", re.MULTILINE | re.IGNORECASE)
_OUTPUT = re.compile(r"^[^\S\n]*Output[^\S\n]*\d*[^\S\n]*:", re.MULTILINE | re.IGNORECASE)
_LABEL = re.compile(r"^[^\S\n]*Class label[^\S\n]*\d*[^\S\n]*:", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Instance:
    """What an instruction is about ("" for nothing), and its answer."""

    input: str
    output: str


def classification(instruction: str) -> Prompt:
    """Asks whether an instruction is a classification; `is_classification` reads the answer."""
    return Prompt(text=_CLASSIFICATION.format(instruction=instruction))


def is_classification(text: str) -> bool:
    """Whether the answer begins with yes; as published, anything else is no classification."""
    return _YES.match(text) is not None


def instances(instruction: str, classifies: bool, seed: int) -> Prompt:
    """Asks for instances: output first for a classification, else input first."""
    template = _OUTPUT_FIRST if classifies else _INPUT_FIRST
    return Prompt(text=template.format(instruction=instruction), seed=seed)


def input_first(text: str) -> list[Instance]:
    """The instances in "Example 1 … Input: … Output: …"; a part without labels is an output (as published)."""
    return [_input_first(part) for part in _EXAMPLE.split(text) if part.strip()]


def _input_first(part: str) -> Instance:
    given, *rest = _OUTPUT.split(part, maxsplit=1)
    labelled = _INPUT.split(given, maxsplit=1)
    if rest:
        return Instance(labelled[-1].strip(), _INPUT.split(rest[0], maxsplit=1)[0].strip())
    return Instance(labelled[1].strip(), "") if len(labelled) > 1 else Instance("", given.strip())


def output_first(text: str) -> list[Instance]:
    """The instances in "Class label: … Input: …"; what stands before the first label is none."""
    found = []
    for part in _LABEL.split(text)[1:]:
        label, _, rest = part.strip().partition("\n")
        found.append(Instance(_INPUT.split(rest, maxsplit=1)[-1].strip(), label.strip()))
    return found


def rejections(found: Sequence[Instance], complete: bool, most: int) -> Iterator[str | None]:
    """For each instance of one instruction the first published rule that it breaks, or None.

    `complete` is false where the text was cut off, whose last instance has then no known end."""
    outputs = defaultdict(set)
    for instance in found:
        outputs[instance.input].add(instance.output)
    kept = 0
    for place, one in enumerate(found, 1):
        if place == len(found) and not complete:
            yield "instance cut off"
        elif not one.output:
            yield "empty output"
        elif one.input == one.output:
            yield "input = output"
        elif one.input.endswith(":") or one.output.endswith(":"):
            yield "ends with a colon"
        elif one.input and len(outputs[one.input]) > 1:
            yield "same input with different outputs"
        elif kept >= most:
            yield "enough instances"
        else:
            kept += 1
            yield None


def decide(
    gate: Gate,
    row: Callable[[str, str], dict[str, str]],
    found: Sequence[Instance],
    complete: bool,
    most: int,
    parents: Sequence[Parent],
) -> None:
    """One decision for each instance of one instruction that has come in, or for its having none.

    `row` makes a pair of an input and a response."""
    if not found:
        gate.reject(row("", ""), "no instance", parents)
        return
    gate.arrive(len(found) - 1)
    for one, reason in zip(found, rejections(found, complete, most), strict=True):
        pair = row(one.input, one.output)
        if reason:
            gate.reject(pair, reason, parents)
        else:
            gate.keep(pair, parents)
