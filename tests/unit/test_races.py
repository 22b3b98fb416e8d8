"""Two invocations on one object, their calls to AWS in every order, and a crash before each of them.

Whatever the order: the newest wins, and what a reader finds in the index is what the document says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.scheduler import every_order
from tests.fakes.world import BUCKET, SETTINGS, Function, Photo, World, failing

if TYPE_CHECKING:
    from collections.abc import Callable

    from handler.settings import Settings
    from tests.fakes.scheduler import Program, Step

KEY = "a.jpg"
CAT = Photo(labels={"Cat": 98.0, "Animal": 99.0})
DOG = Photo(labels={"Dog": 97.0, "Animal": 99.0})


# One photo has no copies, and orders are as many more as there are calls.
ALONE = replace(SETTINGS, content_claims_table=None)


class Crash(BaseException):
    """The environment is gone: no code of ours runs after it."""


@dataclass
class Delivery:
    """A record delivered until it is done; the first invocation dies before its call number `crash_at`."""

    world: World
    # What happened, made to happen: an upload or a removal, and the event that tells of it.
    body: Callable[[], dict[str, Any]]
    crash_at: int | None = None
    settings: Settings = ALONE

    def __call__(self, step: Step) -> None:
        step()
        record = self.world.message(self.body())
        for _ in range(20):
            hook, self.crash_at = self._calls(step, self.crash_at), None
            try:
                if not failing(Function(self.world, hook, settings=self.settings).receive(record)):
                    return
            except Crash:
                continue
        raise AssertionError("the record is never done")

    def _calls(self, step: Step, crash_at: int | None) -> Callable[[str, dict[str, Any]], None]:
        """A hook for one invocation: each call is a step, and the environment may die before one."""
        calls = 0

        def hook(_operation: str, _parameters: dict[str, Any]) -> None:
            nonlocal calls
            if calls == crash_at:
                raise Crash  # a thread of the dead environment
            step()
            self.world.clock.pause(0.001)  # so that no two commits have the same time by chance
            calls += 1
            if calls == crash_at:
                raise Crash

        return hook


def event(record: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """An event whose cause lies before the race."""
    return lambda: record


def reconcile(*, force: bool) -> Callable[[], dict[str, Any]]:
    body = {"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": KEY, "force": force}
    return lambda: body


def create_create(world: World) -> Any:
    return event(world.put(KEY, CAT)), event(world.put(KEY, DOG))


def create_overwrite(world: World) -> Any:
    return event(world.put(KEY, CAT)), lambda: world.put(KEY, DOG)


def overwrite_overwrite(world: World) -> Any:
    Function(world).receive(world.message(world.put(KEY, Photo(labels={"Bird": 95.0, "Animal": 99.0}))))
    return event(world.put(KEY, CAT)), event(world.put(KEY, DOG))


def create_remove(world: World) -> Any:
    return event(world.put(KEY, CAT)), lambda: world.remove(KEY)


def overwrite_remove(world: World) -> Any:
    Function(world).receive(world.message(world.put(KEY, DOG)))
    return event(world.put(KEY, CAT)), lambda: world.remove(KEY)


def remove_create(world: World) -> Any:
    Function(world).receive(world.message(world.put(KEY, DOG)))
    return event(world.remove(KEY)), lambda: world.put(KEY, CAT)


def duplicate_duplicate(world: World) -> Any:
    record = world.put(KEY, CAT)
    return event(record), event(record)


def overwrite_reconcile(world: World) -> Any:
    Function(world).receive(world.message(world.put(KEY, DOG)))
    return (lambda: world.put(KEY, CAT)), reconcile(force=True)


def remove_reconcile(world: World) -> Any:
    Function(world).receive(world.message(world.put(KEY, DOG)))
    return (lambda: world.remove(KEY)), reconcile(force=True)


def create_reconcile(world: World) -> Any:
    return (lambda: world.put(KEY, CAT)), reconcile(force=False)


def reconcile_reconcile(world: World) -> Any:
    """Missed events: the document is of another photo than the object, and no event tells of it."""
    Function(world).receive(world.message(world.put(KEY, DOG)))
    world.put(KEY, CAT)
    return reconcile(force=False), reconcile(force=True)


def reconcile_and_back(world: World) -> Any:
    """The object changes to and fro without an event: rows that one reconciliation drops the other needs."""
    Function(world).receive(world.message(world.put(KEY, DOG)))
    world.put(KEY, CAT)

    def back() -> dict[str, Any]:
        world.put(KEY, DOG)
        return reconcile(force=True)()

    return reconcile(force=True), back


EVENT_RACES = [
    create_create,
    create_overwrite,
    overwrite_overwrite,
    create_remove,
    overwrite_remove,
    remove_create,
    duplicate_duplicate,
]
RECONCILE_RACES = [
    overwrite_reconcile,
    remove_reconcile,
    create_reconcile,
    reconcile_reconcile,
    reconcile_and_back,
]
# More than an invocation of these makes calls, so that a crash comes before each.
STEPS = 7


@pytest.fixture(autouse=True)
def _one_call_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step is a call: an invocation must not make two at once, or their order is not the test's."""
    monkeypatch.setattr("handler.pipeline._WRITERS", 1)


