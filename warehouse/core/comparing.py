"""What counts when two texts are compared: words, and the signs that change what is said.

"What is 5 + 3?" is not "What is 5 - 3?", "C#" is not "C", and a vowel sign belongs to its word (काली is not केला). Case,
spaces, other punctuation, and the normal form and width of characters do not count. A sign that punctuation or markup
may also use, such as "-" or "*", counts only where it stands between operands or belongs to a number (ours).

Worked example: "Crush it -- slowly: 5 - 3 times!" has the units crush, it, slowly, 5, -, 3, times.
"""

from __future__ import annotations

import re

import regex

from warehouse.core.words import SPACELESS, folded

_OPERAND_BEFORE, _OPERAND_AFTER = r"[\p{L}\p{N}\p{M})\]}]", r"[\p{L}\p{N}(\[{]"
_NUMBER_BEFORE = r"(?:\p{N}|(?<![\p{L}\p{N}\p{M}])\p{L}|[)\]}])"
_NUMBER_AFTER = r"(?:\p{N}|\p{L}(?![\p{L}\p{N}\p{M}])|[(\[{])"
_OPERATOR = r"(?:[!:]=|[*/%&@\\|~<>=]|-+(?=[*/%&@\\|~<>=]))+-*"
_SIGNS = (
    r"[+^]",
    # Every currency sign, emoji or mathematical sign.
    r"[[\p{Sm}\p{Sc}\p{So}]--[<=>|~]]",
    # An operator has spaces on both sides or on none: in "an *easy* word" and "> quoted" there is none.
    f"(?<={_OPERAND_BEFORE}[ \t]+){_OPERATOR}(?=[ \t]+{_OPERAND_AFTER})",
    f"(?<={_OPERAND_BEFORE})(?!/){_OPERATOR}(?={_OPERAND_AFTER})",
    f"(?<=['\"`‘“(])(?:-|{_OPERATOR})(?=['\"`’”)])",
    # A minus or a slash in prose has words beside it; in arithmetic a number, a bracket or one letter.
    rf"(?<={_NUMBER_BEFORE}[ \t]*)[-/](?=[ \t]*-?{_NUMBER_AFTER})",
    rf"(?<=\p{{N}}[ \t]*){_OPERATOR}(?=[ \t]*\p{{N}})",
    rf"(?<![\p{{L}}\p{{N}}\p{{M}}-])-(?={_NUMBER_AFTER})",
    r"(?<=\p{N}[ \t]?)%",
    r"(?<=\p{L})#(?![\p{L}#])|#(?=\p{N})",
)
_WORD = rf"(?:[[\p{{L}}\p{{N}}]--[{SPACELESS}]]\p{{M}}*)+"
_MAY_BE_SIGN = r"[-+^*/%&@#\\|~<>=!:\p{Sm}\p{Sc}\p{So}]"
_SIGN = f"(?={_MAY_BE_SIGN})(?:{'|'.join(_SIGNS)})"
_UNIT = regex.compile(rf"{_WORD}|[{SPACELESS}]\p{{M}}*|{_SIGN}", regex.V1)
_RUN_UNIT = regex.compile(rf"[{SPACELESS}]\p{{M}}*|(?:[[\p{{L}}\p{{N}}_]--[{SPACELESS}]]\p{{M}}*)+", regex.V1)

# The same for ASCII, much faster.
_ASCII_SIGN = re.compile(r"[-+*/%&@#\\|~<>=^$]")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_ASCII_UNIT = regex.compile(rf"[a-z0-9]+|{_SIGN}", regex.V1)
_ASCII_RUN_UNIT = re.compile(r"\w+", re.ASCII)


def units(text: str) -> list[str]:
    """The words and signs of a text that count when texts are compared, folded.

    In scripts without spaces between words each character is a unit, since one text may be split into words in two
    ways, depending on what stands around it.
    """
    text = folded(text)
    if text.isascii() and not _ASCII_SIGN.search(text):
        return _ASCII_WORD.findall(text)
    found: list[str] = (_ASCII_UNIT if text.isascii() else _UNIT).findall(text.replace("\u2212", "-"))
    return found


def run_units(text: str) -> list[str]:
    """The words of a text without signs, folded; in scripts without spaces the characters."""
    text = folded(text)
    return (_ASCII_RUN_UNIT if text.isascii() else _RUN_UNIT).findall(text)
