"""The keys of calls to a model on this machine, which depend on what its folder says (see ModelFolder)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from resources.models.model_folder import ModelFolder
from resources.tools.session import Session
from warehouse.core.errors import UserError
from warehouse.store.calls import Call

Keyed = Callable[[ModelFolder | None], list[Call]]
"""Makes the same calls with the keys that they have for a model in this folder; None is a folder that says nothing."""


def keys_of(session: Session, name: str, keyed: Keyed) -> list[Call]:
    """The calls to the model `name`, with their keys.

    A model that is not on this machine is fetched only if calls are not in the memo without its folder. So a build
    whose calls are all recorded needs no model, as long as none of them depends on the folder.
    """
    folder = session.model_folder(name, fetch=False)
    calls = keyed(folder)
    if folder is None and calls and session.memo().recorded(calls).missing:
        # The code that computes the calls raises the error again.
        with suppress(UserError):
            calls = keyed(session.model_folder(name, fetch=True))
    return calls
