"""A handler for the tests of the execution environments: does what its event says."""

from __future__ import annotations

import os
import time
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    print("working on", event)
    if event.get("sleep_s"):
        time.sleep(event["sleep_s"])
    if event.get("raise"):
        raise ValueError(event["raise"])
    if event.get("exit"):
        os._exit(3)
    return {
        "pid": os.getpid(),
        "remaining_ms": context.get_remaining_time_in_millis(),
        "stack": os.environ.get("STACK"),
        "foreign": sorted(name for name in os.environ if name.startswith("AWS_")),
    }
