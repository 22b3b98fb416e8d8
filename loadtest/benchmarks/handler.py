"""`make bench`: the function beside others for the same work, all in one run on the same simulated AWS.

Their batches alternate, so that other load on the machine affects all alike, and never two run at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import get_session
from rich import box
from rich.console import Console
from rich.table import Table

from handler.deadline import Deadline
from handler.decisions import Write
from handler.storage import Storage
from loadtest.benchmarks.arguments import whole_number
from loadtest.benchmarks.baseline_process import (
    ASIDE,
    BASELINES,
    MEMORY_MB,
    OURS,
    REPOSITORY,
    Baseline,
    BaselineError,
    Process,
    environment,
)
from loadtest.benchmarks.batches import REGION, batch
from loadtest.benchmarks.import_times import by_package
from loadtest.benchmarks.measured import Figures, Measured, figures, measured, percentile
from loadtest.benchmarks.stand_in import IMAGE_LABELS, LABEL_INDEX, WARM_UP, Latencies, take_record
from local.child import Child
from photo_labels.records.documents import Document, labels_from
from photo_labels.terminal.ending import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# Of 35 s each: one photo after another, four baselines need 4 s for ten of them.
_ROUNDS = 6
_WARM_UPS = 2
_SIZES = (1, 5, 10)
_PROCESSES = 5
_PROFILED = 10
_COMMITS = 100
_DEAREST = 6
_WORTH_NAMING_MS = 0.05

# Packages whose CPU time is summed up.
_GROUPS = {
    "botocore": ("botocore", "jmespath", "dateutil"),
    "HTTP": ("urllib3", "http", "email", "socket", "ssl", "select", "selectors", "urllib"),
    "JSON": ("json",),
    "our handler": ("handler", "photo_labels"),
    "Powertools, logging": ("aws_lambda_powertools", "logging"),
    "threads": ("threading", "concurrent", "queue", "weakref"),
}

Results = dict[tuple[int, Baseline], list[Measured]]


def main(rounds: int) -> None:
    """Measure, with so many batches of each size for each baseline, and print the tables."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder, stand_in(Path(folder) / "stand-in.log") as url:
        log = Path(folder) / "baselines.log"
        started_ms = _starts(url, log)
        results, peaks_mb, stand_in_ms = _batches(url, log, rounds)
        profile = _profiled(url)
        packages = by_package(url, _PROCESSES)
        commits = _commits(url)
    _explain(console, stand_in_ms)
    for table in batch_tables(results):
        console.print(table)
    console.print(process_table(started_ms, peaks_mb))
    ours = figures(results[max(_SIZES), OURS])
    console.print(profile_table(profile, ours.cpu_ms))
    console.print(
        "Import of ours by package, ms: ",
        ", ".join(f"{package} {cost_ms:.0f}" for package, cost_ms in list(packages.items())[:_DEAREST]),
        sep="",
    )
    for way, sentence in commits.items():
        console.print(f"Ten new documents by {way}: {sentence}")


