"""Exports a language model to OpenVINO: the same weights in float32, and a graph that keeps its own cache.

OpenVINO's converter traces the model of transformers. OpenVINO GenAI serves such a graph if it is "stateful": the keys
and values of earlier tokens are variables of the graph and not inputs. See
https://docs.openvino.ai/2026/openvino-workflow/running-inference/inference-request/stateful-models.html

Not covered: models whose layers do not all attend to all earlier tokens (sliding windows, state spaces).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

from resources.models.loading import load_language_model
from resources.models.quiet import refuse_telemetry
from warehouse.core.waiting import locked

if TYPE_CHECKING:
    import torch

FORMAT = 1
"""Raise it when the exported graph changes."""

MODEL = "openvino_model.xml"


def folder_name() -> str:
    """The name of a folder with exports of this format, by the installed version of OpenVINO."""
    return f"openvino-{version('openvino')}-{FORMAT}"


def exported(folder: Path, target: Path) -> Path:
    """The folder `target` with the exported form of the model in `folder`, which is made once, completely or not at
    all. Raises UserError where the model cannot be loaded."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.with_name(f"{target.name}.exporting.lock"), f"{folder}, which is being exported"):
        if not target.is_dir():
            scratch = target.with_name(f"{target.name}.exporting")
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            _export(folder, scratch)
            scratch.rename(target)
    return target


def _export(folder: Path, target: Path) -> None:
    refuse_telemetry()
    import openvino as ov
    import torch

    model = load_language_model(folder, dtype=torch.float32, attn_implementation="sdpa").eval()
    config = model.config.get_text_config()
    heads = config.num_key_value_heads or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    caches = [f"{layer}.{part}" for layer in range(config.num_hidden_layers) for part in ("key", "value")]
    model.forward = MethodType(_forward, model)
    rows, before, new = 2, 4, 3
    example = {
        "input_ids": torch.ones((rows, new), dtype=torch.long),
        "attention_mask": torch.ones((rows, before + new), dtype=torch.long),
        "position_ids": torch.arange(before, before + new).expand(rows, new).contiguous(),
        "cache": [torch.zeros(rows, heads, before, size) for _ in caches],
    }
    with torch.inference_mode():
        graph = ov.convert_model(model, example_input=example)
    _name(graph, caches, heads, size)
    _make_stateful(graph, caches)
    ov.save_model(graph, target / MODEL, compress_to_fp16=False)


def _forward(
    self: Any,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    position_ids: torch.Tensor,
    cache: Sequence[torch.Tensor],
) -> tuple[torch.Tensor, ...]:
    """What is traced: logits, and the keys and values of all layers after the new tokens."""
    import torch
    from transformers.cache_utils import DynamicCache, DynamicLayer

    past = DynamicCache()
    for keys, values in zip(cache[::2], cache[1::2], strict=True):
        layer = DynamicLayer()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values
        past.layers.append(layer)
    whole, new = attention_mask.shape[1], input_ids.shape[1]
    seen = torch.arange(whole)[None, :] <= torch.arange(new)[:, None] + (whole - new)
    visible = seen[None, None] & (attention_mask[:, None, None, :] > 0)
    bias = torch.zeros(visible.shape).masked_fill(~visible, torch.finfo(torch.float32).min)
    read = {"input_ids": input_ids, "attention_mask": bias, "position_ids": position_ids}
    logits = type(self).forward(self, **read, past_key_values=past, use_cache=True).logits
    return logits, *(part for layer in past.layers for part in (layer.keys, layer.values))


def _name(graph: Any, caches: Sequence[str], heads: int, size: int) -> None:
    """Gives inputs and outputs the names and shapes that OpenVINO GenAI looks for."""
    import openvino as ov

    inputs = ["input_ids", "attention_mask", "position_ids", *(f"past_key_values.{name}" for name in caches)]
    for number, (one, name) in enumerate(zip(graph.inputs, inputs, strict=True)):
        node = one.get_node()
        one.set_names({name})
        node.set_friendly_name(name)
        node.set_partial_shape(ov.PartialShape([-1, -1] if number < 3 else [-1, heads, -1, size]))
    for one, name in zip(graph.outputs, ["logits", *(f"present.{name}" for name in caches)], strict=True):
        one.set_names({name})
    graph.validate_nodes_and_infer_types()


def _make_stateful(graph: Any, caches: Sequence[str]) -> None:
    """Turns the cache into variables that are empty at first. `beam_idx` says which row each row goes on from."""
    import numpy as np
    from openvino import opset13 as ops
    from openvino._offline_transformations import apply_make_stateful_transformation

    beam = ops.parameter([-1], np.int32, name="beam_idx")
    beam.output(0).set_names({"beam_idx"})
    graph.add_parameters([beam])
    rows = ops.constant(0, dtype=np.int32)
    for one in graph.inputs:
        if one.any_name.startswith("past_key_values."):
            readers = one.get_target_inputs()
            chosen = ops.gather(one.get_node(), beam, rows)
            for reader in readers:
                reader.replace_source_output(chosen.output(0))
    graph.validate_nodes_and_infer_types()
    apply_make_stateful_transformation(graph, {f"past_key_values.{name}": f"present.{name}" for name in caches})
    count = ops.gather(
        ops.shape_of(graph.input("input_ids"), output_type="i64"), ops.constant([0], dtype=np.int64), rows
    )
    for node in graph.get_ops():
        if node.get_type_name() == "ReadValue":
            _, heads, _, size = node.get_output_partial_shape(0)
            rest = ops.constant([heads.get_length(), 0, size.get_length()], dtype=np.int64)
            shape = ops.concat([count, rest], axis=0)
            zero = ops.constant(0.0, dtype=node.get_output_element_type(0))
            node.set_arguments([ops.broadcast(zero, shape)])
    graph.validate_nodes_and_infer_types()
