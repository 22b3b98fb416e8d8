"""A model, loaded: on one core, its weights unpacked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def load(model: Path) -> Any:
    """Return onnxruntime's session of a model."""
    import onnxruntime  # noqa: PLC0415 - 40 MB and 0.2 s that the simulated recogniser does without

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # photos run side by side, each on one core
    options.inter_op_num_threads = 1
    # The weights are int8 only in the file: unpacked once at load, or the models run at half their speed.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
