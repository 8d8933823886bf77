"""The one kind of error that is shown to users without a traceback."""

from __future__ import annotations


class UserError(Exception):
    """A problem that the user can fix: the message says what failed, what was found and what would be right."""
