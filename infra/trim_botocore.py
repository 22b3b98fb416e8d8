"""Run while the image is built: keep in botocore's data only what the function and botocore itself call.

botocore reads a service's whole model, with all its operations and their documentation, to make a client of it.
At a cold start that is a large part of the time (`make bench-image`), so the models here have the operations that
are called, and the shapes that these need. `botocore.model` reads them, and so tells their format.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any

# What the function calls.
CALLED = {
    "dynamodb": {
        "BatchExecuteStatement",
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "UpdateItem",
    },
    "lambda": {"UpdateEventSourceMapping"},
    "rekognition": {"DetectLabels"},
    "s3": {"GetObject", "HeadObject"},
    "sqs": {"ChangeMessageVisibilityBatch", "SendMessage", "SendMessageBatch"},
}

# What botocore's clients of these services call by themselves: without them the image would raise AttributeErrors.
# DescribeEndpoints is not among them: botocore discovers endpoints only where it is told to in the environment,
# and the model has the operation. Nor are STS and SSO: Lambda gives a function its credentials in the environment.
CALLED_BY_BOTOCORE = {
    "s3": {
        # For a bucket's region, where HeadObject answers 400 without it, as for a photo under its owner's key.
        "HeadBucket",
        # For credentials of a directory bucket, which a message may name: AWS then says why they are not ours.
        "CreateSession",
    }
}

# All that a client in the image has methods for.
OPERATIONS = {service: called | CALLED_BY_BOTOCORE.get(service, set()) for service, called in CALLED.items()}


def trim(site: Path) -> None:
    """Trim the botocore that is installed in `site`."""
    data = site / "botocore" / "data"
    for folder in data.iterdir():
        if folder.is_dir():
            if folder.name in OPERATIONS:
                _trim_service(folder, OPERATIONS[folder.name])
            else:
                shutil.rmtree(folder)
    endpoints = _read(data / "endpoints.json")
    for partition in endpoints["partitions"]:
        partition["services"] = {
            name: partition["services"][name] for name in OPERATIONS if name in partition["services"]
        }
    _write(data / "endpoints.json", endpoints)


def _trim_service(folder: Path, operations: set[str]) -> None:
    newest = max(folder.iterdir())
    kept = {
        "service-2.json": reduced(_read(newest / "service-2.json.gz"), operations),
        "endpoint-rule-set-1.json": _read(newest / "endpoint-rule-set-1.json.gz"),
    }
    corrections = newest / "service-2.sdk-extras.json"  # botocore's own, to the model
    if corrections.exists():
        kept[corrections.name] = _read(corrections)
    shutil.rmtree(folder)
    newest.mkdir(parents=True)
    for name, content in kept.items():
        _write(newest / name, content)


def reduced(model: dict[str, Any], operations: set[str]) -> dict[str, Any]:
    """Return the model with only these operations and no documentation. Raises KeyError for an unknown one."""
    kept = {name: _undocumented(model["operations"][name]) for name in sorted(operations)}
    shapes: dict[str, Any] = {}
    waiting = list(_shapes_of(kept))
    while waiting:
        name = waiting.pop()
        if name not in shapes:
            shapes[name] = _undocumented(model["shapes"][name])
            waiting += _shapes_of(shapes[name])
    return model | {"operations": kept, "shapes": dict(sorted(shapes.items())), "documentation": ""}


def _shapes_of(part: Any) -> list[str]:
    """Names of the shapes that a part of a model refers to."""
    if isinstance(part, list):
        return [name for one in part for name in _shapes_of(one)]
    if not isinstance(part, dict):
        return []
    own = [part["shape"]] if isinstance(part.get("shape"), str) else []
    return own + [name for one in part.values() for name in _shapes_of(one)]


def _undocumented(part: Any) -> Any:
    if isinstance(part, list):
        return [_undocumented(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        name: _undocumented(one) for name, one in part.items() if name != "documentation" or isinstance(one, dict)
    }


def _read(path: Path) -> Any:
    return json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")))


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
