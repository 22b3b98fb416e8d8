"""SSDLite-MobileNetV2 (COCO) from TensorFlow.js to ONNX, without TensorFlow. Only the operations it has are known.

The graph is cut behind the loop that resizes, so that the input is the resized image, and in front of the
non-maximum suppression, which is a few lines of numpy.

Input `image`: float32 [1, 300, 300, 3], RGB, 0 … 255. Outputs: `scores` [1, 1917, 90], 0 … 1, column c being
COCO's id c + 1; `boxes` [1, 1917, 1, 4], each top, left, bottom, right in 0 … 1 (or slightly outside).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from local.models.build.graph import Graph

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_INPUT = "Preprocessor/map/TensorArrayStack/TensorArrayGatherV3"
_SCORES, _BOXES = "Postprocessor/Slice", "Postprocessor/ExpandDims_1"
_SIDE, _ANCHORS, _CLASSES = 300, 1917, 90
_SAME_IN_ONNX = {
    "Add": "Add",
    "BiasAdd": "Add",
    "Mul": "Mul",
    "Sub": "Sub",
    "AddN": "Sum",
    "Exp": "Exp",
    "Sigmoid": "Sigmoid",
}


def convert(path: Path) -> bytes:
    """Return the ONNX model of a `model.json` with its weights beside it."""
    return _Converter(path).convert()


class _Converter:
    """Walks from the outputs back to the input, writing each node after those that it reads."""

    def __init__(self, path: Path) -> None:
        model = json.loads(path.read_text())
        self._nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
        self._weights = _read_weights(path, model["weightsManifest"])
        self._graph = Graph()
        # TensorFlow's tensor name, as `node` or `node:1`, to ONNX's.
        self._done = {_INPUT: "image"}

    def convert(self) -> bytes:
        scores, boxes = self._tensor(_SCORES), self._tensor(_BOXES)
        outputs = {scores: ("scores", [1, _ANCHORS, _CLASSES]), boxes: ("boxes", [1, _ANCHORS, 1, 4])}
        return self._graph.serialised(("image", [1, _SIDE, _SIDE, 3]), outputs)

    def _tensor(self, name: str) -> str:
        if name not in self._done:
            if name in self._weights:
                self._done[name] = self._graph.weight(self._weights[name])
            else:
                self._write(self._nodes[name.partition(":")[0]])
        return self._done[name]

    def _write(self, node: dict[str, Any]) -> None:
        name, kind, inputs = node["name"], node["op"], node["input"]
        if kind == "Unpack":
            for number, part in enumerate(self._unpacked(node)):
                self._done[f"{name}:{number}" if number else name] = part
        elif kind in _SAME_IN_ONNX:
            self._done[name] = self._graph.node(_SAME_IN_ONNX[kind], *map(self._tensor, inputs))
        else:
            self._done[name] = getattr(self, f"_{kind.lower()}")(node, inputs)

    def _constant(self, name: str) -> NDArray[Any]:
        """Return what a shape or a list of axes comes to. The batch size, all that the graph ever slices, is 1."""
        node = self._nodes.get(name, {})
        if node.get("op") == "StridedSlice":
            return np.array(1)
        if node.get("op") == "Pack":
            return np.array([int(self._constant(part)) for part in node["input"]])
        if node.get("op") == "Sub":  # "the number of axes - 1 - the range of axes": the axes in reverse
            first, second = map(self._constant, node["input"])
            return np.asarray(first - second)
        return self._weights[name]

    def _relu6(self, _: dict[str, Any], inputs: list[str]) -> str:
        return self._graph.relu6(self._tensor(inputs[0]))

    def _conv2d(self, node: dict[str, Any], inputs: list[str]) -> str:
        return self._convolution(node, inputs, self._weights[inputs[1]].transpose(3, 2, 0, 1), group=1)

    def _depthwiseconv2dnative(self, node: dict[str, Any], inputs: list[str]) -> str:
        kernel = self._weights[inputs[1]].transpose(2, 3, 0, 1)  # HWC1 to C1HW
        return self._convolution(node, inputs, kernel, group=len(kernel))

    def _convolution(
        self, node: dict[str, Any], inputs: list[str], kernel: NDArray[np.float32], group: int
    ) -> str:
        """TensorFlow.js keeps channels last, ONNX first; onnxruntime takes the pairs of Transpose out again."""
        strides = [int(step) for step in node["attr"]["strides"]["list"]["i"]][1:3]
        image = self._graph.node("Transpose", self._tensor(inputs[0]), perm=[0, 3, 1, 2])
        image = self._graph.convolution(image, kernel, group=group, strides=strides)
        return self._graph.node("Transpose", image, perm=[0, 2, 3, 1])

    def _fusedbatchnorm(self, node: dict[str, Any], inputs: list[str]) -> str:
        gamma, beta, mean, variance = (self._weights[name] for name in inputs[1:5])
        scale = gamma / np.sqrt(variance + np.float32(node["attr"]["epsilon"]["f"]))
        scaled = self._graph.node("Mul", self._tensor(inputs[0]), self._graph.weight(scale))
        return self._graph.node("Add", scaled, self._graph.weight(beta - mean * scale))

    def _reshape(self, _: dict[str, Any], inputs: list[str]) -> str:
        return self._graph.node("Reshape", self._tensor(inputs[0]), self._graph.weight(self._constant(inputs[1])))

    def _tile(self, _: dict[str, Any], inputs: list[str]) -> str:
        return self._graph.node("Tile", self._tensor(inputs[0]), self._graph.weight(self._constant(inputs[1])))

    def _transpose(self, _: dict[str, Any], inputs: list[str]) -> str:
        axes = [int(axis) for axis in self._constant(inputs[1])]
        return self._graph.node("Transpose", self._tensor(inputs[0]), perm=axes)

    def _concatv2(self, _: dict[str, Any], inputs: list[str]) -> str:
        *parts, axis = inputs
        return self._graph.node("Concat", *map(self._tensor, parts), axis=int(self._constant(axis)))

    def _squeeze(self, node: dict[str, Any], inputs: list[str]) -> str:
        axes = [int(axis) for axis in node["attr"]["squeeze_dims"]["list"]["i"]]
        return self._graph.node("Squeeze", self._tensor(inputs[0]), self._graph.weight(axes))

    def _expanddims(self, _: dict[str, Any], inputs: list[str]) -> str:
        axis = self._graph.weight([int(self._constant(inputs[1]))])
        return self._graph.node("Unsqueeze", self._tensor(inputs[0]), axis)

    def _slice(self, _: dict[str, Any], inputs: list[str]) -> str:
        begin, size = (self._constant(name) for name in inputs[1:])
        end = [start + length if length >= 0 else 2**31 - 1 for start, length in zip(begin, size, strict=True)]
        return self._graph.node(
            "Slice", self._tensor(inputs[0]), self._graph.weight(begin), self._graph.weight(end)
        )

    def _pack(self, node: dict[str, Any], inputs: list[str]) -> str:
        axis = int(node["attr"].get("axis", {}).get("i", 0))
        where = self._graph.weight([axis])
        parts = [self._graph.node("Unsqueeze", self._tensor(name), where) for name in inputs]
        return self._graph.node("Concat", *parts, axis=axis)

    def _unpacked(self, node: dict[str, Any]) -> list[str]:
        axis, count = int(node["attr"].get("axis", {}).get("i", 0)), int(node["attr"]["num"]["i"])
        where = self._graph.weight([axis])
        parts = self._graph.nodes("Split", count, self._tensor(node["input"][0]), axis=axis)
        return [self._graph.node("Squeeze", part, where) for part in parts]


def _read_weights(path: Path, manifest: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """Cut the shards, one after another, into the tensors of the manifest."""
    weights = {}
    for group in manifest:
        data = b"".join((path.parent / name).read_bytes() for name in group["paths"])
        offset = 0
        for entry in group["weights"]:
            kind = np.dtype({"float32": "<f4", "int32": "<i4"}[entry["dtype"]])
            count = int(np.prod(entry["shape"], dtype=int))
            array = np.frombuffer(data, kind, count, offset).reshape(entry["shape"])
            weights[entry["name"]] = array
            offset += array.nbytes
    return weights
