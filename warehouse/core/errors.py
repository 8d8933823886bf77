"""The one kind of error that is shown without a traceback."""

from __future__ import annotations


class Mendable(Exception):
    """Something that the user can mend: the message says what failed, what was found, and what would be right."""
