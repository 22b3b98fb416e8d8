"""A handler for the tests of the execution environments: does what its event says."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

counted = 0


def _count() -> None:
    global counted  # noqa: PLW0603
    while True:
        counted += 1
        time.sleep(0.001)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    print("working on", event)
    if event.get("sleep_s"):
        time.sleep(event["sleep_s"])
    if event.get("then_count"):
        threading.Thread(target=_count, daemon=True).start()
    if event.get("raise"):
        raise ValueError(event["raise"])
    if event.get("exit"):
        os._exit(3)
    return {
        "pid": os.getpid(),
        "counted": counted,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "stack": os.environ.get("STACK"),
        "foreign": sorted(name for name in os.environ if name.startswith("AWS_")),
    }
