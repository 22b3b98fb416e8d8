"""How an import waits: what it reads, how soon it finds what has ended, and how it goes on later."""

from __future__ import annotations

import heapq
import json
import math
import random
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from photo_labels.library.importing.ends import End
from photo_labels.library.importing.journal import File, Journal
from photo_labels.library.importing.line import Line
from photo_labels.library.importing.patience import PATIENCE
from photo_labels.library.table_reader import TableReader
from tests.unit.deployed import BUCKET, document, store
from tests.unit.importing.shared import Time
from tests.unit.played import PLAYING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.unit.disk import Disk

UPLOADS_A_SECOND = 400.0
# What is waited for anyway: from S3's event to the document, where nothing else waits.
LATENCY_S = 0.2
STRAGGLERS, STRAGGLING_S = 0.01, 300.0


class Played:
    """An import of photos, each with the time of its upload and that of its end, in virtual time."""

    def __init__(self, ends: Sequence[float], pause_s: float = 0.05) -> None:
        self.ends = ends
        self.pause_s = pause_s
        self.now = 0.0
        self.reads = 0
        # By place, how long after its end a photo was found.
        self.late_s: dict[int, float] = {}

    def uploaded_at(self, place: int) -> float:
        return place / UPLOADS_A_SECOND

    def run(self) -> None:
        uploaded, open_ = 0, sum(math.isfinite(end) for end in self.ends)
        with Journal(None) as journal:
            line = Line(journal, lambda: self.now)
            while len(self.late_s) < open_:
                while uploaded < len(self.ends) and self.uploaded_at(uploaded) <= self.now:
                    self._upload(journal, uploaded)
                    uploaded += 1
                some = line.due()
                if not some:
                    self.now += self.pause_s
                    continue
                self.now += 0.01
                self.reads += len(some)
                ended = [one for one in some if self.ends[int(one.key)] <= self.now]
                for one in some:
                    if one in ended:
                        self.late_s[int(one.key)] = self.now - self.ends[int(one.key)]
                        journal.ended(one, End.LABELLED, "", None)
                    else:
                        journal.look_again(one, line.again_at(one))
                line.looked(len(some), ended)

    def _upload(self, journal: Journal, place: int) -> None:
        file = File(Path(f"/{place}"), str(place), 1, "")
        journal.uploaded(file, place.to_bytes(8, "big"), "etag", self.uploaded_at(place), is_new=True)

    def found_late(self) -> int:
        """Photos that were found later than a minute and a tenth of the time that they took."""
        took = {place: self.ends[place] - self.uploaded_at(place) for place in self.late_s}
        return sum(late_s > 60 + took[place] / 10 for place, late_s in self.late_s.items())


def served(places: Sequence[int], rate: float, shuffle: int, chance: random.Random) -> dict[int, float]:
    """When photos end of a queue that serves so many a second, in the order of uploads but for a shuffle."""
    order = [(place + chance.gauss(0, shuffle), place) for place in places]
    heapq.heapify(order)
    ends: dict[int, float] = {}
    for turn in range(len(order)):
        _, place = heapq.heappop(order)
        straggling_s = chance.uniform(0, STRAGGLING_S) if chance.random() < STRAGGLERS else 0.0
        ends[place] = max(turn / rate, place / UPLOADS_A_SECOND + LATENCY_S) + straggling_s
    return ends


@pytest.mark.parametrize(("rate", "count"), [(5.0, 6_000), (50.0, 12_000), (500.0, 12_000)])
def test_given_any_rate_when_waited_for_then_three_reads_a_photo_find_nearly_all_in_time(
    rate: float, count: int
) -> None:
    ends = served(range(count), rate, 100, random.Random(1))
    played = Played([ends[place] for place in range(count)])
    played.run()
    assert played.reads <= 3 * count
    assert played.found_late() <= count / 200


