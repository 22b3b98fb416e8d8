"""Weights to int8: a quarter of the size. The arithmetic stays float32, so nothing needs calibration."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from local.models.build.graph import serialised

# Elements. Below it a weight's own scales would cost what its bytes save.
_SMALLEST = 2048


def to_int8(model: bytes) -> bytes:
    """Replace each large weight by int8 values, a scale for each output channel, and a DequantizeLinear."""
    loaded = onnx.load_from_string(model)
    graph = loaded.graph
    weights, dequantised = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2 or values.size <= _SMALLEST:
            weights.append(tensor)
            continue
        scales = np.abs(values.reshape(len(values), -1)).max(axis=1) / np.float32(127)
        scales[scales == 0] = 1
        whole = np.rint(values / scales.reshape(-1, *[1] * (values.ndim - 1))).clip(-127, 127).astype(np.int8)
        parts = {"q": whole, "s": scales.astype(np.float32), "z": np.zeros(len(scales), np.int8)}
        weights += [numpy_helper.from_array(part, f"{tensor.name}_{end}") for end, part in parts.items()]
        inputs = [f"{tensor.name}_{end}" for end in parts]
        dequantised.append(helper.make_node("DequantizeLinear", inputs, [tensor.name], axis=0))
    nodes = [*dequantised, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(weights)
    graph.node.extend(nodes)
    return serialised(loaded)
