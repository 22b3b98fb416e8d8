"""The function's own log of a run: the stages of each photo, and what Lambda reports of each invocation."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from photo_labels.library.logs import events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_logs import CloudWatchLogsClient

_FACT = re.compile(r"\t(?P<name>[A-Z][A-Za-z ]+): (?P<value>[\d.]+) (?:ms|MB)")


@dataclass(slots=True)
class Invocation:
    """What one invocation logged."""

    # As `handler.telemetry` tells them.
    photos: list[dict[str, Any]] = field(default_factory=list)
    # Lambda's own line: Duration, Billed Duration, Init Duration (ms), Memory Size, Max Memory Used (MB).
    report: dict[str, float] = field(default_factory=dict)
    throttles: int = 0
    # Bytes of all its lines.
    size: int = 0


def invocations(client: CloudWatchLogsClient, group: str, since_ms: int) -> Iterator[Invocation]:
    """Return the invocations that ended after a moment, as far as their logs have arrived.

    A log stream is one environment's, which does one thing after another: lines up to a REPORT belong together.
    """
    begun: dict[str, Invocation] = {}
    for event in events(client, group, since_ms):
        invocation = begun.setdefault(event["logStreamName"], Invocation())
        message = event["message"]
        invocation.size += len(message)
        if message.startswith("REPORT "):
            invocation.report = {found["name"]: float(found["value"]) for found in _FACT.finditer(message)}
            yield begun.pop(event["logStreamName"])
        elif '"Photos"' in message and message.startswith("{"):
            line = json.loads(message)
            invocation.photos += line["Photos"]
            invocation.throttles += int(sum(line.get("RekognitionThrottles", ())))
    yield from begun.values()
