"""Runs ministack, in its own virtual environment, less what it gets wrong of our template and of photos' names.

`AWS::CloudWatch::Alarm` has `Metrics` (metric math) on AWS. ministack refuses a template with them; here it keeps
such an alarm as it is described, and tells it as PutMetricAlarm would have stored it. It evaluates none of them:
`loadtest.alarm_states` does.

In IAM's policies `*` stands for any characters. In ministack's it stands for any but a line feed, so that the role
that may read `bucket/*` may not read a photo whose name has one.

Where the photos are a library's, they are there before the stack is, and are to outlive power cuts and full disks:
`_keep_a_library` says how.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import re
import runpy
import time
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import dynamodb, s3
from ministack.services.cloudformation import provisioners

_record = provisioners._cw_metric_alarm_record  # noqa: SLF001 - there is no other place
_create_bucket = provisioners._s3_create  # noqa: SLF001
_persist_object = s3._persist_object  # noqa: SLF001
_insert = dynamodb._partiql_insert  # noqa: SLF001
_create_table = provisioners._ddb_create  # noqa: SLF001
_OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")
_SIDECAR = ".meta.json"
# Of a table's stream, in memory; it is read every second.
_STREAM_S = 3600


def _record_with_metrics(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    metrics = properties.get("Metrics")
    if not metrics:
        return dict(_record(name, properties))
    alone = {key: value for key, value in properties.items() if key != "Metrics"}
    alarm = _record(name, alone | {"MetricName": "math", "Namespace": "math"})
    return {key: value for key, value in alarm.items() if key not in _OF_ONE_METRIC} | {"Metrics": metrics}


@functools.lru_cache(maxsize=4096)
def _wildcards(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    """Compile a pattern of a policy: an action, a resource, or the value of StringLike or ArnLike."""
    parts = {"*": ".*", "?": "."}
    expression = "".join(parts.get(one) or re.escape(one) for one in pattern)
    return re.compile(rf"{expression}\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _keep_a_library(least_sequencer: int, items: Path) -> None:
    """Have S3 keep photos for good; it has read those that are there when it was imported.

    The stack's bucket gets them when it is made, and its tables the items in files of their logical names, below
    `items`. Sequencers go on above `least_sequencer` where the clock was put back: else every new event would be
    older than the documents.
    """
    kept = dict(s3._buckets._data)  # noqa: SLF001
    s3._buckets._data.clear()  # noqa: SLF001 - CloudFormation refuses to make a bucket that is there

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name, attributes = _create_bucket(logical_id, properties, stack)
        for (_, bucket), record in kept.items():
            if bucket == name:
                s3._buckets[name]["objects"].update(record["objects"])  # noqa: SLF001
                _describe_again(name)
        return name, attributes

    def create_table(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name, attributes = _create_table(logical_id, properties, stack)
        lines = items / f"{logical_id}.items"
        if lines.exists():
            with lines.open("rb") as file:
                for line in file:
                    _insert(dynamodb._tables[name], {"item": json.loads(line)})  # noqa: SLF001
            lines.unlink()
        return name, attributes

    provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]["create"] = create  # noqa: SLF001
    provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]["create"] = create_table  # noqa: SLF001
    s3._event_sequence = itertools.count(max(time.time_ns() // 1000, least_sequencer + 1))  # noqa: SLF001
    s3._atomic_write = _write_durably  # noqa: SLF001
    s3._persist_object = _persist_or_fail  # noqa: SLF001
    dynamodb._partiql_insert = _insert_and_tell  # noqa: SLF001
    dynamodb._STREAM_RETENTION_SECONDS = _STREAM_S  # noqa: SLF001


def _insert_and_tell(table: dict[str, Any], parsed: dict[str, Any]) -> Any:
    """Have a table's stream tell of what PartiQL inserts, as on AWS; documents are saved by it."""
    answer = _insert(table, parsed)
    if answer[0] == 200:
        item = parsed["item"]
        dynamodb._emit_stream_event(table["TableName"], "INSERT", None, item.get("M", item))  # noqa: SLF001
    return answer


def _persist_or_fail(bucket: str, key: str, record: Any) -> None:
    """Fail the request whose photo is not on the disk: ministack only logs that, and answers that all is well.

    The photo is not there then; one that it was to replace is again, at the next start.
    """
    other = _other_in_its_file(bucket, key)
    if not other:
        _persist_object(bucket, key, record)
        if record["body"] is None:
            return
    del s3._buckets[bucket]["objects"][key]  # noqa: SLF001
    why = f"this disk takes its name for that of {other}" if other else "is there room on the disk?"
    raise OSError(f"{bucket}/{key} could not be written: {why}")


def _other_in_its_file(bucket: str, key: str) -> str | None:
    """Return the photo whose file this one would overwrite; None: there is none.

    For macOS `a.JPG` and `A.jpg` are one name, for S3 they are two.
    """
    path = s3._object_disk_path(bucket, key)  # noqa: SLF001
    if not os.path.exists(path):  # noqa: PTH110 - a text of ministack's
        return None
    for other in list(s3._buckets[bucket]["objects"]):  # noqa: SLF001
        if other != key and _folded(other) == _folded(key):
            with suppress(FileNotFoundError):
                if os.path.samefile(s3._object_disk_path(bucket, other), path):  # noqa: SLF001, PTH121
                    return str(other)
    return None


def _folded(key: str) -> str:
    return unicodedata.normalize("NFD", key).casefold()


def _write_durably(path: str, data: bytes | str, *, text: bool = False) -> None:
    """Write a file atomically, so that it is whole after a power cut, too; readable by its user only."""
    new, sidecar = Path(f"{path}.tmp"), Path(f"{path}{_SIDECAR}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        new.unlink(missing_ok=True)  # the room that it takes is missing elsewhere
        raise
    if not text:
        sidecar.unlink(missing_ok=True)  # lest new bytes have the old ones' ETag, if it ends here
    new.replace(path)
    folder = os.open(sidecar.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _describe_again(bucket: str) -> None:
    """Write what is said of photos anew where only their bytes are there, so that it is the same at each start."""
    for key, record in s3._buckets[bucket]["objects"].items():  # noqa: SLF001
        if not Path(f"{s3._object_disk_path(bucket, key)}{_SIDECAR}").exists():  # noqa: SLF001
            _persist_object(bucket, key, record)


if __name__ == "__main__":
    iam_evaluator._fnmatch_compile = _wildcards  # noqa: SLF001
    provisioners._cw_metric_alarm_record = _record_with_metrics  # noqa: SLF001
    if _least := os.environ["PHOTOS_LIBRARY_SEQUENCER"]:
        _keep_a_library(int(_least), Path(os.environ["PHOTOS_LIBRARY_ITEMS"]))
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)
