"""Split what a model wrote into its thoughts and its answer. Pure: a stored call can be read in another way later.

All rules are ours; no standard says how thoughts are marked. A thought lies between an opening and a closing mark, such
as `<think>` and `</think>`, in upper or lower case. An opening mark counts

- at the start of the text, or right after another thought, also without its closing mark;
- further on only where a line or a sentence starts. Without its closing mark it must there be alone on its line, or
  start a line of a text that was cut off.

A closing mark without an opening one ends a thought that the prompt opened, and all before it is the thought. It counts
unless it stands within a sentence, as in "write </think> to end", or ends what a mark in its line opened.

Marks in code (between backticks or fences, or indented) never count outside of thoughts. So a text that explains
`<think>` keeps it. The channels of gpt-oss are read as well: only what is in the channel `final` is the answer.

Worked example: "<think>Is it Rome?</think>\\n\\nRome." has the thought "Is it Rome?" and the answer "Rome.". The text
"<think>Is it" is a thought that was cut off, so its answer is "" and not complete.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from resources.models.calls import Completion

Marks = tuple[tuple[str, str], ...]
"""(opening mark, closing mark) of thoughts. An opening mark "" says that the prompt opens the thought."""

MARKS: Marks = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("◁think▷", "◁/think▷"),
    ("[THINK]", "[/THINK]"),
)
"""The marks of open models, as far as we know them; `models.NAME.thoughts` in a recipe replaces them."""

AROUND_ANSWERS: Marks = (
    ("<answer>", "</answer>"),
    ("<response>", "</response>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
)
"""What some models put around the answer after their thoughts. It is taken off only there."""

_CODE = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[^\n`]*(?:\n.*?)??(?:\n[ \t]*(?P=fence)[`~]*[ \t]*$|(?P<open>\Z))"
    r"|(?<!`)(?P<ticks>`+)(?!`)[^\n]*?(?<!`)(?P=ticks)(?!`)",
    re.MULTILINE | re.DOTALL,
)
_NOT_BLANK = re.compile(r"\S")
_BLANKS = " \t\r\n\f\v\x85\xa0\u200b\u2028\u2029\u2060\ufeff"
_OPENS_QUOTE = ('"', "'", "“", "‘", "«", "(", "`")
_SENTENCE_END = re.compile(r"[.!?:…。！？：।][\"'”’)\]*_]*\s*\Z")
_CHANNEL = re.compile(r"(?:<\|start\|>[^<]*)?<\|channel\|>\s*(?P<name>\w*)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
# A tokenizer that leaves out the special tokens of gpt-oss joins what is left.
_BARE_CHANNELS = re.compile(r"\Aanalysis(?P<thought>.*)assistantfinal(?P<answer>.*)\Z", re.DOTALL)
_BARE_CUT_OFF = re.compile(r"\Aanalysis(?=[A-Z])")


@dataclass(frozen=True)
class Read:
    """A text as it was read: its thoughts, its answer, whether that is complete, and whether a thought was cut off."""

    thoughts: tuple[str, ...]
    answer: str
    complete: bool
    cut_off: bool = False


def read(text: str, complete: bool, marks: Marks | None = None, apart: str = "", opened: bool = False) -> Read:
    """Split a text; a text without a thought comes back unchanged, with its margins.

    `complete` is False where the text was cut off. `marks` None means MARKS; with () all is answer. `apart` are
    thoughts that the server returned apart from the text. `opened` says that the prompt ends within a thought, so that
    a text without any closing mark is all thought.
    """
    channels = _read_channels(text, complete) if marks is None else None
    if channels:
        return channels
    marks = MARKS if marks is None else marks
    opened = bool(marks) and (opened or any(not opening for opening, _ in marks))
    thoughts, answer, cut_off = _split(text, complete, marks, opened)
    # A server that returns thoughts apart was cut off within them where it returned no answer.
    cut_off |= bool(apart.strip()) and not complete and not answer.strip()
    if answer == text and not apart.strip():
        return Read((), text, complete)
    return Read(_filled([apart, *thoughts]), _unwrapped(answer.strip()), complete and not cut_off, cut_off)


def opens_thought(prompt: str, marks: Marks | None = None) -> bool:
    """Whether a prompt, as the model reads it, ends with an opening mark."""
    openings = tuple(opening.lower() for opening, _ in (MARKS if marks is None else marks) if opening)
    return prompt.rstrip().lower().endswith(openings)


def until(completion: Completion, stops: Sequence[str]) -> Completion:
    """The completion, ended before the first of the stop strings in its answer, as if the model had stopped there."""
    places = [place for stop in stops if (place := completion.text.find(stop)) >= 0]
    return replace(completion, text=completion.text[: min(places)], complete=True) if places else completion


def _split(text: str, complete: bool, marks: Marks, opened: bool) -> tuple[list[str], str, bool]:
    """(thoughts, answer, whether the last thought never ends)."""
    thoughts: list[str] = []
    answer, at, code = "", 0, _Code(text)
    if opened and not _begins_with_opening(text, marks):
        end = _closing(text, 0, marks)
        if end is None:
            return [text], "", True
        thoughts, at = [text[: end[0]]], _after_blanks(text, end[1])
    while found := _next(text, at, not answer.strip(), complete, marks, code):
        before, inside = text[at : found.start], text[found.inside : found.end]
        if found.after is None:
            return [*thoughts, inside], answer + before, True
        thoughts.append(answer + before if found.all_before else inside)
        at = _after_blanks(text, found.after)
        answer = "" if found.all_before else _up_to_a_thought(answer + before, text[found.after : at])
    return thoughts, answer + text[at:], False


@dataclass(frozen=True)
class _Thought:
    """Positions of a thought: its opening mark, its text, and what comes after it (None: it never ends).

    `all_before`: it has no opening mark, so that all before its closing mark is the thought."""

    start: int
    inside: int
    end: int
    after: int | None
    all_before: bool = False


def _next(text: str, at: int, nothing_before: bool, complete: bool, marks: Marks, code: _Code) -> _Thought | None:
    """The first thought from `at` on."""
    pattern, closings = _pattern(marks)
    skipped, ends = at, True
    for mark in pattern.finditer(text, at) if pattern else ():
        place = mark.start()
        if mark.group().lower() in closings:
            # The text of a thought may begin code that it does not end.
            if place >= skipped and not code.around(at, place, ended=True) and _ends_thought(text, at, mark):
                return _Thought(place, place, place, mark.end(), all_before=True)
            continue
        if code.around(at, place):
            continue
        end = _closing(text, mark.end(), _like(mark.group(), marks)) if ends else None
        # Some models end a thought with the mark of another model.
        end = end or (_closing(text, mark.end(), marks) if ends else None)
        ends = end is not None
        first = nothing_before and _is_blank(text[at:place])
        if first or _starts(text, at, mark, complete, closed=ends):
            return _Thought(place, mark.end(), *(end or (len(text), None)))
        if end and "\n" not in text[place : end[0]]:
            skipped = end[1]
    return None


class _Code:
    """Where a text has code. Remembers the last place found, so that reading a text takes time in proportion to it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._from = -1
        self._found: re.Match[str] | None = None

    def around(self, at: int, place: int, ended: bool = False) -> bool:
        """Whether `place` is in code that begins at or after `at`; `ended`: only in code that ends."""
        if self._from < 0 or (self._found and self._found.start() < at):
            self._find(at)
        while self._found and self._found.end() <= place:
            self._find(self._found.end())
        found = self._found
        return found is not None and found.start() <= place and not (ended and found["open"] is not None)

    def _find(self, start: int) -> None:
        self._from, self._found = start, _CODE.search(self._text, start)


