"""Random damage to texts and files, the same for the same seed."""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

SNIPPETS: tuple[bytes, ...] = (
    *(b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", "\u202e".encode(), b"\r", b"\n\n", b"\t", b'"', b"'"),
    *(b"{", b"}", b"[", b"]", b"{{", b"*a", b"&a ", b"<<: ", b"!!python/name:os.system", b"---\n", b"%", b"\\ud800"),
    *(b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"0x" + b"f" * 5000, b"null", b"true", b"1:2:3", b"a" * 70_000),
    *(b'{"a": 1, "a": 2}', b"[" * 2000, b"2023-02-30", b",", b";", b"|"),
)

VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        -1,
        0,
        2**70,
        10**400,
        0.5,
        -0.0,
        float("nan"),
        float("inf"),
        "",
        " ",
        "a\0b",
        "{",
        "{x.y[z}",
        "base",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        {"": ""},
        {"a": {"a": {}}},
        "../../etc/passwd",
        "hf:a/b",
        "pypi:a==1#b",
        "\u202etext",
        "x" * 10_000,
    ),
)


def damaged(content: bytes, draw: random.Random) -> bytes:
    """`content` with one to four random changes: a byte, a cut, a repeated part, an inserted snippet."""
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(content) + 1)
        end = min(len(content), at + draw.randint(1, 40))
        kind = draw.randrange(5)
        if kind == 0:
            content = content[:at] + bytes([draw.randrange(256)]) + content[at + 1 :]
        elif kind == 1:
            content = content[:at] + content[end:]
        elif kind == 2:
            content = content[:at] + content[at:end] * 2 + content[end:]
        elif kind == 3:
            content = content[:at] + draw.choice(SNIPPETS) + content[at:]
        else:
            content = content[:at]
    return content


def altered(value: Any, draw: random.Random) -> Any:
    """A copy of a JSON-like value with one random value replaced, removed or added."""
    places = list(_places(value))
    container, key = draw.choice(places) if places else (None, None)
    if container is None:
        return draw.choice(VALUES)
    kind = draw.randrange(4)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, dict):
        container[draw.choice(["x", "", "sources", "a.b", 7])] = draw.choice(VALUES)
    elif kind == 2 and isinstance(container, list):
        container.append(draw.choice([*VALUES, container[key]]))
    else:
        container[key] = draw.choice(VALUES)
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def run(name: str, cases: range, seed: int, one: Callable[[random.Random], str]) -> Counter[str]:
    """Calls `one` once per case, each with its own random numbers; counts what it returns.

    Raises what `one` raises, with the seed of the case in a note, so that the case can be run alone.
    """
    counts: Counter[str] = Counter()
    for case in cases:
        try:
            counts[one(random.Random(f"{seed} {case}"))] += 1
        except BaseException as error:
            error.add_note(f"{name}: case {case} of seed {seed}")
            raise
    return counts


def main(name: str, text: str | None, one: Callable[[random.Random], str]) -> None:
    """The command of a long test: `--cases` how many, `--seed`, and `--first` the first case."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    counts = run(name, range(asked.first, asked.first + asked.cases), asked.seed, one)
    print(f"{name}, seed {asked.seed}: {dict(counts)}")