@contextmanager
def stand_in(log: Path) -> Iterator[str]:
    """Run the stand-in in a process of its own; return its URL."""
    child = Child(
        [sys.executable, "-m", "loadtest.benchmarks.stand_in", "--exit-with-parent"],
        log,
        {**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    try:
        line = child.first_line()
        if not line:
            raise SystemExit(f"The stand-in for AWS did not start:\n{log.read_text()}")
        yield json.loads(line)["url"]
    finally:
        child.stop()


def _starts(url: str, log: Path) -> dict[Baseline, list[float]]:
    """Start each in fresh processes, alternating; return the milliseconds of their inits: imports and clients."""
    started_ms: defaultdict[Baseline, list[float]] = defaultdict(list)
    for _ in range(_PROCESSES):
        for baseline in BASELINES:
            with Process(baseline, url, log) as process:
                started_ms[baseline].append(process.init_ms)
    return started_ms


def _batches(url: str, log: Path, rounds: int) -> tuple[Results, dict[Baseline, float], float]:
    """Give each the same batches; also the most memory of each, and the stand-in's CPU milliseconds a request."""
    results: Results = defaultdict(list)
    peaks_mb: dict[Baseline, float] = {}
    of_stand_in: Counter[str] = Counter()
    with ExitStack() as running:
        processes = {one: running.enter_context(Process(one, url, log)) for one in BASELINES}
        for _ in range(_WARM_UPS):
            for process in processes.values():
                process.invoke(batch([f"{WARM_UP}{photo}.jpg" for photo in range(max(_SIZES))]))
        take_record(url)
        for number in range(rounds):
            for size in _SIZES:
                event = batch([f"bench/{number}-{size}-{photo}.jpg" for photo in range(size)])
                for baseline, process in processes.items():
                    invocation, record = process.invoke(event), take_record(url)
                    results[size, baseline].append(measured(invocation, record))
                    peaks_mb[baseline] = invocation.peak_mb
                    of_stand_in.update({"cpu_ms": record["cpu_ms"], **record["requests"]})
    cpu_ms = of_stand_in.pop("cpu_ms")
    return results, peaks_mb, cpu_ms / of_stand_in.total()


def _profiled(url: str) -> dict[str, float]:
    """Profile ours; return CPU milliseconds by module."""
    (packages,) = ASIDE.glob("lib/python*/site-packages")
    command = [str(OURS.python), "-m", "loadtest.benchmarks.profiled", str(packages), str(_PROFILED)]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment(url),
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    profile: dict[str, float] = json.loads(done.stdout)
    return profile


def _commits(url: str) -> dict[str, str]:
    """Measure writing ten new documents in each of the function's two ways."""
    config = Config(max_pool_connections=10, proxies={}, parameter_validation=False)
    client: Any = get_session().create_client(
        "dynamodb",
        REGION,
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )
    store, deadline = Storage(client, IMAGE_LABELS, LABEL_INDEX), Deadline(lambda: 60_000)
    sentences = {}
    with ThreadPoolExecutor(8) as pool:
        ways: dict[str, Callable[[list[Write]], object]] = {
            "PutItem": lambda writes: list(pool.map(lambda write: store.commit(write, deadline), writes)),
            "BatchExecuteStatement": lambda writes: store.insert(writes, deadline),
        }
        for name, write_all in ways.items():
            walls_ms, cpu = [], time.process_time()
            for number in range(_COMMITS):
                writes = [_new_document(f"commit/{number}-{photo}.jpg") for photo in range(10)]
                started = time.perf_counter()
                write_all(writes)
                walls_ms.append((time.perf_counter() - started) * 1000)
            cpu_ms = (time.process_time() - cpu) * 1000 / _COMMITS
            sentences[name] = f"{percentile(walls_ms, 50):.0f} ms, CPU {cpu_ms:.0f} ms"
    return sentences


def _new_document(key: str) -> Write:
    response = [{"Name": f"Label {number}", "Confidence": 99.0 - number} for number in range(8)]
    document = Document("bench", key, "01", "LABELLED", "2026-01-01T00:00:00.000Z", labels_from(response))
    return Write(document, known=None, reconciled=False)


def _explain(console: Console, stand_in_ms: float) -> None:
    given = Latencies()
    console.print(
        f"AWS is simulated: DetectLabels answers in {given.p50_ms:.0f} ms (p50) to {given.p99_ms:.0f} ms (p99, "
        f"log-normal), DynamoDB reads in {given.read_ms:.0f} ms and writes in {given.write_ms:.0f} ms, by plain "
        f"HTTP on loopback ({stand_in_ms:.1f} ms of the stand-in's own CPU a request). Every baseline gets the "
        "same photos, eight labels each, with the same latencies, in turns; each is one warm process."
    )
    console.print(
        "rows: index rows are written as well as documents. beyond: what a batch takes longer than its slowest "
        "DetectLabels call. commit: from the start of the invocation until the write of a photo's document is "
        f"answered. GB-s: billed, a batch's time rounded up to a millisecond, at {MEMORY_MB} MB."
    )


def batch_tables(results: Mapping[tuple[int, Baseline], Sequence[Measured]]) -> Iterator[Table]:
    """Return a table for each size of batch."""
    for size in dict.fromkeys(size for size, _ in results):
        lines = {baseline: batches for (its, baseline), batches in results.items() if its == size}
        batches = max(map(len, lines.values()))
        table = _table(f"{batches} batches of {size}", "baseline", "rows")
        for heading in ("beyond\np50 ms", "commit\np50 ms", "commit\np99 ms"):
            table.add_column(heading, justify="right")
        for heading in ("CPU ms/\nimage", "images/\nGB-s", "calls/\nimage"):
            table.add_column(heading, justify="right")
        for baseline, its_batches in lines.items():
            table.add_row(*_words(baseline), *_cells(figures(its_batches)))
        yield table


def _table(title: str, *columns: str) -> Table:
    look = box.SIMPLE_HEAD
    return Table(*columns, title=title, title_justify="left", box=look, pad_edge=False, collapse_padding=True)


def _words(baseline: Baseline) -> tuple[str, str]:
    return baseline.name, "yes" if baseline.rows else "no"


def _cells(of: Figures) -> Iterator[str]:
    yield f"{of.beyond_ms:.0f}"
    yield f"{of.committed_p50_ms:.0f}"
    yield f"{of.committed_p99_ms:.0f}"
    yield f"{of.cpu_ms:.1f}"
    yield f"{of.per_gb_second:.1f}"
    yield f"{of.requests:.1f}"


def process_table(started_ms: Mapping[Baseline, Sequence[float]], peaks_mb: Mapping[Baseline, float]) -> Table:
    """Return a table of what a process costs: its start, and its memory after all batches."""
    table = _table("Processes", "baseline", "rows", "imports and clients, ms", "peak memory, MiB")
    for baseline, costs_ms in started_ms.items():
        spread = f"{percentile(costs_ms, 50):.0f} ({min(costs_ms):.0f}-{max(costs_ms):.0f})"
        table.add_row(*_words(baseline), spread, f"{peaks_mb[baseline]:.0f}")
    return table


def profile_table(profile: Mapping[str, float], cpu_ms: float) -> Table:
    """Share out the CPU time of an image, measured without the profiler, as the profiler saw it."""
    scale = cpu_ms / sum(profile.values())
    groups: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for module, one_ms in sorted(profile.items(), key=lambda one: -one[1]):
        groups[group_of(module)][module] = one_ms * scale
    table = _table("Our CPU time by module (yappi's shares), ms an image", "part", "ms", "most of it in")
    for group, modules in sorted(groups.items(), key=lambda one: -sum(one[1].values())):
        dear = [f"{module} {one_ms:.2f}" for module, one_ms in modules.items() if one_ms >= _WORTH_NAMING_MS]
        table.add_row(group, f"{sum(modules.values()):.2f}", ", ".join(dear[:_DEAREST]))
    return table


def group_of(module: str) -> str:
    """Return the part of the function that a module counts as."""
    package = module.partition(".")[0]
    return next((name for name, packages in _GROUPS.items() if package in packages), "the rest")


if __name__ == "__main__":
    try:
        run(lambda: main(whole_number(_ROUNDS, "ROUNDS")), "bench")
    except BaselineError as error:
        raise SystemExit(str(error)) from error
