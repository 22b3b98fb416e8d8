"""From notifications to EventBridge and back: at no moment is nobody told of a photo."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber
from rich.console import Console

import infra.deploy
from infra.deploy import deploy
from infra.destroy import destroy
from infra.display import Display
from infra.function import MappingState
from infra.notifications import EVENTS
from infra.via import BOTH, EVENT_BRIDGE, NOTIFICATIONS
from photo_labels.library.user_errors import UserError
from tests.fakes.stack import outputs_of_stack
from tests.unit.deploying.shared import QUEUE

if TYPE_CHECKING:
    from collections.abc import Iterator

WAYS = (NOTIFICATIONS, EVENT_BRIDGE)
OTHERS: dict[str, Any] = {"Id": "theirs", "QueueArn": "arn:aws:sqs:eu-central-1:123456789012:others"}
OTHERS |= {"Events": ["s3:ReducedRedundancyLostObject"]}
IN_THE_WAY = OTHERS | {"Events": ["s3:ObjectCreated:*"]}
CONCURRENCIES = dict.fromkeys(("MaxConcurrency", "BulkConcurrency", "ConvertConcurrency"), "5")
# As S3 says it takes.
EFFECTIVE_S = 300


class Account:
    """A bucket's notifications and a stack, of which a history is kept: when what was set."""

    def __init__(self, existing: str = "holidays") -> None:
        self.existing = existing
        self.parameters: dict[str, str] = {}
        self.is_deployed = False
        self.undelivered = 0
        self.now_s = 0.0
        # Since when it is so: the bucket's notifications, and whether there is a rule.
        self.history: list[tuple[float, dict[str, Any], bool]] = []
        self.console = Console(record=True, width=1000)
        self._set({"QueueConfigurations": [OTHERS]} if existing else {})

    @property
    def configuration(self) -> dict[str, Any]:
        return self.history[-1][1]

    @property
    def said(self) -> str:
        return self.console.export_text(clear=False)

    def _set(self, configuration: dict[str, Any]) -> None:
        has_rule = self.is_deployed and self.parameters["Via"] != NOTIFICATIONS
        self.history.append((self.now_s, configuration, has_rule))

    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    def gaps(self, since_s: float) -> Iterator[float]:
        """Yield the moments at which no way was on, where a change of the bucket has its effect at once, or late."""
        moments = sorted({at + late for at, *_ in self.history for late in (0, EFFECTIVE_S)})
        for moment in [one for one in moments if one >= since_s]:
            has_rule = [rule for at, _, rule in self.history if at <= moment][-1]
            in_effect = [one for at, one, _ in self.history if at <= moment]
            late = [one for at, one, _ in self.history if at <= moment - EFFECTIVE_S]
            for configuration in (in_effect[-1], *late[-1:]):
                if not (is_notified(configuration) or (has_rule and "EventBridgeConfiguration" in configuration)):
                    yield moment

    # ------------------------------------------------------------ what the tool sees

    def client(self, service: str) -> Any:
        if service == "sqs":
            names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
            counts = dict(zip(names, (str(self.undelivered), "0"), strict=True))
            gone = SimpleNamespace(QueueDoesNotExist=KeyError)
            return SimpleNamespace(get_queue_attributes=lambda **_: {"Attributes": counts}, exceptions=gone)
        if service == "lambda":
            limit = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
            return SimpleNamespace(get_account_settings=lambda: {"AccountLimit": limit})
        return SimpleNamespace(
            get_bucket_notification_configuration=lambda **_: dict(self.configuration),
            put_bucket_notification_configuration=lambda **given: self._set(given["NotificationConfiguration"]),
        )

    def propose(self, values: dict[str, str], *_: Any) -> Any:
        if self.is_deployed and not values.items() - self.parameters.items():
            return None
        return SimpleNamespace(values=dict(values), changes=())

    def execute(self, proposed: Any) -> None:
        self.parameters |= proposed.values
        self.is_deployed = True
        via = self.parameters["Via"]
        if self.existing:
            self._set(self.configuration)
            return
        ours = [{"Id": event, "QueueArn": QUEUE, "Events": [event]} for event in EVENTS]
        self._set(
            ({"QueueConfigurations": ours} if via != EVENT_BRIDGE else {})
            | ({"EventBridgeConfiguration": {}} if via != NOTIFICATIONS else {})
        )

    @property
    def deployment(self) -> Any:
        values = {"Bucket": self.existing or "own", "QueueArn": QUEUE, "KeyPrefix": "", "KeySuffixes": ""}
        if self.is_deployed and self.parameters.get("Via", NOTIFICATIONS) != NOTIFICATIONS:
            values["UndeliveredQueueUrl"] = "undelivered"
        target = SimpleNamespace(outputs=outputs_of_stack(values), client=self.client, description="here")
        return SimpleNamespace(
            name="photo-labels",
            connection=SimpleNamespace(client=self.client),
            target=target,
            require_own_stack=lambda: None,
            template=lambda _: '{"Resources": {}, "Parameters": {}}',
            effective=lambda values: CONCURRENCIES | values,
            execute=self.execute,
            function=SimpleNamespace(mapping_state=lambda: MappingState.RUNNING, is_proved=lambda: True),
            registry=SimpleNamespace(status=lambda: None),
            pipeline=SimpleNamespace(
                parameters=lambda: dict(self.parameters),
                outputs=lambda: values if self.is_deployed else {},
                propose=self.propose,
                status=lambda: "CREATE_COMPLETE",
                template=lambda: '{"Resources": {}}',
                resources=dict,
                tags=dict,
                delete=lambda: None,
            ),
        )

    def deploy(self, via: str | None = None, pause: Any = None) -> None:
        given = {"ExistingBucket": self.existing} | ({"Via": via} if via else {})
        live: Any = Live(self)
        deploy(live, Display(self.console, yes=True), given, None, None, pause=pause or self.wait)

    def destroy(self) -> None:
        live: Any = Live(self)
        destroy(live, Display(self.console, yes=True), with_data=False)


