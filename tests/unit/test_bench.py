"""The benchmark tells the truth: the stand-in's records, the figures, and baselines that do the same work."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from rich.console import Console

from handler.deadline import Deadline
from handler.storage import Storage
from loadtest.benchmarks.baseline_process import BASELINES, OURS, Baseline, BaselineError, Invocation, Process
from loadtest.benchmarks.batches import batch
from loadtest.benchmarks.handler import batch_tables, group_of, process_table, profile_table
from loadtest.benchmarks.import_times import medians, read
from loadtest.benchmarks.measured import Measured, figures, measured, percentile
from loadtest.benchmarks.stand_in import (
    BUCKET,
    CONTENT_CLAIMS,
    IMAGE_LABELS,
    LABEL_INDEX,
    WARM_UP,
    Latencies,
    create_stand_in,
    take_record,
)
from photo_labels.library.http_server import listen
from photo_labels.records.contents import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AT_ONCE = Latencies(p50_ms=0, p99_ms=0, read_ms=0, write_ms=0)
KEYS = ["one.jpg", "ä photo+%20.jpg", "three.jpg"]
DOCUMENT = {"ImageID": {"S": f"{BUCKET}/one.jpg"}, "Status": {"S": "LABELLED"}}
ROW = {"Label": {"S": "Dog"}, "Rank": {"S": "099.32#0#1"}}


@pytest.fixture(scope="module")
def serving() -> Iterator[str]:
    with listen(0) as listener:
        server = create_stand_in(AT_ONCE)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def url(serving: str) -> str:
    take_record(serving)
    return serving


@pytest.fixture
def dynamodb(url: str) -> Iterator[Any]:
    client = client_of("dynamodb", url)
    yield client
    client.close()


@pytest.fixture
def rekognition(url: str) -> Iterator[Any]:
    client = client_of("rekognition", url)
    yield client
    client.close()


def client_of(service: Any, url: str) -> Any:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    return session.client(service, endpoint_url=url, config=Config(retries={"total_max_attempts": 1}))


def photo(key: str) -> dict[str, Any]:
    return {"S3Object": {"Bucket": BUCKET, "Name": key}}


def insertion(item: dict[str, Any]) -> dict[str, Any]:
    places = ", ".join(f"'{name}': ?" for name in item)
    return {"Statement": f'INSERT INTO "{IMAGE_LABELS}" VALUE {{{places}}}', "Parameters": list(item.values())}


def test_given_a_photo_when_it_is_recognised_then_eight_labels_come_and_its_times_are_recorded(
    url: str, rekognition: Any
) -> None:
    answer = rekognition.detect_labels(Image=photo("one.jpg"))

    record = take_record(url)
    image = record["images"][f"{BUCKET}/one.jpg"]
    assert len(answer["Labels"]) == 8
    assert min(label["Confidence"] for label in answer["Labels"]) >= 80
    assert record["requests"] == {"DetectLabels": 1}
    assert image["asked"] <= image["answered"]
    assert image["committed"] is None


def test_given_no_document_when_it_is_looked_for_then_none_is_there(url: str, dynamodb: Any) -> None:
    keys = [{"ImageID": {"S": f"{BUCKET}/one.jpg"}}]

    answer = dynamodb.batch_get_item(RequestItems={IMAGE_LABELS: {"Keys": keys}})

    assert (answer["Responses"], answer["UnprocessedKeys"]) == ({}, {})
    assert take_record(url)["requests"] == {"BatchGetItem": 1}


def claim(key: str, claimed_at: str = "2026-11-27T06:00:00.000Z") -> Claim:
    return Claim("content", f"{BUCKET}/{key}", claimed_at)


def test_given_a_claim_when_others_claim_too_then_only_who_knows_it_has_it(url: str, dynamodb: Any) -> None:
    """The function's own calls, as it makes them."""
    storage, deadline = Storage(dynamodb, IMAGE_LABELS, LABEL_INDEX, CONTENT_CLAIMS), Deadline(lambda: 60_000)
    first, second = claim("one.jpg"), claim("two.jpg")
    assert storage.read([first.image_id], ["content"], deadline).claims == {}
    assert storage.claim(first, None, deadline) is None
    assert storage.claim(first, None, deadline) is None
    assert storage.claim(second, None, deadline) == first
    assert storage.claim(second, claim("one.jpg", "long ago"), deadline) == first
    assert storage.read([second.image_id], ["content", "another"], deadline).claims == {"content": first}
    assert storage.claim(second, first, deadline) is None
    assert storage.claim(first, None, deadline) == second
    assert take_record(url)["requests"] == {"BatchGetItem": 2, "PutItem": 6}
    assert storage.claim(first, None, deadline) is None, "forgotten with the record"


