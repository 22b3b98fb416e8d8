"""Reading a function's log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_logs import CloudWatchLogsClient

# Of one answer of FilterLogEvents.
_MAX_EVENTS = 10_000


def events(client: CloudWatchLogsClient, group: str, since_ms: int) -> Iterator[Any]:
    """Return what a log group got after a moment, in epoch milliseconds."""
    asked: Any = {"logGroupName": group, "startTime": since_ms}
    told: set[tuple[str, str]] = set()
    while True:
        answer = client.filter_log_events(**asked)
        found: list[Any] = [event for event in answer["events"] if _name(event) not in told]
        yield from found
        if token := answer.get("nextToken"):
            asked["nextToken"] = token
        elif found and len(answer["events"]) == _MAX_EVENTS:  # the local AWS gives no token
            last_ms = found[-1]["timestamp"]
            asked = {"logGroupName": group, "startTime": last_ms}
            told = {_name(event) for event in found if event["timestamp"] == last_ms}
        else:
            return


def _name(event: Any) -> tuple[str, str]:
    return event["logStreamName"], event["message"]
