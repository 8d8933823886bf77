"""The recipe's models, sources and ancestors, and the policy that says which of them are open enough."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from assets.openness.licences import restrictions
from assets.recipe.values import AddressText, Name, Sha256


class Part(BaseModel):
    """A part of the recipe: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _listable(licence: str) -> str:
    # Whether a licence for non-commercial use may be listed depends on another key; see assets/loading/rules.py.
    for restriction in restrictions(licence, commercial=False):
        raise ValueError(f"no policy can accept it: {restriction}")
    return licence


Text = Annotated[str, Field(min_length=1)]
Origin = Annotated[str, Field(pattern=r"^(human|mixed|model:.+)$")]
Accepted = Annotated[str, AfterValidator(_listable)]


class ModelPart(Part):
    """A model by address (see resources/fetching/addresses.py), with the hash and licence it must have.

    Of a model at an endpoint, all but the address is what is declared of the weights that it serves.
    `origin` says who wrote the texts that it was trained on: human, mixed or model:NAME. `made_from` names what it
    was made from: the model that it was fine-tuned from, the texts that it was tuned on. A name is that of a model, a
    source or an ancestor of the recipe.
    """

    address: AddressText
    sha256: Sha256
    licence: Text
    origin: Origin
    made_from: tuple[Text, ...] = ()


class SourcePart(ModelPart):
    """A source of text by address; `origin` says who wrote it, `made_from` what it was compiled or derived from."""


class AncestorPart(Part):
    """Something that a model or a source was made from and that is not read itself: `address` says where it is found.

    `origin` and `made_from` are those of a model or a source."""

    licence: Text
    origin: Origin
    made_from: tuple[Text, ...] = ()
    address: Text | None = None


class PolicyPart(Part):
    """What counts as open enough: the accepted licences, as SPDX ids or expressions, and whether use is `commercial`.

    `exceptions` names ancestors that are accepted with all that lies behind them, each with the reason. What is used
    itself cannot be excepted.
    """

    licences: Annotated[tuple[Accepted, ...], Field(min_length=1)]
    commercial: bool = True
    exceptions: dict[Name, Text] = {}
