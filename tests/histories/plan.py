"""What happens in one history, all of it from its number."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from PIL import Image

from photo_labels.records.heads import BULK, LANE_METADATA
from tests.fakes.bucket import NULL, Photo
from tests.histories.process import Fault
from tests.histories.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from photo_labels.library.auditing.findings import Problem
    from tests.fakes.bucket import Versioning

KEYS = ("a b+ü.jpg", "c.HEIC")
_SMALL = Photo(
    error="InvalidParameterException",
    beginning=b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (64).to_bytes(4) + (48).to_bytes(4),
)


def taken(year: int) -> bytes:
    """The beginning of a photo that says in which year it was taken."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = f"{year}:07:14 18:03:22"
    return b"\xff\xd8\xff\xe1" + (len(exif.tobytes()) + 2).to_bytes(2) + exif.tobytes()


# By ETag: the years in which photos say that they were taken.
TAKEN = {"etag of A": 2019, "etag of B": 2021}
_CONTENTS = {
    "A": Photo({"Cat": 98.0, "Animal": 99.0}, beginning=taken(2019)),
    "B": Photo({"Dog": 97.0, "Animal": 99.0}, beginning=taken(2021)),
    "C": Photo({"Cat": 98.0, "Bird": 95.5, "Dog": 42.0}),
    "nothing in it": Photo(),
    "HEIC": Photo({"Cat": 98.0, "Car": 90.0}, error="InvalidImageFormatException", decodes=True),
    "no photo": Photo(error="InvalidImageFormatException"),
    "empty": Photo(size=0),
    "customer's key": Photo(head_error="400"),
    "archived": Photo(storage_class="GLACIER"),
    "too small": _SMALL,
    "too small, and light": replace(_SMALL, size=2_000),
}
# Equal bytes have equal ETags.
CONTENTS = {name: replace(photo, etag=f"etag of {name}") for name, photo in _CONTENTS.items()}
_WEIGHTS: list[float] = [6, 5, 4, 1, 2, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]

_VERSIONING: list[tuple[Versioning, Versioning | None]] = [
    ("Off", None), ("Enabled", None), ("Suspended", None), ("Off", "Enabled"), ("Enabled", "Suspended"),
]  # fmt: skip
# Of the uploads, those that are marked as bulk work.
_BULK = 0.5
_DAY_S = 86_400.0
# How late events are at most. Dead letters that are redriven again and again are older than any tombstone.
_LATE_S = [0.05, 3.0, 300.0, 1.3 * _DAY_S, 45 * _DAY_S]
_LATE = [60, 25, 10, 4, 1]
_LATE_CALMLY = [60, 25, 0, 0, 0]
# S3 tells when an object changed in whole seconds. Where events are missed, changes are further apart: nobody
# could see that there were two, and that the second restored what the first had replaced.
_S3_SAME_S = 3.0


class Kind(Enum):
    """How much can go wrong."""

    CALM = "nothing fails, nothing is very late or missed: an audit finds nothing wrong at any time"
    ROUGH = "all can go wrong, but no event is missed"
    NAMELESS = "no event has a sequencer: all are reconciliations, and order is nowhere but in S3"
    MISSING = "events are missed, too: afterwards, an audit mends what no event brings"


@dataclass(slots=True)
class History:
    """A world, and its plan: what happens, after so many seconds each."""

    world: World
    steps: list[tuple[float, Callable[[], None]]]
    has_faults: bool
    # What audits found while photos flowed and nothing was wrong, but for what had just happened.
    found: list[Problem]

    def play(self) -> None:
        """Let it happen, until nothing moves any more."""

        def operator() -> None:
            for gap_s, step in self.steps:
                self.world.time.sleep(gap_s)
                step()

        fair_s = sum(gap_s for gap_s, _ in self.steps) + 60.0
        self.world.weather.until_s = fair_s
        self.world.time.start(operator)
        self.world.time.start(lambda: None, fair_s)
        self.world.time.run()


def history(seed: int) -> History:
    """Plan a history."""
    dice = random.Random(f"plan {seed}")
    kind = dice.choices(list(Kind), [15, 52, 8, 25])[0]
    begins, becomes = dice.choices(_VERSIONING, [35, 30, 10, 17, 8])[0]
    if kind is Kind.NAMELESS:
        begins, becomes = "Enabled", None
    has_faults = kind is not Kind.CALM and dice.random() < 0.7
    faults = {fault: dice.choice([0.0, 0.02, 0.1]) for fault in Fault} if has_faults else {}
    world = World(seed, begins, faults)
    if kind is not Kind.CALM:
        twice = dice.choice([0.0, 0.0, 0.1])
        for queue in world.queues.values():
            queue.twice = twice if queue.dead_letters else 0.0
        for queue in world.queues.values():
            queue.most_receives = dice.choice([100, 100, 3])
    found: list[Problem] = []
    made = _Maker(dice, world, kind, found)
    steps = [made.step() for _ in range(dice.randint(2, 10))]
    if becomes:
        turn: Callable[[], None] = lambda: world.bucket.set_versioning(becomes)  # noqa: E731
        steps.insert(dice.randrange(len(steps)), (made.gap_s(), turn))
    if dice.random() < 0.2:
        steps.insert(dice.randrange(len(steps)), (made.gap_s(), world.age))
    if has_faults and dice.random() < 0.3:
        begin_s = dice.random() * sum(gap_s for gap_s, _ in steps)
        world.weather.no_writes = begin_s, begin_s + dice.choice([5.0, 60.0, 900.0])
    return History(world, steps, has_faults, found)


