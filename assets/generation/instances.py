"""Instances of an instruction: inputs with their outputs, and how Self-Instruct asks for, reads and rejects them.

Source: arXiv 2212.10560, sections 2.2 (steps 2 to 4) and A, and the filters of its code. The model is first asked
whether an instruction is a classification. If so, it writes a class label and then an input with that label (output
first), otherwise the input and then the output (input first). As in that code: a text without any marker has no
instance; an instance that breaks another rule cannot contradict others, nor can one without an input; at most five
instances are kept. Ours: the wording and the examples of the prompts; that a marker counts only at the start of a line
or, capitalized, after a space; that an output without a letter or digit is empty; and that the first five are kept, not
a random five. As in the paper, only the instances that contradict each other are dropped; its code drops all instances
of the instruction. Left out is the presence penalty of 1.5, which makes a token less likely once it was written: a
model may repeat itself more here, and of equal instances one is kept.

Worked example: for "Name the capital of the country." the model writes "Example 1\nInput: Peru\nOutput: Lima\nExample
2\nInput: Chile" and is cut off; the pair (Peru, Lima) is kept, and (Chile, nothing) is rejected as cut off.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assets.prompting.absent import given
from assets.prompting.parsing import says_yes
from resources.models.calls import Prompt
from warehouse.core.identity import Parent
from warehouse.core.texts import has_word
from warehouse.results.result import Gate

_CLASSIFICATION = """Can the task be seen as a classification task with a finite number of output labels?

Task: Say whether the review is positive or negative.
Is it classification? Yes

Task: Write a thank-you letter to a neighbour.
Is it classification? No

Task: Which of the four seasons does the poem describe?
Is it classification? Yes

Task: Translate the sentence into German.
Is it classification? No

Task: Is the number even or odd?
Is it classification? Yes

Task: Explain how bread rises.
Is it classification? No

Task: {instruction}
Is it classification?"""

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

# A marker without a number must end in a colon or with its line: an output may begin "Example sentences are …".
_EXAMPLE = re.compile(r"^[^\S\n]*Example[^\S\n]*(?:\d+[^\S\n]*[.:)]?|[.:]|$)[^\S\n]*", re.MULTILINE | re.IGNORECASE)


def _marker(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^[^\S\n]*(?i:{name})|(?<=\s){name})[^\S\n]*\d*[^\S\n]*:", re.MULTILINE)


_INPUT, _OUTPUT, _LABEL = _marker("Input"), _marker("Output"), _marker("Class label")
_LABEL_END = re.compile(rf"\n|(?={_INPUT.pattern})", re.MULTILINE)


@dataclass(frozen=True)
class Instance:
    """An input ("" where the instruction needs none) and its output."""

    input: str
    output: str


def classification(instruction: str) -> Prompt:
    """Ask whether an instruction is a classification; `is_classification` reads the answer."""
    return Prompt(text=_CLASSIFICATION.format(instruction=instruction))


def is_classification(text: str) -> bool:
    """Whether the answer begins with yes; as published, any other answer means no."""
    return says_yes(text)


def instances(instruction: str, classifies: bool, seed: int) -> Prompt:
    """Ask for instances: output first for a classification, else input first."""
    template = _OUTPUT_FIRST if classifies else _INPUT_FIRST
    return Prompt(text=template.format(instruction=instruction), seed=seed)


def stops(most: int) -> tuple[str, ...]:
    """The texts that stop the model after `most` instances of one instruction (as published)."""
    return f"Example {most + 1}", "Task:"


def input_first(text: str) -> list[Instance]:
    """Read instances in "Example 1 … Input: … Output: …"; an example without markers is an output (as published)."""
    if not any(marker.search(text) for marker in (_EXAMPLE, _INPUT, _OUTPUT)):
        return []
    return [_input_first(part.strip()) for part in _EXAMPLE.split(text) if part.strip()]


def _input_first(part: str) -> Instance:
    before, *outputs = _OUTPUT.split(part)
    if outputs:
        return Instance(_unmarked(before), _INPUT.split(outputs[0], maxsplit=1)[0].strip())
    return Instance(_unmarked(before), "") if _INPUT.match(before) else Instance("", before.strip())


def _unmarked(text: str) -> str:
    text = text.strip()
    marked = _INPUT.match(text)
    return given(text[marked.end() :] if marked else text)


def output_first(text: str) -> list[Instance]:
    """Read the instances in "Class label: … Input: …"; text before the first label is ignored."""
    found = []
    for part in _LABEL.split(text)[1:]:
        label, *rest = _LABEL_END.split(part.strip(), maxsplit=1)
        found.append(Instance(_unmarked("".join(rest)), label.strip()))
    return found


def rejections(found: Sequence[Instance], complete: bool, most: int) -> Iterator[str | None]:
    """For each instance of one instruction the first published rule that it breaks, or None.

    `complete` is False where the text was cut off, so that the end of its last instance is unknown. Of the instances
    that break no rule, the first `most` different ones pass."""
    faults = [_fault(one) for one in found]
    if faults and not complete:
        faults[-1] = "instance cut off"
    outputs = defaultdict(set)
    for one, fault in zip(found, faults, strict=True):
        if not fault:
            outputs[one.input].add(one.output)
    passed: set[Instance] = set()
    for one, fault in zip(found, faults, strict=True):
        if fault:
            yield fault
        elif one.input and len(outputs[one.input]) > 1:
            yield "same input with different outputs"
        elif one not in passed and len(passed) >= most:
            yield "surplus"
        else:
            passed.add(one)
            yield None


def _fault(one: Instance) -> str | None:
    if not has_word(one.output):
        return "empty output"
    if one.input == one.output:
        return "input = output"
    if one.input.endswith(":") or one.output.endswith(":"):
        return "ends with a colon"
    return None


def decide_instances(
    gate: Gate,
    row: Callable[[str, str], dict[str, str]],
    found: Sequence[Instance],
    complete: bool,
    most: int,
    parents: Sequence[Parent],
) -> None:
    """Decide about each instance of one instruction, or once about the instruction if it has none.

    `row` makes a pair from an input and a response. The gate has already counted one incoming row for the instruction.
    """
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
