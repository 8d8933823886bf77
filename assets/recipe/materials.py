"""The recipe's types for models, sources and ancestors, and for the policy that says which licences are accepted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from assets.openness.licences import restrictions
from assets.recipe.values import AddressText, Name, Sha256


class Part(BaseModel):
    """A part of the recipe: frozen; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _acceptable(licence: str) -> str:
    # Whether a licence for non-commercial use may be listed depends on another key; see assets/loading/rules.py.
    for restriction in restrictions(licence, commercial=False):
        raise ValueError(f"no policy can accept it: {restriction}")
    return licence


def _encoding(name: str) -> str:
    try:
        # "".encode also refuses what is no text encoding, such as base64.
        "".encode(name)
    except (LookupError, ValueError) as error:
        raise ValueError("it must be the name of a text encoding, such as utf-8, utf-16 or cp1252") from error
    return name


Format = Literal["jsonl", "json", "json_columns", "csv", "tsv", "parquet", "arrow", "text"]
Delimiter = Annotated[str, Field(pattern=r"^[^\r\n]$")]
Quote = Annotated[str, Field(pattern=r"^[^\r\n]?$")]
Encoding = Annotated[str, AfterValidator(_encoding)]


def _no_blanks(mark: str) -> str:
    if mark != mark.strip():
        raise ValueError("it must not begin or end with a blank, which models leave out at times")
    return mark


Text = Annotated[str, Field(min_length=1)]
ThoughtMarks = tuple[Annotated[str, AfterValidator(_no_blanks)], Annotated[Text, AfterValidator(_no_blanks)]]
Origin = Annotated[str, Field(pattern=r"^(human|mixed|model:.+)$")]
Accepted = Annotated[str, AfterValidator(_acceptable)]


class MaterialPart(Part):
    """What is used by address (see resources/fetching/addresses.py), with the hash and licence it must have.

    `origin` says who wrote it: human, mixed or model:NAME. `made_from` lists what it was made from. Each name is the
    name of a model, a source or an ancestor in the recipe.
    """

    address: AddressText
    sha256: Sha256
    licence: Text
    origin: Origin
    made_from: tuple[Text, ...] = ()


class ReadingPart(Part):
    """How the files of a source are read: see assets/sources/README.md. What is not set is recognised.

    `delimiter`, `quote` ("" for none) and `encoding` are those of text formats. With `strict`, the first row that
    cannot be read is an error; without it, such rows are quarantined."""

    format: Format | None = None
    delimiter: Delimiter | None = None
    quote: Quote | None = None
    encoding: Encoding | None = None
    strict: bool | None = None


class ModelPart(MaterialPart):
    """A model. For a model at an endpoint, the other keys declare the weights that it serves; they cannot be verified.

    `origin` says who wrote the texts that the model was trained on; `made_from` lists the model that it was fine-tuned
    from, and the texts that it was tuned on. `thoughts` are the (opening, closing) marks between which the model
    thinks, instead of those in resources/models/thoughts.py; [] means that all it writes is answer. An opening mark ""
    says that the chat template opens the thought, which cannot be seen at an endpoint.

    `engine` is what writes completions on this machine, and `precision` the type of its numbers; by default the machine
    decides (resources/models/engines.py).
    """

    thoughts: tuple[ThoughtMarks, ...] | None = None
    engine: Literal["transformers", "openvino"] | None = None
    precision: Literal["float32", "bfloat16"] | None = None


class SourcePart(MaterialPart, ReadingPart):
    """A source of texts by address; `origin` says who wrote it, `made_from` what it was compiled or derived from."""


class AncestorPart(Part):
    """Something that a model or a source was made from. It is never downloaded; `address` is for information.

    `origin` and `made_from` have the same meaning as in a model or a source."""

    licence: Text
    origin: Origin
    made_from: tuple[Text, ...] = ()
    address: Text | None = None


class PolicyPart(Part):
    """What is accepted: the licences, as SPDX ids or expressions, and whether use is `commercial`.

    `exceptions` has ancestors that are accepted together with everything that they were made from, each with a reason.
    Models and sources themselves cannot be exceptions.
    """

    licences: Annotated[tuple[Accepted, ...], Field(min_length=1)]
    commercial: bool = True
    exceptions: dict[Name, Text] = {}
