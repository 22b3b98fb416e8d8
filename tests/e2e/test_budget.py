"""A budget that is spent, on the local cloud: four environments, more photos than it allows, and what waits."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from local.cloud import LocalCloud
from photo_labels import cli
from photo_labels.library.mapping import Mappings
from photo_labels.library.queues import depth
from photo_labels.records.budget import switched_off_key
from tests.e2e.conftest import Pipeline
from tests.e2e.test_lanes import photo
from tests.e2e.test_permissions import Role
from tests.infra.pipeline.shared import MAY_WAIT
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

SIMULATED = ["--mode", "simulated", "--simulation", json.dumps({"p50_ms": 50, "p99_ms": 100})]
BUDGET, PHOTOS = 15, 40


class Spending(Pipeline):
    """A pipeline with a budget."""

    def check(self) -> None:
        assert (error := self.check_fails_with()) == "", error

    def check_fails_with(self) -> str:
        """Do what the schedule does every five minutes, with what it passes on; returns how it failed."""
        events, functions = (self.cloud.target.client(service) for service in ("events", "lambda"))
        [rule] = events.list_rules(NamePrefix=self.cloud.target.outputs.stack)["Rules"]
        [target] = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        answer = functions.invoke(FunctionName=target["Arn"], Payload=target["Input"])
        return answer["Payload"].read().decode() if "FunctionError" in answer else ""

    def mappings(self) -> dict[str, str]:
        functions = self.cloud.target.client("lambda")
        return {
            lane.queue_url.rpartition("photo-labels-")[2]: functions.get_event_source_mapping(
                UUID=lane.mapping_id
            )["State"]
            for lane in self.cloud.target.outputs.lanes
        }

    @property
    def calls(self) -> int:
        return sum(self.recogniser("calls")["objects"].values())

    @property
    def waiting(self) -> dict[str, int]:
        return {url.rpartition("photo-labels-")[2]: sum(depth(self.sqs, url)) for url in self.queue_urls}

    @property
    def queue_urls(self) -> list[str]:
        return self.cloud.target.outputs.queue_urls

    def labelled(self) -> int:
        scanned = self.dynamodb.scan(TableName=self.outputs["ImageLabelsTable"], ConsistentRead=True)
        return sum(item["Status"]["S"] == "LABELLED" for item in scanned["Items"])

    def a_day_passes(self) -> None:
        self._set("CountedOn", 20200101)

    def count(self, calls: int) -> None:
        self._set("CountedOn", int(f"{datetime.now(UTC):%Y%m%d}"))
        self._set("CallsOfDay", calls)
        self._set("CallsOfMonth", calls)

    def _set(self, name: str, value: int) -> None:
        self.dynamodb.update_item(
            TableName=self.outputs["LabelQuotaTable"],
            Key={"Operation": {"S": "DetectLabels"}},
            UpdateExpression=f"SET {name} = :value",
            ExpressionAttributeValues={":value": {"N": str(value)}},
        )

    def forget_the_note(self) -> None:
        self.dynamodb.delete_item(
            TableName=self.outputs["LabelQuotaTable"], Key=switched_off_key(self.cloud.target.outputs.stack)
        )


@pytest.fixture(scope="module")
def spending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spending]:
    state = tmp_path_factory.mktemp("budget") / "state"
    parameters = {"RekognitionTps": "40", "MaxConcurrency": "4", "DailyBudgetPhotos": str(BUDGET)}
    with LocalCloud(state, recogniser=SIMULATED, parameters=parameters) as cloud:
        yield Spending(cloud)


def test_given_more_photos_than_the_budget_when_they_come_then_they_wait_and_go_on_by_themselves(
    spending: Spending, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"{number:02d}.jpg" for number in range(PHOTOS)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: spending.upload(key, photo()), keys))
    eventually(lambda: spending.calls == BUDGET and spending.waiting["photos"] == 0)
    spending.check()
    assert spending.mappings() == {
        "photos": "Enabled",
        "overflow": "Disabled",
        "bulk": "Disabled",
        "convert": "Enabled",
        "bulk-convert": "Disabled",
    }
    assert Mappings(spending.cloud.target).are_on()  # for a person: it is nobody who has paused it
    eventually(lambda: spending.waiting["overflow"] == PHOTOS - BUDGET)
    assert (spending.calls, spending.labelled()) == (BUDGET, BUDGET)

    monkeypatch.setattr(cli, "local_target", lambda *_: spending.cloud.target)
    said = CliRunner().invoke(cli.photos, ["--local", "status"]).output
    assert "15 of 15 calls today (UTC); spent: labelling goes on by itself at" in " ".join(said.split())

    for left in (PHOTOS - 2 * BUDGET, 0):
        spending.a_day_passes()
        spending.check()
        assert spending.mappings()["overflow"] == "Enabled"
        eventually(lambda left=left: spending.labelled() == PHOTOS - left)  # type: ignore[misc]
        if left:
            spending.check()
    calls: dict[str, Any] = spending.recogniser("calls")["objects"]
    assert calls == {f"{spending.bucket}/{key}": 1 for key in keys}
    eventually(lambda: set(spending.waiting.values()) == {0})


# The local Lambda lets every role switch a mapping: that one is asserted from the template alone.
@pytest.mark.parametrize("action", sorted(MAY_WAIT.keys() - {"lambda:UpdateEventSourceMapping"}))
def test_given_a_permission_taken_away_when_the_budget_is_looked_at_then_it_fails_and_is_told(
    spending: Spending, action: str
) -> None:
    """The note is written where the budget is spent, and deleted where it is not any more."""
    spending.forget_the_note()
    spending.count(BUDGET)
    if action == "dynamodb:DeleteItem":
        spending.check()
        spending.count(0)
    with Role(spending, "FunctionName").without(action):
        assert "AccessDenied" in spending.check_fails_with()
    spending.count(0)
    spending.check()


def test_given_a_budget_when_live_events_need_no_call_then_they_are_done_while_it_is_spent(
    spending: Spending,
) -> None:
    spending.count(0)
    spending.check()
    spending.settled("removed.jpg", spending.upload("removed.jpg", photo()))
    spending.count(BUDGET)
    spending.check()
    spending.s3.delete_object(Bucket=spending.bucket, Key="removed.jpg")
    eventually(lambda: (spending.document("removed.jpg") or {}).get("Status") == "REMOVED")
    Mappings(spending.cloud.target).switch(on=False)
    assert not Mappings(spending.cloud.target).are_on()
    spending.a_day_passes()
    spending.check()
    assert set(spending.mappings().values()) == {"Disabled"}  # what somebody has paused stays so
    Mappings(spending.cloud.target).switch(on=True)
    assert set(spending.mappings().values()) == {"Enabled"}