def run(
    race: Callable[[World], Any],
    crashes: tuple[int | None, int | None] = (None, None),
    most_switches: int | None = None,
) -> int:
    """Run a race in every order; check the end of each. Returns the number of orders."""
    worlds: list[World] = []

    def scenario() -> list[Program]:
        world = World()
        worlds.append(world)
        return [Delivery(world, body, crash) for body, crash in zip(race(world), crashes, strict=True)]

    for order in every_order(scenario, most_switches):
        check(worlds[-1], order)
    return len(worlds)


def check(world: World, order: tuple[int, ...]) -> None:
    """What exists is what the document says, and what a reader finds."""
    version = world.bucket.present(KEY)
    photo = version.photo if version else None
    document = world.document(KEY)
    assert document, order
    assert document["Status"] == ("LABELLED" if photo else "REMOVED"), order
    if photo:
        assert document["ETag"] == photo.etag, order
        assert {label["Name"] for label in document["Labels"]} == set(photo.labels), order
    for label in ("Animal", "Bird", "Cat", "Dog"):
        assert world.found(label) == ({KEY} if photo and label in photo.labels else set()), (label, order)


@pytest.mark.parametrize("race", EVENT_RACES)
def test_given_two_invocations_when_interleaved_in_every_order_then_the_newest_wins(race: Any) -> None:
    assert run(race) > 10


@pytest.mark.parametrize("race", RECONCILE_RACES)
def test_given_a_reconciliation_when_interleaved_with_another_invocation_then_the_truth_wins(race: Any) -> None:
    """Three switches an order: a reconciliation makes more calls, and all orders would take minutes."""
    assert run(race, most_switches=3) > 10


@pytest.mark.parametrize("crashing", [0, 1])
@pytest.mark.parametrize("race", EVENT_RACES + RECONCILE_RACES)
def test_given_a_crash_before_any_call_when_redelivered_in_every_order_then_the_newest_wins(
    race: Any, crashing: int
) -> None:
    """At most two switches an order, which finds nearly all races (Musuvathi, Qadeer: CHESS, 2007)."""
    for step in range(1, STEPS):
        run(race, (step, None) if crashing == 0 else (None, step), most_switches=2)


@pytest.mark.parametrize("crash_at", [None, *range(1, STEPS)])
def test_given_two_copies_when_interleaved_and_one_crashes_then_both_are_labelled_as_they_are(
    crash_at: int | None,
) -> None:
    """The owner of the claim may die before any call, or be overwritten; whoever comes second waits, or takes over."""
    worlds: list[World] = []

    def scenario() -> list[Program]:
        world = World()
        worlds.append(world)
        first, copy = world.put("first.jpg", CAT), world.put_copy("first.jpg", KEY)
        return [
            Delivery(world, event(first), crash_at, SETTINGS),
            Delivery(world, event(copy), None, SETTINGS),
            Delivery(world, lambda: world.put("first.jpg", DOG), None, SETTINGS),
        ]

    for order in every_order(scenario, 1):
        world = worlds[-1]
        documents = {key: world.document(key) for key in (KEY, "first.jpg")}
        assert {key: one and {label["Name"] for label in one["Labels"]} for key, one in documents.items()} == {
            KEY: {"Animal", "Cat"},
            "first.jpg": {"Animal", "Dog"},
        }, order
        assert (world.found("Cat"), world.found("Dog")) == ({KEY}, {"first.jpg"}), order
        assert len(world.recognised) <= (3 if crash_at is None else 4), order