@pytest.mark.parametrize("way", ["PutItem", "BatchExecuteStatement", "BatchWriteItem"])
def test_given_a_document_when_it_is_written_in_any_way_then_item_and_commit_are_recorded(
    url: str, dynamodb: Any, way: str
) -> None:
    if way == "PutItem":
        dynamodb.put_item(TableName=IMAGE_LABELS, Item=DOCUMENT)
    elif way == "BatchWriteItem":
        dynamodb.batch_write_item(RequestItems={IMAGE_LABELS: [{"PutRequest": {"Item": DOCUMENT}}]})
    else:
        answer = dynamodb.batch_execute_statement(Statements=[insertion(DOCUMENT)])
        assert answer["Responses"] == [{"TableName": IMAGE_LABELS}]

    record = take_record(url)
    assert record["requests"] == {way: 1}
    assert record["items"] == {IMAGE_LABELS: [DOCUMENT]}
    assert record["images"][f"{BUCKET}/one.jpg"]["committed"] is not None


def test_given_an_index_row_when_it_is_written_then_no_image_counts_as_committed(url: str, dynamodb: Any) -> None:
    dynamodb.put_item(TableName=LABEL_INDEX, Item=ROW)

    record = take_record(url)
    assert record["items"] == {LABEL_INDEX: [ROW]}
    assert record["images"] == {}


def test_given_a_record_when_it_is_taken_then_it_is_forgotten(url: str, dynamodb: Any) -> None:
    dynamodb.put_item(TableName=LABEL_INDEX, Item=ROW)
    take_record(url)

    record = take_record(url)

    assert (record["requests"], record["items"], record["images"]) == ({}, {}, {})


def test_given_an_operation_that_nobody_needs_when_it_is_called_then_it_is_refused(dynamodb: Any) -> None:
    with pytest.raises(ClientError, match="UnknownOperationException"):
        dynamodb.list_tables()


