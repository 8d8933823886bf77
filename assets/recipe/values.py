"""The types of the values in a recipe, with the ranges that they must lie in."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import polars as pl
from pydantic import AfterValidator, Field

from assets.recipe.conditions import parse_where
from assets.recipe.mapping import Mapping
from assets.recipe.paths import Path
from resources.fetching.addresses import Address

FilterName = Literal["heuristics", "perplexity", "alignment", "diversity"]
PerplexityMeasure = Literal["response_given_instruction", "response_alone", "instruction_given_response", "ifd"]
AlignmentMeasure = Literal[
    "gain",
    "similarity",
    "response_given_instruction",
    "response_alone",
    "instruction_given_response",
    "ifd",
    "random",
]
Level = Literal["keywords", "sentence", "model"]

BASE = "base"
"""The name of the untouched base where arms are compared: the control."""

FILTERS: tuple[FilterName, ...] = ("heuristics", "perplexity", "diversity")
"""The filters of an arm that names none."""

LEVELS: tuple[Level, ...] = get_args(Level)


def _address(text: str) -> str:
    Address.parse(text)
    return text


def _base_url(text: str) -> str:
    right = "it must be the base URL of a server, such as http://127.0.0.1:8001/v1"
    try:
        address = Address.parse(f"{text}#model")
    except ValueError:
        raise ValueError(right) from None
    if not address.is_endpoint:
        raise ValueError(right)
    return text


def _rising(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    if pair[0] > pair[1]:
        raise ValueError("the second number must not be below the first")
    return pair


def _range(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] >= pair[1]:
        raise ValueError("it must rise, as in [0, 25]")
    return pair


def distinct(names: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the names. Raises ValueError if one of them is repeated."""
    if len(set(names)) < len(names):
        raise ValueError("it must name each one once")
    return names


def _path(text: str) -> str:
    if Path.parse(text).of_item:
        raise ValueError("it must begin with the name of a field")
    return text


def _where(where: dict[str, Any]) -> dict[str, Any]:
    parse_where(where)
    return where


def _fields(needed: frozenset[str], *optional: str) -> AfterValidator:
    def check(fields: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        Mapping.parse(fields)
        if needed - fields.keys() or fields.keys() - needed - set(optional):
            raise ValueError(f"it must have {' and '.join(sorted(needed))}, and may have {', '.join(optional)}")
        return fields

    return AfterValidator(check)


def _pattern(text: str) -> str:
    try:
        everywhere = pl.Series(["", "word"]).str.contains(text, strict=True).all()
    except pl.exceptions.ComputeError as error:
        fault = str(error).rpartition("error: ")[2].strip().partition("\n")[0]
        raise ValueError(f"it must be a regular expression as Rust has them (https://docs.rs/regex): {fault}") from None
    if everywhere:
        raise ValueError("it is found in every text; make it say what is unwanted")
    return text


_CODES = """
ace af am an ar ary arz as az ba bcl be bg bn br bs ca crh cs cy da de dz el en eo es et eu ext fa fi fo fr fuv fy ga
gcf gcr gd gl gom grc gu gug guw ha hbo he hi hr ht hu hy id ig is it ja jv ka kab kik kk km kn ko ku ky la lb lg lij
ln lo lt ltg lv mg mk ml mn mr ms mt my ne nl nn no nso oc om or pa pcm pl ps pt qu ro ru rw sa sdh se si sk sl sn so
sq sr st sv sw ta te tg th tk tl tr tt ug uk ur uz uzs vec vi vo wa wuu xh yo yue zh zu
"""
LANGUAGES = frozenset(_CODES.split())
"""The languages that can be told apart (see assets/prompting/languages.py), by their ISO 639 codes."""


def _language(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError("it must be the ISO 639 code of a language, such as en or de")
    return code


UNPINNED = "unpinned"
"""The sha256 of something not yet pinned: the recipe can be checked, but not built."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
AddressText = Annotated[str, AfterValidator(_address)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Sha256 = Annotated[str, Field(pattern=r"^([0-9a-f]{64}|unpinned)$")]
Pattern = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_pattern)]
Language = Annotated[str, AfterValidator(_language)]
PersonalData = Literal["email", "phone", "card", "iban", "ip"]
Fields = dict[str, str | list[str]]
SeedFields = Annotated[Fields, _fields(frozenset({"instruction", "response"}), "input")]
DocumentFields = Annotated[Fields, _fields(frozenset({"text"}), "title")]
BenchmarkFields = Annotated[Fields, _fields(frozenset({"instruction"}), "input", "reference", "details")]
PathText = Annotated[str, AfterValidator(_path)]
Where = Annotated[dict[str, Any], AfterValidator(_where)]
AbsentTexts = tuple[Annotated[str, Field(min_length=1)], ...]
Percent = Annotated[float, Field(ge=0, le=100)]
Slice = Annotated[tuple[Percent, Percent], AfterValidator(_range)]
Count = Annotated[int, Field(ge=1, strict=True)]
Words = Annotated[tuple[Count, Count], AfterValidator(_rising)]
Temperature = Annotated[float, Field(ge=0, le=2)]
Probability = Annotated[float, Field(gt=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
MethodNames = Annotated[tuple[Name, ...], Field(min_length=1), AfterValidator(distinct)]
FilterNames = Annotated[tuple[FilterName, ...], AfterValidator(distinct)]
Levels = Annotated[tuple[Level, ...], Field(min_length=1), AfterValidator(distinct)]
