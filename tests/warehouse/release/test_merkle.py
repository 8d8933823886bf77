"""Every program must compute the same Merkle root. So ours is compared with published roots and with the recursive
definition of the RFC; our code is not recursive."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.release.merkle import merkle_root

# The leaves and roots of Certificate Transparency's reference tests:
# https://github.com/transparency-dev/merkle/blob/main/testonly/constants.go
LEAVES = [bytes.fromhex(leaf).decode() for leaf in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def defined(leaves: list[str]) -> bytes:
    """MTH(D[n]) of RFC 9162 section 2.1.1: split at the largest power of two that is smaller than n."""
    if len(leaves) < 2:
        return hashlib.sha256(b"".join(b"\0" + leaf.encode() for leaf in leaves)).digest()
    split = max(2**power for power in range(len(leaves).bit_length()) if 2**power < len(leaves))
    return hashlib.sha256(b"\1" + defined(leaves[:split]) + defined(leaves[split:])).digest()


@pytest.mark.parametrize("count", range(len(ROOTS)))
def test_published_roots(count: int) -> None:
    assert merkle_root(LEAVES[:count]) == ROOTS[count]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=70))
def test_any_list_has_the_root_of_the_definition(leaves: list[str]) -> None:
    assert merkle_root(iter(leaves)) == defined(leaves).hex()


@given(st.lists(st.integers(), min_size=1, max_size=40, unique=True), st.data())
def test_a_row_left_out_put_in_twice_or_moved_changes_the_root(numbers: list[int], data: st.DataObject) -> None:
    leaves = [str(number) for number in numbers]
    at = data.draw(st.integers(0, len(leaves) - 1))
    variants = [leaves[:at] + leaves[at + 1 :], [*leaves[: at + 1], *leaves[at:]]]
    if at:
        variants.append([*leaves[: at - 1], leaves[at], leaves[at - 1], *leaves[at + 1 :]])
    assert merkle_root(leaves) not in {merkle_root(variant) for variant in variants}


def test_a_million_rows_are_hashed_without_recursion_and_without_a_list_of_them() -> None:
    halves = [merkle_root(str(row) for row in range(start, start + 2**19)) for start in (0, 2**19)]
    node = hashlib.sha256(b"\1" + b"".join(map(bytes.fromhex, halves))).hexdigest()
    assert merkle_root(str(row) for row in range(2**20)) == node
