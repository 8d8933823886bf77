"""Version numbers of how models are asked and how their output is read, one per kind of call.

The number is part of a call's key in the memo. When the code that a number covers changes, the same request may get
another answer: raise the number, or calls from before the change still answer it. A test fails when that code changes
and the number does not: tests/resources/models/test_protocol.py.

Protocol 1 and float32 on a CPU add nothing to a request. So all calls that were recorded before these numbers existed
keep their keys, and the records that were made from them keep their ids.
"""

from __future__ import annotations

from typing import Any

COMPLETION = 1
"""Raise it when the text that a local model reads for a prompt changes (chat template, special tokens), or how tokens
are sampled, or where a completion ends (stop strings, end of text), or how its text is decoded.

Answers from the time when special tokens inside an answer were dropped keep their keys, since no request tells them."""

ENDPOINT_COMPLETION = 1
"""Raise it when the request that is sent to an endpoint changes, or how its answer is cut at stop strings."""

LOSS = 1
"""Raise it when the text that a model reads for a loss changes, or which tokens are counted."""

EMBEDDING = 1
"""Raise it when the text that is embedded changes, or how its vector is computed or normalized."""

TRAINING = 1
"""Raise it when the text of training examples changes, or the loss, the adapter or the optimizer."""

LITERAL = {"control_tokens": "text"}
"""In the requests whose contents hold a control token of the model. Calls without it date from when a model read such
contents as control tokens, so they do not answer these requests. Other requests have other keys and keep their calls.
"""

OWN_GENERATION = {"generation_config": "not used"}
"""In the requests for completions of a model whose generation_config.json would change them, such as by a repetition
penalty. Calls without it date from when it did."""

DEFAULT_NUMERICS = "float32 on cpu"


def served(precision: str | None = None) -> str:
    """The numerics of a server that has the weights of a model of the recipe, which may say their `precision`."""
    return f"{precision} of a server" if precision else "of a server"


def stamp(protocol: int, numerics: str = DEFAULT_NUMERICS) -> dict[str, Any]:
    """What a request gets beside its content: "protocol" unless it is 1, "numerics" unless they are DEFAULT_NUMERICS.

    Completions, losses and trainings have `numerics` (see device.py). Calls to an endpoint have none, since its
    numerics are not known. Embeddings have none: their type of numbers is stored with the model and is the same on all
    devices.
    """
    stamped: dict[str, Any] = {} if protocol == 1 else {"protocol": protocol}
    return stamped if numerics == DEFAULT_NUMERICS else stamped | {"numerics": numerics}
