"""Where our CPU time goes: the function in this process under a profiler, which tells on stdout, as JSON.

    python -m loadtest.benchmarks.profiled FOLDER BATCHES
    {"botocore.auth": 4.1, "json.decoder": 2.2, …}      milliseconds, all threads, by module

The profiler is yappi, which runs everywhere that we do, needs no rights, and takes each thread's own CPU clock:
cProfile sees one thread, and samplers in the process see those that wait as well. It is installed in FOLDER,
aside; ours goes before it, so that what is profiled is ours. Reading the clock makes the whole five times slower,
and many small calls dearer than few large ones: take shares from it, not milliseconds, and the sum from
`make bench`'s own figures. Beside py-spy's samples of who holds the GIL (not blocking), botocore, HTTP and the
handler come out within five points of the hundred; threads, whose cost is in C, with half of what it gives them.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict

from loadtest.benchmarks.baseline_process import context
from loadtest.benchmarks.batches import batch
from loadtest.benchmarks.stand_in import WARM_UP
from local.runtime import Context

_SIZE = 10


def profile(folder: str, batches: int) -> dict[str, float]:
    """Profile that many batches of ten, after one that is not counted; `folder`: where yappi is."""
    sys.path.append(folder)
    import yappi  # type: ignore[import-not-found] # noqa: PLC0415 - not before its folder is in the path

    from handler.app import handler  # noqa: PLC0415 - it reads the environment of a baseline

    handler(batch([f"{WARM_UP}{photo}.jpg" for photo in range(_SIZE)]), Context(**context()))
    yappi.set_clock_type("cpu")
    yappi.start()  # without builtins: their time is their callers'
    for number in range(batches):
        handler(batch([f"profile/{number}-{photo}.jpg" for photo in range(_SIZE)]), Context(**context()))
    yappi.stop()
    names = {getattr(module, "__file__", None): name for name, module in sys.modules.items()}
    cpu_ms: defaultdict[str, float] = defaultdict(float)
    for function in yappi.get_func_stats():
        cpu_ms[names.get(function.module, function.module)] += function.tsub * 1000
    return cpu_ms


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w") as told:
        os.dup2(2, 1)  # the function's own lines are its log
        json.dump(profile(sys.argv[1], int(sys.argv[2])), told)
