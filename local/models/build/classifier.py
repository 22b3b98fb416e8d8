"""EfficientNet-Lite0 from PyTorch's weights to ONNX, without PyTorch.

Input `image`: float32 [1, 3, 224, 224], RGB, (value - 127) / 128. Output `probabilities`: [1, 1000], ImageNet's.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from local.models.build.graph import Graph

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Weights = dict[str, NDArray[Any]]

_SIDE = 224
_CLASSES = 1000
_STAGE_STRIDES = (1, 2, 2, 2, 1, 2, 1)
_EPSILON = 1e-3  # of the batch normalisation
# What a .pth file of the old format starts with (torch/serialization.py).
_MAGIC = 0x1950A86A20F9469CFC6C


def convert(path: Path) -> bytes:
    """Return the ONNX model of a state dictionary."""
    with path.open("rb") as file:
        weights = _read_state_dictionary(file)
    graph = Graph()
    tensor = _convolution(graph, weights, "image", "_conv_stem", "_bn0", stride=2)
    blocks = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("_blocks."))
    widths = [len(weights["_conv_stem.weight"])]
    widths += [len(weights[f"_blocks.{number}._project_conv.weight"]) for number in range(blocks)]
    strides = iter(_STAGE_STRIDES)
    for number, (before, after) in enumerate(pairwise(widths)):
        # a stage starts where the width changes, and the very first block starts the first one
        stride = next(strides) if before != after or number == 0 else 1
        tensor = _block(graph, weights, tensor, f"_blocks.{number}.", stride, adds=stride == 1 and before == after)
    tensor = _convolution(graph, weights, tensor, "_conv_head", "_bn1")
    tensor = graph.node("Flatten", graph.node("GlobalAveragePool", tensor))
    dense = graph.weight(weights["_fc.weight"]), graph.weight(weights["_fc.bias"])
    tensor = graph.node("Softmax", graph.node("Gemm", tensor, *dense, transB=1), axis=1)
    return graph.serialised(("image", [1, 3, _SIDE, _SIDE]), {tensor: ("probabilities", [1, _CLASSES])})


def _block(graph: Graph, weights: Weights, tensor: str, name: str, stride: int, *, adds: bool) -> str:
    """Widen, filter each channel, narrow: an inverted residual."""
    inner = tensor
    if f"{name}_expand_conv.weight" in weights:
        inner = _convolution(graph, weights, inner, f"{name}_expand_conv", f"{name}_bn0")
    inner = _convolution(graph, weights, inner, f"{name}_depthwise_conv", f"{name}_bn1", stride=stride)
    inner = _convolution(graph, weights, inner, f"{name}_project_conv", f"{name}_bn2", activated=False)
    return graph.node("Add", inner, tensor) if adds else inner


def _convolution(
    graph: Graph, weights: Weights, tensor: str, name: str, norm: str, *, stride: int = 1, activated: bool = True
) -> str:
    """Convolve, with the batch normalisation folded into kernel and bias."""
    scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + np.float32(_EPSILON))
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    kernel = weights[f"{name}.weight"] * scale[:, None, None, None]
    group = len(kernel) if name.endswith("_depthwise_conv") else 1
    tensor = graph.convolution(tensor, kernel, bias, group=group, strides=(stride, stride))
    return graph.relu6(tensor) if activated else tensor


class _Unpickler(pickle.Unpickler):
    """Reads tensors, and refuses whatever else a pickle may ask for."""

    _KINDS = {"FloatStorage": "<f4", "LongStorage": "<i8"}  # noqa: RUF012

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.kinds: dict[str, str] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: (storage, offset, shape, strides)
        if module == "torch" and name in self._KINDS:
            return self._KINDS[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place among weights")

    def persistent_load(self, pid: Any) -> str:
        _, kind, key, *_ = pid
        self.kinds[key] = kind
        return str(key)


def _read_state_dictionary(file: BinaryIO) -> Weights:
    """Read PyTorch's old format: magic, version, system, the pickled dictionary, the keys, then the storages."""
    if pickle.load(file) != _MAGIC:  # noqa: S301 - its sha256 was checked
        raise ValueError("This is no .pth file of the old format.")
    pickle.load(file)  # noqa: S301 - protocol version
    pickle.load(file)  # noqa: S301 - about the system that wrote it
    unpickler = _Unpickler(file)
    tensors = unpickler.load()
    storages = {}
    for key in pickle.load(file):  # noqa: S301
        kind = np.dtype(unpickler.kinds[key])
        (count,) = struct.unpack("<q", file.read(8))
        storages[key] = np.frombuffer(file.read(kind.itemsize * count), kind)
    return {
        name: np.lib.stride_tricks.as_strided(
            storages[key][offset:], shape, [step * storages[key].itemsize for step in strides]
        ).copy()
        for name, (key, offset, shape, strides) in tensors.items()
    }
