"""Threads of one invocation: calls run concurrently, and one that hangs is abandoned, not waited for."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from photo_labels.records.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from handler.deadline import Deadline

K = TypeVar("K")
T = TypeVar("T")

# How often the deadline is checked while waiting: a freeze of the environment changes the time left.
_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class JobResult(Generic[T]):
    """How a job ended: with a value, or with the error that it raised."""

    value: T | None = None
    error: Exception | None = None


class Threads:
    """A pool that lives as long as the invocation.

    Never shared with the next one: a thread that hangs is frozen with the environment and wakes up in a later
    invocation, where nobody looks at what it returns (`with ThreadPoolExecutor` would wait for it instead).
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def completed_batches(
        self, jobs: Mapping[K, Callable[[], T]], deadline: Deadline
    ) -> Iterator[dict[K, JobResult[T]]]:
        """Run the jobs; yield them as they complete, all that are done by then together.

        What is not done by the deadline comes last, as a failure with TransientError. What was done while the
        caller worked on a batch counts as done, also after the deadline: it may hold labels that were paid for.
        """
        names = {self._pool.submit(job): name for name, job in jobs.items()}
        pending = set(names)
        while pending and deadline.remaining_s() > 0:
            timeout_s = min(_LOOK_S, deadline.remaining_s())
            done, pending = wait(pending, timeout_s, FIRST_COMPLETED)
            if done:
                yield {names[future]: _ended(future) for future in done}
        if pending:
            late: JobResult[T] = JobResult(
                error=TransientError("Abandoned", "no answer before the invocation's deadline")
            )
            yield {names[future]: _ended(future) if future.done() else late for future in pending}

    def start(self, job: Callable[[], T]) -> Callable[[float], T]:
        """Start a job; the function that is returned waits so many seconds for its result, or raises its error.

        It raises TransientError where there is none by then.
        """
        future = self._pool.submit(job)

        def result(seconds: float) -> T:
            try:
                return future.result(seconds)
            except TimeoutError:
                raise TransientError("Abandoned", "no answer in the time that it may take") from None

        return result

    def run_all(self, jobs: Mapping[K, Callable[[], T]], deadline: Deadline) -> dict[K, JobResult[T]]:
        """Run the jobs and wait for all of them, or the deadline."""
        results: dict[K, JobResult[T]] = {}
        for completed in self.completed_batches(jobs, deadline):
            results |= completed
        return results


def _ended(future: Future[T]) -> JobResult[T]:
    """Return the result of a job. An Exception concerns only that job; a BaseException ends the batch."""
    error = future.exception()
    if error is None:
        return JobResult(future.result())
    if not isinstance(error, Exception):
        raise error
    return JobResult(error=error)
