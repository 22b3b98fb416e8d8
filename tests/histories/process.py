"""A process that calls AWS: each call takes time, may fail before or after it is done, and may be the process's last."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from handler.threads import JobResult, Threads
from tests.fakes.aws import Client, Paginator, aws_error

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeVar

    from handler.deadline import Deadline
    from tests.histories.clock import Time

    K = TypeVar("K")
    T = TypeVar("T")

_WRITES = {"batch_write_item", "batch_execute_statement", "put_item", "delete_item"}
_CODES = {
    "head_object": ["403", "500", "503"],
    "get_object": ["AccessDenied", "InternalError", "SlowDown"],
}
_OTHER_CODES = ["ThrottlingException", "InternalServerError", "AccessDeniedException", "ServiceUnavailable"]
_STATUS = {"AccessDenied": 403, "InternalError": 500, "SlowDown": 503, "InternalServerError": 500}


class Crash(BaseException):
    """The process is gone: no code of ours runs after it."""


class Fault(Enum):
    """What can become of a call."""

    ERROR = "refused, throttled, or an error of AWS's"
    LOST_REQUEST = "it never arrived"
    LOST_ANSWER = "it is done, but nobody hears of it"
    CRASH_BEFORE = "the process dies before it"
    CRASH_AFTER = "the process dies before its answer comes"


class Weather:
    """Which calls fail, and when DynamoDB refuses to write."""

    def __init__(self, time: Time, dice: random.Random, faults: dict[Fault, float]) -> None:
        """`faults`: how likely each is."""
        self._time = time
        self._dice = dice
        self._faults = faults
        # Faults end then.
        self.until_s = 0.0
        self.no_writes = (0.0, 0.0)

    def fault(self) -> Fault | None:
        if not self._faults or self._time.now_s >= self.until_s:
            return None
        luck = self._dice.random()
        for fault, rate in self._faults.items():
            luck -= rate
            if luck < 0:
                return fault
        return None

    def unprocessed(self, entries: int) -> int:
        """How many entries of a batch call are left for the caller to send again."""
        is_so = self._time.now_s < self.until_s and self._dice.random() < self._faults.get(Fault.ERROR, 0.0)
        return self._dice.randint(0, entries) if is_so else 0

    def refuses(self, operation: str) -> bool:
        begin_s, end_s = self.no_writes
        return operation in _WRITES and begin_s <= self._time.now_s < end_s

    def latency_s(self) -> float:
        """Mostly some milliseconds; rarely so long that others do much meanwhile, always less than a timeout."""
        luck = self._dice.random()
        return luck * 0.03 if luck < 0.9 else (luck - 0.9) * 9


class Process:
    """What one process has in hand: clients whose calls are subject to the weather."""

    def __init__(self, time: Time, dice: random.Random, weather: Weather) -> None:
        self._time = time
        self._dice = dice
        self._weather = weather
        self.is_dead = False

    def client(self, fake: Client) -> Any:
        return _Client(fake, self)

    def call(self, name: str, done: Callable[[], Any]) -> Any:
        """Make a call; time passes before and after it is done."""
        if self.is_dead:
            raise Crash
        fault = self._weather.fault()
        self._time.sleep(self._weather.latency_s())
        if fault is Fault.CRASH_BEFORE:
            self.is_dead = True
            raise Crash
        if fault is Fault.LOST_REQUEST:
            raise ConnectionClosedError(endpoint_url="https://aws")
        if fault is Fault.ERROR:
            code = self._dice.choice(_CODES.get(name, _OTHER_CODES))
            raise aws_error(code, status=int(code) if code.isdigit() else _STATUS.get(code))
        if self._weather.refuses(name):
            raise aws_error("AccessDeniedException")
        answer = done()
        self._time.sleep(self._weather.latency_s())
        if fault is Fault.CRASH_AFTER:
            self.is_dead = True
            raise Crash
        if fault is Fault.LOST_ANSWER:
            raise ReadTimeoutError(endpoint_url="https://aws")
        return answer


class _Client:
    def __init__(self, fake: Client, process: Process) -> None:
        self._fake = fake
        self._process = process
        self.exceptions = fake.exceptions

    def get_paginator(self, operation: str) -> Paginator:
        return Paginator(self, operation)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._fake, name)

        def call(**parameters: Any) -> Any:
            return self._process.call(name, lambda: method(**parameters))

        setattr(self, name, call)
        return call


def in_turn(dice: random.Random) -> Callable[[int], Threads]:
    """Return `Threads` without threads: one job after another, in any order, and any number of them to a wave."""

    class InTurn(Threads):
        def __init__(self, _threads: int) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            pass

        def start(self, job: Callable[[], T]) -> Callable[[float], T]:
            result = _ended(job)
            return lambda _: _raised(result)

        def completed_batches(
            self, jobs: Mapping[K, Callable[[], T]], deadline: Deadline
        ) -> Iterator[dict[K, JobResult[T]]]:
            names = list(jobs)
            dice.shuffle(names)
            completed: dict[K, JobResult[T]] = {}
            for name in names:
                completed[name] = _ended(jobs[name])
                if dice.random() < 0.5:
                    yield completed
                    completed = {}
            if completed:
                yield completed

    return InTurn


def _raised(result: JobResult[T]) -> T:
    if result.error:
        raise result.error
    return result.value  # type: ignore[return-value]


def _ended(job: Callable[[], T]) -> JobResult[T]:
    try:
        return JobResult(job())
    except Exception as error:  # noqa: BLE001 - of one job alone, as in `Threads`
        return JobResult(error=error)
