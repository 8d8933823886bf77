r"""Reject pairs that hold personal data: e-mail addresses, telephone numbers, cards, accounts, addresses of machines.

A pattern finds what may be such data, and a check decides. The choice of kinds and the patterns are ours.

- `email`: an address, except below the domains and names for examples (RFC 2606 and RFC 6761,
  https://www.rfc-editor.org/rfc/rfc6761).
- `phone`: a number with its country code, such as +44 20 7946 0958, that is valid in its country. Google's library
  decides (https://github.com/daviddrysdale/python-phonenumbers). A number without "+" may be anything, so it is not
  found.
- `card`: 13 to 19 digits that begin with 2 to 6, with a right check digit (Luhn, ISO/IEC 7812-1).
- `iban`: an account number with right check digits (ISO 13616); python-stdnum knows the lengths by country
  (https://arthurdejong.org/python-stdnum/).
- `ip`: an address that is reachable from everywhere, as Python's ipaddress has it: not 127.0.0.1, 192.168.0.1 or one
  of those for documentation (RFC 5737).

Names of people are not found: this takes a model.

Worked example: "Write to ann.lee@proton.me" has an e-mail address, "Write to ann@example.org" has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from ipaddress import ip_address

import polars as pl
from stdnum import iban, luhn

from assets.recipe.values import PersonalData

COLUMNS = ("response", "instruction", "input")

_EMAIL = r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}\b"
_PHONE = r"\+ ?[(]?\d"
_CARD = r"\b[2-6](?:[ -]?\d){12,18}\b"
_NO_FRACTION = rf"(?<![.,])(?:{_CARD})(?![.,]\d)"
_IBAN = r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"
_IP = r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7}\b"
_EXAMPLES = ("example.com", "example.net", "example.org", "example", "test", "invalid", "localhost")


def personal_data(pairs: pl.DataFrame, kinds: Collection[PersonalData]) -> dict[str, str]:
    """The reason to reject a pair (columns id, instruction, input, response), by its id: the first kind that it has.

    The reason does not repeat the data."""
    reasons: dict[str, str] = {}
    for kind in kinds:
        pattern, has = _KINDS[kind]
        for column in COLUMNS:
            # Rust's regular expressions narrow the search to few rows.
            for row_id, text in pairs.filter(pl.col(column).str.contains(pattern)).select("id", column).iter_rows():
                if row_id not in reasons and has(text):
                    reasons[row_id] = f"personal data in the {column}: {kind}"
    return reasons


def _found(pattern: str, text: str) -> Iterator[str]:
    return (found.group() for found in re.finditer(pattern, text, re.ASCII))


def _has_email(text: str) -> bool:
    domains = (address.rpartition("@")[2].lower() for address in _found(_EMAIL, text))
    return any(not f".{domain}".endswith(tuple(f".{one}" for one in _EXAMPLES)) for domain in domains)


def _has_phone(text: str) -> bool:
    from phonenumbers import PhoneNumberMatcher  # its numbers of all countries take a moment to load

    return any(True for _ in PhoneNumberMatcher(text, None))


def _has_card(text: str) -> bool:
    return any(luhn.is_valid(re.sub(r"\D", "", digits)) for digits in _found(_NO_FRACTION, text))


def _has_iban(text: str) -> bool:
    return any(iban.is_valid(account) for account in _found(_IBAN, text))


def _has_ip(text: str) -> bool:
    return any(_is_global(address) for address in _found(_IP, text))


def _is_global(address: str) -> bool:
    try:
        return ip_address(address).is_global
    except ValueError:
        return False


_KINDS: dict[PersonalData, tuple[str, Callable[[str], bool]]] = {
    "email": (_EMAIL, _has_email),
    "phone": (_PHONE, _has_phone),
    "card": (_CARD, _has_card),
    "iban": (_IBAN, _has_iban),
    "ip": (_IP, _has_ip),
}
