"""`make loadtest` against a pipeline as it is on AWS: what it measures, what it leaves, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from local.cloud import LocalCloud
from local.ministack import REPOSITORY
from tests.e2e.conftest import Pipeline
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Command:
    """The load test as a user starts it, with the local cloud in AWS's place."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "COLUMNS": "200"}
        self.environment = os.environ | keys | {"AWS_ENDPOINT_URL": pipeline.cloud.endpoint_url}

    @contextmanager
    def start(self, *options: str) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [sys.executable, "-m", "loadtest", "--target", "aws", "--region", "us-east-1", *options],
            cwd=REPOSITORY,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as running:
            try:
                yield running
            finally:
                running.kill()

    def run(self, *options: str, expect: int = 0) -> str:
        with self.start(*options) as running:
            printed, _ = running.communicate(timeout=100)
        assert running.returncode == expect, printed
        assert "Traceback" not in printed
        return printed

    def objects(self) -> list[str]:
        """Keys of load tests that are in the bucket."""
        pages = self._pipeline.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._pipeline.bucket, Prefix="loadtest/"
        )
        return [one["Key"] for page in pages for one in page.get("Contents", ())]

    def everything(self) -> list[Any]:
        """Photos, documents and rows of load tests."""
        return [*self.objects(), *self._items("ImageLabelsTable"), *self._items("LabelIndexTable")]

    def _items(self, table: str) -> list[Any]:
        pages = self._pipeline.dynamodb.get_paginator("scan").paginate(
            TableName=self._pipeline.outputs[table],
            FilterExpression="begins_with(ImageID, :loadtest)",
            ExpressionAttributeValues={":loadtest": {"S": f"{self._pipeline.bucket}/loadtest/"}},
        )
        return [item for page in pages for item in page["Items"]]


@pytest.fixture
def command(pipeline: Pipeline) -> Command:
    return Command(pipeline)


FEW = ("--yes", "--rate", "20", "--size", "2KB", "--warmup", "2")


def test_given_a_pipeline_when_load_tested_then_each_photo_is_accounted_for_and_none_is_left(
    command: Command, tmp_path: Path
) -> None:
    before = command.everything()
    said = command.run(*FEW, "--number", "20", "--slo", "lost=0", "--out", str(tmp_path))
    assert "22 photos cost about 0.02 USD" in said
    assert "20 sent = 20 labelled + 0 rejected + 0 dead-lettered + 0 missing" in said
    figures = json.loads((tmp_path / "results.json").read_text())
    assert figures["simulated"].startswith("Nothing was simulated: account 000000000000")
    assert figures["calls_per_photo"] == 1.0
    assert figures["index_rows"]["checked"] > 0
    assert figures["index_rows"]["missing"] == 0
    assert figures["cost_usd"]["per_million_photos"] > 1000
    stages = [
        figures["stages_ms"][name]["p50"] for name in ("began", "returned", "recognised", "committed", "seen")
    ]
    assert stages == sorted(stages)
    assert figures["function"]["gb_seconds"] > 0
    assert command.everything() == before


def test_given_an_objective_that_is_missed_when_load_tested_with_keep_then_it_exits_with_1(
    command: Command,
) -> None:
    before = len(command.objects())
    said = command.run(*FEW, "--number", "3", "--slo", "p50<1ms", "--keep", expect=1)
    assert "MISSED  p50<1ms" in said
    assert len(command.objects()) == before + 5


@pytest.mark.parametrize(
    ("photos", "during", "code"),
    [(("--warmup", "2000"), "/warmup/", 130), (("--number", "2000"), "/run/", 1)],
)
def test_given_an_interruption_when_load_tested_then_what_was_sent_is_removed(
    command: Command, photos: tuple[str, ...], during: str, code: int
) -> None:
    before = command.everything()
    with command.start(*FEW, *photos) as running:
        eventually(lambda: [key for key in command.objects() if key not in before and during in key], within_s=40)
        running.send_signal(signal.SIGINT)
        printed, _ = running.communicate(timeout=70)
    assert running.returncode == code, printed
    assert "Traceback" not in printed
    assert command.everything() == before


@pytest.mark.parametrize(
    ("options", "user_message"),
    [
        (("--number", "10"), "pass --yes"),
        (("--yes", "--stack", "another"), "There is no stack 'another'"),
        (("--target", "local", "--keep"), "KEEP=1 goes with TARGET=up or TARGET=aws"),
        (("--target", "up", "--beside", "5"), "BESIDE= takes a local cloud of its own"),
        (("--slo", "p95"), "there is no objective 'p95'"),
        (("--size", "huge"), "'huge' is no number of bytes"),
        (("--shape", "wave"), "'wave' is not one of"),
        (("--out", "/dev/null/folder"), "Reports cannot be written there"),
        (("--photos", "/dev"), "There is no JPEG or PNG in /dev"),
    ],
)
def test_given_what_cannot_be_measured_when_load_tested_then_it_says_so_and_exits_with_2(
    command: Command, options: tuple[str, ...], user_message: str
) -> None:
    assert user_message in command.run(*options, expect=2)


def test_given_another_function_to_compare_with_when_photos_come_then_that_one_runs(
    tmp_path: Path,
) -> None:
    simulated = ["--mode", "simulated", "--simulation", '{"p50_ms": 0, "p99_ms": 0}']
    with LocalCloud(
        tmp_path / "cloud", recogniser=simulated, handler="loadtest.benchmarks.bare_function.handler"
    ) as cloud:
        pipeline = Pipeline(cloud)
        pipeline.upload("a.jpg", b"a photo")
        document = eventually(lambda: pipeline.document("a.jpg"))
        assert document["Status"] == "LABELLED"
        assert "MinConfidence" not in document, "which ours writes"
        label = document["Labels"][0]["Name"]
        assert pipeline.keys_under(label) == {"a.jpg"}
