"""The starter's model is a GGUF file, and its conversion is a part of every first build. transformers parses the file
again and again; if an update of it no longer took the shared reader, the conversion would be slow without a word."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest
from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

from resources.models.weights import _read_once


def tiny_gguf(path: Path) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(8)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def test_a_gguf_file_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, parsed = tiny_gguf(tmp_path / "tiny.gguf"), []
    build = gguf.GGUFReader._build_fields
    monkeypatch.setattr(
        gguf.GGUFReader, "_build_fields", lambda reader, *given: (parsed.append(1), build(reader, *given))[1]
    )
    with _read_once():
        first, second = (load_gguf_checkpoint(str(path), return_tensors=False) for _ in range(2))
    assert first == second
    assert first["config"]["num_hidden_layers"] == 1
    assert len(parsed) == 1


def test_the_library_is_as_before_afterwards() -> None:
    before = gguf.GGUFReader, gguf.get_tensor_name_map
    with pytest.raises(OSError), _read_once():
        assert gguf.GGUFReader is not before[0]
        raise OSError
    assert (gguf.GGUFReader, gguf.get_tensor_name_map) == before