class _Maker:
    """Makes the steps of one history, and what happens in them."""

    def __init__(self, dice: random.Random, world: World, kind: Kind, found: list[Problem]) -> None:
        self._dice = dice
        self._world = world
        self._kind = kind
        self._found = found
        self._keys = KEYS[: dice.choice([1, 1, 2])]
        # In half of the histories cats and dogs take turns, to be mistaken for each other.
        self._is_mixed = dice.random() < 0.5
        self._weights: list[float] = _WEIGHTS if self._is_mixed else [1, 1, *[0] * (len(_WEIGHTS) - 2)]

    def gap_s(self) -> float:
        """Seconds until the next step: often so few that things happen at the same time."""
        dice = self._dice
        least_s = _S3_SAME_S if self._kind is Kind.MISSING else 0.0
        if self._kind is Kind.NAMELESS:
            return dice.random() * dice.choice([0.05, 0.3, 3.0])
        longest_s = dice.choices([0.1, 3.0, 60.0, 1000.0, 1.5 * _DAY_S, 32 * _DAY_S], [30, 30, 20, 10, 2, 1])[0]
        return least_s + dice.random() * longest_s

    def step(self) -> tuple[float, Callable[[], None]]:
        """Return the seconds until it happens, and what does."""
        key, world, kind = self._dice.choice(self._keys), self._world, self._kind
        # Where reconciliations are all there is, nothing may be there again that was there before: who finds that the
        # document is right writes nothing, and one that looked in between would still be written.
        is_told = kind is not Kind.NAMELESS
        is_rough = kind in {Kind.ROUGH, Kind.MISSING}
        choices: dict[Callable[[], None], float] = {
            lambda: self._put(key): 40 if self._is_mixed else 120,
            lambda: self._tell(world.bucket.delete(key)): 14 * is_told,
            lambda: self._delete_version(key): 14 * is_told,
            lambda: world.reconcile(key, force=False): 6,
            lambda: world.reconcile(key, force=True): 8,
            world.expire: 3,
            lambda: world.time.start(world.redrive): 2,
            lambda: world.time.start(world.repair): 4 * is_rough,
            lambda: world.time.start(lambda: world.purge(key)): 3 * is_rough,
            lambda: world.time.start(lambda: world.audit(self._found.append)): 6 * (kind is Kind.CALM),
        }
        return self.gap_s(), self._dice.choices(list(choices), list(choices.values()))[0]

    def _put(self, key: str) -> None:
        [name] = self._world.dice.choices(list(CONTENTS), self._weights)
        mark = {LANE_METADATA: BULK} if self._world.dice.random() < _BULK else {}
        self._tell(self._world.bucket.put(key, replace(CONTENTS[name], metadata=mark)))

    def _delete_version(self, key: str) -> None:
        """Delete a version or a delete marker: the newest, mostly."""
        stack = self._world.bucket.stacks.get(key, [])
        if self._world.bucket.is_or_was_versioned and stack:
            version = stack[-1] if self._world.dice.random() < 0.7 else self._world.dice.choice(stack)
            record = self._world.bucket.delete_version(key, version.id)
            if self._world.dice.random() < 0.2:
                record["eventName"] = "LifecycleExpiration:Delete"
            self._tell(record)

    def _tell(self, record: dict[str, Any]) -> None:
        """S3 tells of a change: once, twice, late, or not at all."""
        dice, world = self._world.dice, self._world
        content = record["s3"]["object"]
        if "versionId" not in content and world.bucket.is_or_was_versioned and dice.random() < 0.5:
            content["versionId"] = NULL
        if self._kind is Kind.NAMELESS:
            del content["sequencer"]
        if self._kind is Kind.MISSING and dice.random() < 0.4:
            world.is_reconciling_needed = True
            return
        is_calm = self._kind is Kind.CALM
        for _ in range(1 if is_calm else dice.choices([1, 2, 3], [80, 15, 5])[0]):
            longest_s = dice.choices(_LATE_S, _LATE_CALMLY if is_calm else _LATE)[0]
            late_s = dice.random() * longest_s
            world.notify(record, late_s)
            if late_s > 30 * _DAY_S:
                world.time.start(world.expire, late_s - 1.0)