class Live:
    """A deployment that is read anew each time."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def __getattr__(self, name: str) -> Any:
        return getattr(self._account.deployment, name)


def is_notified(configuration: dict[str, Any]) -> bool:
    ours = [one for one in configuration.get("QueueConfigurations", []) if one["QueueArn"] == QUEUE]
    return {event for one in ours for event in one["Events"]} == set(EVENTS)


@pytest.fixture(autouse=True)
def _without_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the bucket and the stack."""
    monkeypatch.setattr(infra.deploy, "push", lambda *_: ("uri", "arm64"))
    monkeypatch.setattr(infra.deploy, "_from_quota", lambda *_: {})
    monkeypatch.setattr(infra.deploy, "_warn_of_pending", lambda *_: None)
    monkeypatch.setattr(infra.deploy, "leave_running", lambda *_: None)
    monkeypatch.setattr(infra.deploy, "confirm", lambda *_: None)
    monkeypatch.setattr(
        infra.deploy, "change", lambda deployment, _display, proposed: deployment.execute(proposed)
    )


@pytest.mark.parametrize("existing", ["holidays", ""])
@pytest.mark.parametrize("first", WAYS)
def test_given_a_pipeline_when_it_goes_over_and_back_then_somebody_is_told_of_each_photo(
    existing: str, first: str
) -> None:
    account = Account(existing)
    account.deploy(first)
    account.wait(EFFECTIVE_S)
    since_s = account.now_s
    for via in (*(one for one in WAYS if one != first), first):
        account.deploy(via)
        assert account.parameters["Via"] == via
        assert is_notified(account.configuration) == (via == NOTIFICATIONS)
        assert via == NOTIFICATIONS or "EventBridgeConfiguration" in account.configuration
        account.wait(1000)
    assert list(account.gaps(since_s)) == []
    if existing:
        assert all(OTHERS in configuration["QueueConfigurations"] for _, configuration, _ in account.history)