def _is_blank(text: str) -> bool:
    return not text.strip(_BLANKS)


def _filled(thoughts: Sequence[str]) -> tuple[str, ...]:
    return tuple(thought.strip() for thought in thoughts if thought.strip())


def _after_blanks(text: str, at: int) -> int:
    """The position of the first character from `at` on that is not blank."""
    found = _NOT_BLANK.search(text, at)
    return found.start() if found else len(text)


def _up_to_a_thought(before: str, blank: str) -> str:
    """The text before a thought, with the space, line break or blank line that parts it from the text after it."""
    kept = before.rstrip(_BLANKS)
    breaks = max(before[len(kept) :].count("\n"), blank.count("\n"))
    return kept and kept + ("\n" * min(breaks, 2) or " ")


@cache
def _pattern(marks: Marks) -> tuple[re.Pattern[str] | None, frozenset[str]]:
    """(what finds the marks, the closing ones in lower case)."""
    every = sorted({mark for pair in marks for mark in pair if mark}, key=len, reverse=True)
    closings = frozenset(closing.lower() for _, closing in marks)
    return (re.compile("|".join(map(re.escape, every)), re.IGNORECASE) if every else None), closings


def _like(opening: str, marks: Marks) -> Marks:
    return tuple(pair for pair in marks if pair[0].lower() == opening.lower())


