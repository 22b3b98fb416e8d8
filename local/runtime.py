"""Inside one execution environment: import the handler, then answer one event after another.

Events come as JSON lines on stdin, answers go as JSON lines to what was stdout; all that the handler prints
goes to stderr, which is its log. Lambda's own runtime client (awslambdaric) has wheels for Linux only; the
image and its tests use it.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import platform
import queue
import resource
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda passes beside the event."""

    function_name: str
    invoked_function_arn: str
    aws_request_id: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    deadline_ms: int
    function_version: str = "$LATEST"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.deadline_ms - int(time.time() * 1000))


def main(handler_name: str) -> None:
    """Serve until stdin closes, which also ends an invocation under way: the parent is gone."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        started = time.perf_counter()
        module, _, function = handler_name.rpartition(".")
        try:
            handler = getattr(importlib.import_module(module), function)
        except Exception as error:  # noqa: BLE001 - whatever an import raises is the answer, as Lambda's
            _answer(answers, {"error": _described(error)})
            return
        init_ms = (time.perf_counter() - started) * 1000
        _answer(answers, {"init_ms": init_ms})
        requests = _requests()
        while True:
            request = requests.get()
            context = Context(**request["context"])
            started, cpu = time.perf_counter(), time.process_time()
            try:
                answer = {"answer": handler(request["event"], context)}
            except Exception as error:  # noqa: BLE001 - reported to the caller as a function error
                answer = {"error": _described(error)}
            cpu_ms = (time.process_time() - cpu) * 1000
            _report(context, (time.perf_counter() - started) * 1000, init_ms)
            init_ms = 0.0
            _answer(answers, answer | {"peak_mb": peak_mb(), "cpu_ms": cpu_ms})


def peak_mb() -> float:
    """The most memory that this process had resident, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # not ru_maxrss there: on Linux it starts at what the parent had when it forked
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if platform.system() == "Darwin" else 2**10)


def _report(context: Context, duration_ms: float, init_ms: float) -> None:
    """Print the line that ends an invocation's log on Lambda; `init_ms`: of a cold start, which is billed, too."""
    facts = {
        "RequestId": context.aws_request_id,
        "Duration": f"{duration_ms:.2f} ms",
        "Billed Duration": f"{math.ceil(duration_ms + init_ms)} ms",
        "Memory Size": f"{context.memory_limit_in_mb} MB",
        "Max Memory Used": f"{peak_mb():.0f} MB",
    } | ({"Init Duration": f"{init_ms:.2f} ms"} if init_ms else {})
    print("REPORT " + "\t".join(f"{name}: {fact}" for name, fact in facts.items()), file=sys.stderr)


def _requests() -> queue.SimpleQueue[Any]:
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            requests.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return requests


def _answer(answers: Any, answer: dict[str, Any]) -> None:
    print(json.dumps(answer), file=answers, flush=True)


def _described(error: Exception) -> dict[str, Any]:
    traceback.print_exception(error)
    return {"errorType": type(error).__name__, "errorMessage": str(error)}


if __name__ == "__main__":
    main(sys.argv[1])
