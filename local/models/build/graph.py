"""A small writer of ONNX graphs: tensors are named by a counter, so that the same input gives the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_OPSET = 13
_IR_VERSION = 8


class Graph:
    """Collects nodes and weights in the order in which they are asked for."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def weight(self, values: Any) -> str:
        """Store a constant; floats as float32, whole numbers as int64. Returns its tensor's name."""
        array = np.asarray(values)
        array = array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output. Returns that tensor's name."""
        return self.nodes(kind, 1, *inputs, **attributes)[0]

    def nodes(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node of several outputs. Returns their tensors' names."""
        names = [f"t{len(self._nodes)}_{number}" for number in range(outputs)]
        self._nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names

    def convolution(
        self,
        image: str,
        kernel: NDArray[Any],
        bias: NDArray[Any] | None = None,
        *,
        group: int = 1,
        strides: Sequence[int] = (1, 1),
    ) -> str:
        """Convolve an NCHW image with an OIHW kernel, padded at the end as TensorFlow's "SAME" does."""
        weights = [self.weight(kernel)] if bias is None else [self.weight(kernel), self.weight(bias)]
        return self.node(
            "Conv",
            image,
            *weights,
            group=group,
            strides=list(strides),
            kernel_shape=list(kernel.shape[2:]),
            auto_pad="SAME_UPPER",
        )

    def relu6(self, tensor: str) -> str:
        """Clip to 0 … 6."""
        return self.node("Clip", tensor, self.weight(0.0), self.weight(6.0))

    def serialised(
        self, given: tuple[str, Sequence[int]], results: Mapping[str, tuple[str, Sequence[int]]]
    ) -> bytes:
        """Finish. `given` is the input's name and shape; `results` maps a tensor to an output's name and shape."""
        for tensor, (name, _) in results.items():
            self._nodes.append(helper.make_node("Identity", [tensor], [name]))
        graph = helper.make_graph(
            self._nodes,
            "photo-labels",
            [helper.make_tensor_value_info(given[0], TensorProto.FLOAT, given[1])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in results.values()],
            self._weights,
        )
        return serialised(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        )


def serialised(model: onnx.ModelProto) -> bytes:
    """Check a model, and give its bytes, the same each time."""
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