def _begins_with_opening(text: str, marks: Marks) -> bool:
    return text.lstrip(_BLANKS).lower().startswith(tuple(opening.lower() for opening, _ in marks if opening))


def _closing(text: str, at: int, marks: Marks) -> tuple[int, int] | None:
    """(start, end) of the mark that closes a thought whose text begins at `at`.

    Thoughts may be nested. Where the marks do not match up, as in a thought about marks, the last one closes.
    """
    pattern, closings = _pattern(marks)
    depth, last = 1, None
    for found in pattern.finditer(text, at) if pattern else ():
        if found.group().lower() in closings:
            depth, last = depth - 1, found.span()
            if not depth:
                break
        else:
            depth += 1
    return last


def _starts(text: str, at: int, mark: re.Match[str], complete: bool, closed: bool) -> bool:
    """Whether an opening mark in the middle of a text starts a thought."""
    line = text[max(at, text.rfind("\n", at, mark.start()) + 1) : mark.start()]
    if line.startswith(("    ", "\t")):
        return False  # Markdown's other way to write code
    if closed:
        return _is_blank(line) or _SENTENCE_END.search(line[-20:]) is not None
    end = text.find("\n", mark.end())
    alone = not text[mark.end() : end if end >= 0 else len(text)].strip()
    return _is_blank(line) and (alone or not complete)


def _ends_thought(text: str, at: int, mark: re.Match[str]) -> bool:
    """Whether a closing mark without an opening one ends a thought, and is not a word of a sentence."""
    start, end = max(at, text.rfind("\n", at, mark.start()) + 1), text.find("\n", mark.end())
    before, after = text[start : mark.start()], text[mark.end() : end if end >= 0 else len(text)]
    if before.endswith(_OPENS_QUOTE):
        return False
    return _is_blank(before) or _is_blank(after) or not before[-1].isspace()


def _unwrapped(answer: str) -> str:
    for opening, closing in AROUND_ANSWERS:
        if answer.lower().startswith(opening.lower()):
            answer = answer[len(opening) :].strip()
            if answer.lower().endswith(closing.lower()):
                answer = answer[: -len(closing)].strip()
    return answer


def _read_channels(text: str, complete: bool) -> Read | None:
    """Read the channels of gpt-oss (https://cookbook.openai.com/articles/openai-harmony); None where there are none."""
    if bare := _BARE_CHANNELS.match(text):
        return Read(_filled([bare["thought"]]), bare["answer"].strip(), complete)
    if not complete and (bare := _BARE_CUT_OFF.match(text)):
        return Read(_filled([text[bare.end() :]]), "", False, True)
    if not _CHANNEL.match(text.lstrip()):
        return None
    thoughts: list[str] = []
    answers: list[str] = []
    last = ""
    for found in _CHANNEL.finditer(text):
        ends = _CHANNEL_END.search(text, found.end())
        content = text[found.end() : ends.start() if ends else len(text)].strip()
        last = found["name"]
        (answers if last == "final" else thoughts).append(content)
    return Read(_filled(thoughts), "\n".join(answers), complete and bool(answers), last != "final")