@pytest.mark.parametrize("via", WAYS)
def test_given_a_change_that_is_interrupted_when_deployed_again_then_it_goes_on(via: str) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    account = Account()
    account.deploy(EVENT_BRIDGE if via == NOTIFICATIONS else NOTIFICATIONS)
    account.wait(EFFECTIVE_S)
    with pytest.raises(KeyboardInterrupt):
        account.deploy(via, interrupted)
    assert account.parameters["Via"] == BOTH
    assert f"make deploy VIA={via}" in account.said
    account.wait(60)
    account.deploy()
    assert account.parameters["Via"] == BOTH
    assert "Both ways are on" in account.said
    account.deploy(via)
    assert account.parameters["Via"] == via
    assert is_notified(account.configuration) == (via == NOTIFICATIONS)
    assert list(account.gaps(EFFECTIVE_S)) == []


def test_given_a_bucket_that_notifies_another_when_deployed_then_event_bridge_is_the_way() -> None:
    account = Account()
    account.history[-1][1]["QueueConfigurations"] = [IN_THE_WAY]
    with pytest.raises(UserError, match="VIA=eventbridge"):
        account.deploy()
    assert not account.is_deployed
    account.deploy(EVENT_BRIDGE)
    assert account.configuration == {
        "QueueConfigurations": [IN_THE_WAY],
        "EventBridgeConfiguration": {},
    }
    assert "1.00 USD for a million" in account.said
    with pytest.raises(UserError, match="notified of the same photos"):
        account.deploy(NOTIFICATIONS)
    assert account.parameters["Via"] == EVENT_BRIDGE, "refused before anything is changed"


def test_given_undelivered_events_when_going_back_then_their_queue_stays_till_they_are_redriven() -> None:
    account = Account()
    account.deploy(EVENT_BRIDGE)
    account.undelivered = 3
    with pytest.raises(UserError, match=r"3 events that EventBridge could not deliver.*photos redrive"):
        account.deploy(NOTIFICATIONS)
    assert account.parameters["Via"] == BOTH
    account.undelivered = 0
    account.deploy(NOTIFICATIONS)
    assert account.parameters["Via"] == NOTIFICATIONS


@pytest.mark.parametrize("existing", ["holidays", ""])
def test_given_event_bridge_when_destroyed_then_it_stays_on_for_a_bucket_of_the_users(existing: str) -> None:
    account = Account(existing)
    account.deploy(EVENT_BRIDGE)
    account.destroy()
    assert ("EventBridgeConfiguration" in account.configuration) == bool(existing)
    assert ("still sends its events to EventBridge" in account.said) == bool(existing)


def test_given_a_pipeline_of_an_older_version_when_deployed_then_notifications_are_its_way() -> None:
    account = Account()
    account.deploy()
    del account.parameters["Via"]
    account.deploy()
    assert account.parameters["Via"] == NOTIFICATIONS
    assert account.now_s == 0, "nothing is waited for"


@pytest.mark.parametrize("via", WAYS)
def test_given_a_bucket_that_is_not_there_when_deployed_then_a_sentence_before_anything_is_made(via: str) -> None:
    account = Account()

    def gone(service: str) -> Any:
        if service == "lambda":
            return Account().client(service)
        client = boto3.client(service, "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")  # type: ignore[call-overload]
        stub = Stubber(client)
        stub.add_client_error("get_bucket_notification_configuration", "NoSuchBucket")
        stub.activate()
        return client

    account.client = gone  # type: ignore[method-assign]
    with pytest.raises(UserError, match="There is no bucket holidays"):
        account.deploy(via)
    assert not account.is_deployed


def test_given_a_way_that_is_none_when_deployed_then_a_sentence() -> None:
    with pytest.raises(UserError, match="VIA=sqs is no way for events"):
        Account().deploy("sqs")
