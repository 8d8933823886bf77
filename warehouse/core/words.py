"""The words of a text in any script.

Most scripts put spaces between words. Chinese, Japanese, Thai, Lao, Khmer, Burmese and a few others do not. There, the
words are those of ICU, which has dictionaries for them (https://unicode.org/reports/tr29/, package icu4py).

Worked example: `words_in("Tea is hot.")` is ["Tea", "is", "hot."], and `words_in("茶很好。")` is ["茶", "很好"].
"""

from __future__ import annotations

import re
import unicodedata

import regex
from icu4py.breakers import WordBreaker

SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}ー\p{Line_Break=SA}"
"""Characters of scripts that put no spaces between words, for a class of `regex`. SA: those that need a dictionary."""

_SPACELESS = regex.compile(f"[{SPACELESS}]")
_WORD = regex.compile(r"(?:[\p{L}\p{N}]\p{M}*)+")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_WORD_OR_PUNCTUATION = regex.compile(r"(?:[\p{L}\p{N}_]\p{M}*)+|[^\p{L}\p{N}_\s]+")
_WIDE = regex.compile("[\u3000\uff01-\uffee]+")
_INVISIBLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
_SURROGATE = regex.compile(r"\p{Cs}")


def words_in(text: str) -> list[str]:
    """The words of a text as they are counted: what stands between spaces, and the words of scripts without spaces.

    Punctuation stays with its word, except in scripts without spaces. So for English this is `text.split()`.
    """
    parts = text.split()
    if not is_spaceless(text):
        return parts
    return [word for part in parts for word in (_dictionary_words(part) or [part])]


def is_spaceless(text: str) -> bool:
    """Whether the text has a character of a script that puts no spaces between words."""
    return not text.isascii() and _SPACELESS.search(text) is not None


def mostly_spaceless(text: str) -> bool:
    """Whether more than half of the letters and digits are of scripts that put no spaces between words."""
    return is_spaceless(text) and 2 * len(_SPACELESS.findall(text)) > sum(map(str.isalnum, text))


def folded(text: str) -> str:
    """The text as it is compared: NFC, without case, characters of double or half width as usual ones.

    Characters that nobody sees (soft hyphens, joiners, variation selectors) are left out. Only forms of width are made
    equal (ours), not all forms that NFKC makes equal: 5² is not 52.
    """
    if text.isascii():
        return text.lower()
    text = _WIDE.sub(lambda wide: unicodedata.normalize("NFKC", wide.group()), _INVISIBLE.sub("", text))
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def tokens(text: str) -> list[str]:
    """The words of a text as metrics compare them: folded, without punctuation.

    For English these are the tokens of the package rouge_score without stemming. A text without any letter or digit has
    its other characters as tokens (ours), so that it equals itself.
    """
    text = folded(text)
    found = _ASCII_WORD.findall(text) if text.isascii() else _split(_WORD.findall(text))
    return found or [char for char in text if not char.isspace()]


def tokens_and_punctuation(text: str) -> list[str]:
    """The words and the runs of punctuation of a text, in NFC: nltk's `wordpunct_tokenize`, for any script.

    Unlike there, a vowel sign belongs to its word, and scripts without spaces have words.
    """
    return _split(_WORD_OR_PUNCTUATION.findall(unicodedata.normalize("NFC", text)))


def _split(parts: list[str]) -> list[str]:
    return [word for part in parts for word in ((is_spaceless(part) and _dictionary_words(part)) or [part])]


def _dictionary_words(text: str) -> list[str]:
    """The words by ICU in a text without spaces; what has no letter or digit is no word."""
    whole = _SURROGATE.sub("\ufffd", text)  # ICU refuses half of a surrogate pair
    return [word for word in WordBreaker(whole, "root") if any(map(str.isalnum, word))]