def test_given_an_idle_pipeline_when_many_are_imported_then_each_is_found_at_once() -> None:
    count = 8_000
    played = Played([place / UPLOADS_A_SECOND + LATENCY_S for place in range(count)])
    played.run()
    late = sorted(played.late_s.values())
    assert played.reads <= 3 * count
    assert late[count // 2] < 0.3
    assert late[-1] < 2.0


def test_given_ten_photos_when_imported_then_each_is_found_within_a_tenth_of_a_second() -> None:
    played = Played([place / UPLOADS_A_SECOND + 0.15 for place in range(10)])
    played.run()
    assert max(played.late_s.values()) < 0.1


def test_given_a_folder_to_be_converted_when_it_is_slower_then_those_behind_it_do_not_wait_for_it() -> None:
    count, chance = 12_000, random.Random(1)
    slow = range(1_000, 3_000)
    others = [place for place in range(count) if place not in slow]
    ends = served(slow, 5.0, 50, chance) | served(others, 50.0, 100, chance)
    played = Played([ends[place] for place in range(count)])
    played.run()
    assert played.reads <= 3 * count
    assert played.found_late() <= count / 50


def test_given_lost_messages_when_waited_for_then_they_cost_few_reads_and_hide_no_others() -> None:
    count = 12_000
    ends = served(range(count), 50.0, 100, random.Random(1))
    lost = range(1_000, 1_500)
    played = Played([math.inf if place in lost else ends[place] for place in range(count)])
    played.run()
    assert played.reads <= 3 * count
    assert played.found_late() <= count / 200


def test_given_a_pipeline_that_stands_when_waited_for_then_an_hour_costs_few_reads() -> None:
    played = Played([3_600.0] * 2_000, pause_s=1.0)
    played.run()
    assert played.reads <= 2_000 + 300 * 100


def test_given_pauses_longer_than_patience_when_queue_is_empty_then_the_last_look_finds_all(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.write("lost.jpg", "lost, too.jpg")
    monkeypatch.setattr(Line, "again_at", lambda *_: 1e9)
    time = Time()
    etag = ""

    def label_later(_progress: Any) -> None:
        nonlocal etag
        if time.now > PATIENCE.empty_s / 2 and not etag:
            etag = disk.target.client("s3").head_object(Bucket=BUCKET, Key="lost.jpg")["ETag"].strip('"')
            store(disk.target, document("lost.jpg", {"Cat": 99.0}, etag=etag))

    ended = disk.run(**time.options(), on_progress=label_later)
    assert ended.ends() == {"lost.jpg": "labelled", "lost, too.jpg": "unaccounted for"}


def label(disk: Disk, *keys: str) -> None:
    """Label photos that the played pipeline leaves alone."""
    s3 = disk.target.client("s3")
    for key in keys:
        etag = s3.head_object(Bucket=BUCKET, Key=key)["ETag"].strip('"')
        store(disk.target, document(key, {"Cat": 99.0}, etag=etag))


def test_given_two_imports_without_waiting_when_resumed_then_all_of_both_are_accounted_for(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write("one/a.jpg", "one/copy.jpg", body=b"the same")
    disk.write("two/bad.jpg")
    for folder in ("one", "two"):
        ended = runner(disk.folder / folder, "--no-wait")
        assert "photos import --resume" in ended.output
    resumed = runner("--resume", "--json")
    *lines, sums = [json.loads(line) for line in resumed.stdout.splitlines()]
    assert resumed.exit_code == 1
    assert {Path(line["path"]).name: line["end"] for line in lines} == {
        "a.jpg": "labelled",
        "copy.jpg": "labelled",
        "bad.jpg": "rejected",
    }
    assert (sums["files"], sums["uploaded"], sums["copies"]) == (3, 0, 1)
    again = runner("--resume")
    assert (again.exit_code, "Nothing is open" in again.output) == (0, True)


def test_given_no_import_before_when_resumed_then_a_sentence_says_that_nothing_is_open(
    runner: Callable[..., Any],
) -> None:
    ended = runner("--resume", "--json")
    assert ended.exit_code == 0
    assert json.loads(ended.stdout)["files"] == 0
    assert "Nothing is open" in ended.stderr


def test_given_labels_of_some_when_resumed_without_waiting_then_each_is_looked_at_once(
    disk: Disk, runner: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"lost {number}.jpg" for number in range(450)]  # more than are looked at at once
    disk.write(*names)
    runner(disk.folder, "--no-wait")
    label(disk, *names[:10])
    looks: Counter[str] = Counter()
    read = TableReader.documents

    def counted(reader: TableReader, images: Sequence[str]) -> Any:
        if threading.current_thread().name != PLAYING:
            looks.update(images)
        return read(reader, images)

    monkeypatch.setattr(TableReader, "documents", counted)
    ended = runner("--resume", "--no-wait")
    assert ended.exit_code == 0
    assert "450 photos = 10 labelled + 440 uploaded" in ended.output
    assert (len(looks), set(looks.values())) == (450, {1})
    assert "photos import --resume" in ended.output


def test_given_ctrl_c_while_waiting_when_resumed_then_it_is_waited_for_what_is_uploaded(
    disk: Disk, runner: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.write("a.jpg", "lost.jpg")

    def interrupt(*_: Any) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Line, "again_at", interrupt)
        stopped = runner(disk.folder)
    assert stopped.exit_code == 130
    assert "photos import --resume" in stopped.output
    label(disk, "lost.jpg")
    resumed = runner("--resume")
    assert (resumed.exit_code, disk.folder.exists()) == (0, True)
    assert "labelled + 0 rejected" in resumed.output


def test_given_a_photo_deleted_meanwhile_when_resumed_then_it_is_said_and_not_uploaded(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write("lost.jpg")
    runner(disk.folder, "--no-wait")
    disk.target.client("s3").delete_object(Bucket=BUCKET, Key="lost.jpg")
    store(disk.target, document("lost.jpg", {}, status="REMOVED", etag=None))
    resumed = runner("--resume")
    assert (resumed.exit_code, "1 removed meanwhile" in resumed.output) == (1, True)
    assert disk.target.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


@pytest.mark.parametrize(
    "arguments",
    [["--resume", "."], ["--resume", "--replace"], ["--resume", "--prefix", "a/"], ["--resume", "--dry-run"], []],
)
def test_given_resume_and_what_to_upload_or_neither_when_asked_then_a_sentence_says_what_goes(
    runner: Callable[..., Any], arguments: list[str]
) -> None:
    ended = runner(*arguments)
    assert ended.exit_code == 2
    assert "--resume" in ended.output