def test_given_the_stand_in_for_audits_when_it_is_audited_then_all_is_right_and_listed_in_pages() -> None:
    command = [sys.executable, "-m", "loadtest.benchmarks.audit", "1200"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "1,200 photos with 10 labels each" in ended.stdout
    # One object tells whether there are versions; then come two pages of objects.
    assert re.search(r"calls: HeadObject 1, ListObjectsV2 3, Scan \d+", ended.stdout)


def test_given_many_names_when_latencies_are_drawn_then_their_quantiles_are_those_asked_for() -> None:
    latencies = Latencies()

    drawn_ms = [latencies.recognition_s(f"{number}.jpg") * 1000 for number in range(5000)]

    assert percentile(drawn_ms, 50) == pytest.approx(350, rel=0.03)
    assert percentile(drawn_ms, 99) == pytest.approx(800, rel=0.06)


def test_given_name_when_its_latency_is_drawn_again_then_it_is_same_and_another_seeds_is_not() -> None:
    latency_s = Latencies(seed=1).recognition_s("one.jpg")

    assert Latencies(seed=1).recognition_s("one.jpg") == latency_s
    assert Latencies(seed=2).recognition_s("one.jpg") != latency_s
    assert Latencies(seed=1).recognition_s(f"{WARM_UP}one.jpg") == Latencies(seed=2).recognition_s(
        f"{WARM_UP}1.jpg"
    )


def test_given_a_hundred_values_when_percentiles_are_taken_then_they_are_values_of_that_rank() -> None:
    values = [float(value) for value in range(100, 0, -1)]

    assert [percentile(values, percent) for percent in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert (percentile([7.0], 50), percentile([7.0], 99)) == (7, 7)


def test_given_two_batches_when_they_are_summed_up_then_each_figure_is_right() -> None:
    batches = [
        Measured(wall_ms=400.2, cpu_ms=30, slowest_ms=380.2, committed_ms=(100.0, 200.0), requests=6),
        Measured(wall_ms=599.0, cpu_ms=10, slowest_ms=559.0, committed_ms=(300.0, 400.0), requests=4),
    ]

    of = figures(batches)

    assert of.beyond_ms == pytest.approx(20)
    assert (of.committed_p50_ms, of.committed_p99_ms) == (200, 400)
    assert (of.cpu_ms, of.requests) == (10, 2.5)
    assert of.per_gb_second == pytest.approx(4 / (0.401 + 0.599) / (1769 / 1024))


def test_given_an_invocation_and_its_record_when_joined_then_times_count_from_its_start() -> None:
    images = {
        "a": {"asked": 10.01, "answered": 10.31, "committed": 10.4},
        "b": {"asked": 10.01, "answered": 10.51, "committed": 10.6},
    }

    one = measured(Invocation(10.0, 650.0, 20.0, 50.0), {"images": images, "requests": {"PutItem": 3, "Other": 1}})

    assert one.slowest_ms == pytest.approx(500)
    assert one.committed_ms == pytest.approx((400, 600))
    assert (one.wall_ms, one.cpu_ms, one.requests) == (650, 20, 4)


@pytest.mark.parametrize("images", [{}, {"a": {"asked": 1.0, "answered": 2.0, "committed": None}}])
def test_given_an_image_that_was_not_written_when_joined_then_nothing_is_measured(images: Any) -> None:
    with pytest.raises(BaselineError, match="left images out"):
        measured(Invocation(0.0, 1.0, 1.0, 1.0), {"images": images, "requests": {}})


@pytest.mark.parametrize(
    "baseline", BASELINES, ids=lambda one: f"{one.name}, {'rows' if one.rows else 'document'}"
)
def test_given_a_batch_when_a_baseline_labels_it_then_it_writes_what_ours_writes(
    url: str, tmp_path: Path, baseline: Baseline
) -> None:
    if not baseline.is_installed and "CI" not in os.environ:
        pytest.skip("`make bench` installs it")
    event = batch(KEYS)

    ours, theirs = (written(one, event, url, tmp_path) for one in (OURS, baseline))

    assert {document["ImageID"]["S"] for document in ours[IMAGE_LABELS]} == {f"{BUCKET}/{key}" for key in KEYS}
    assert len(ours[LABEL_INDEX]) == 9 * len(KEYS), "labels, and the time"
    assert theirs[IMAGE_LABELS] == ours[IMAGE_LABELS]
    assert theirs.get(LABEL_INDEX) == (ours[LABEL_INDEX] if baseline.rows else None)


def written(baseline: Baseline, event: Any, url: str, folder: Path) -> dict[str, list[Any]]:
    """Return what a baseline writes, in an order of its own, without the time at which it did, and the commit."""
    with Process(baseline, url, folder / "log") as process:
        take_record(url)
        invocation = process.invoke(event)
        record = take_record(url)
    one = measured(invocation, record)
    assert len(one.committed_ms) == len(event["Records"])
    assert one.cpu_ms > 0
    # On a busy machine a call may time out and be made once more: what it asks for, or writes, counts once.
    assert record["requests"]["DetectLabels"] >= len(event["Records"])
    assert record["requests"].get("PutItem", 0) >= (len(event["Records"]) if baseline == OURS else 0), "claims"
    return {table: written_once(items) for table, items in record["items"].items()}


def written_once(items: list[Any]) -> list[Any]:
    by_key = {}
    for item in items:
        del item["LabelledAt"], item["CommitID"]
        if "Rank" in item:
            item["Rank"]["S"] = item["Rank"]["S"].rpartition("#")[0]
        by_key[item["ImageID"]["S"], item.get("Label", {"S": ""})["S"]] = item
    return [by_key[key] for key in sorted(by_key)]


def test_given_a_baseline_that_fails_when_it_is_asked_then_its_log_is_told(url: str, tmp_path: Path) -> None:
    event = batch(KEYS)
    event["Records"][0]["body"] = "{}"
    baseline = next(one for one in BASELINES if one.name == "one by one")

    with (
        Process(baseline, url, tmp_path / "log") as process,
        pytest.raises(BaselineError, match="KeyError: 'Records'"),
    ):
        process.invoke(event)


def test_given_a_baseline_that_cannot_start_when_it_is_started_then_its_log_is_told(
    url: str, tmp_path: Path
) -> None:
    with pytest.raises(BaselineError, match="No module named 'nowhere'"):
        Process(Baseline("none", "nowhere.handler"), url, tmp_path / "log")


def test_given_what_importtime_prints_when_it_is_read_then_packages_are_summed() -> None:
    text = """import time: self [us] | cumulative | imported package
import time:      1000 |       1000 |   json.decoder
import time:       500 |       1500 | json
import time:      4000 |       5500 | handler.app
a line of the function's own
"""

    assert read(text) == {"json": 1.5, "handler": 4.0}
    assert medians([read(text), {"json": 9.5}, {"json": 2.0}]) == {"handler": 4.0, "json": 2.0}


def test_given_a_profile_when_it_is_shared_out_then_the_parts_come_to_what_was_measured() -> None:
    table = profile_table({"botocore.auth": 30.0, "json.decoder": 10.0, "strange": 60.0}, cpu_ms=10.0)

    assert list(table.columns[0].cells) == ["the rest", "botocore", "JSON"]
    assert list(table.columns[1].cells) == ["6.00", "3.00", "1.00"]
    assert group_of("handler.app") == group_of("photo_labels.records.documents") == "our handler"


def test_given_results_when_they_are_shown_on_80_columns_then_each_baseline_has_one_line() -> None:
    one = Measured(4000.0, 2000.0, 700.0, (1000.0,) * 10, 90)
    results = {(size, baseline): [one] * 6 for size in (1, 5, 10) for baseline in BASELINES}
    starts = {baseline: [300.0, 1400.0] for baseline in BASELINES}
    console = Console(width=80, file=io.StringIO(), record=True)

    console.print(*batch_tables(results), process_table(starts, dict.fromkeys(BASELINES, 50.0)))

    lines = console.export_text().splitlines()
    assert sum("Powertools async" in line for line in lines) == 4 * 2
    assert [line.strip() for line in lines if "batches" in line] == [f"6 batches of {size}" for size in (1, 5, 10)]
