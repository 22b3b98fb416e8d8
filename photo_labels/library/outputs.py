"""What a pipeline's stack calls its parts: its CloudFormation outputs as one typed object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from photo_labels.library.key_filter import KeyFilter

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class LaneOutputs:
    """A queue that feeds a function."""

    queue_url: str
    mapping_id: str


@dataclass(frozen=True, slots=True)
class FunctionOutputs:
    """One of the two functions, with the queues that feed it."""

    name: str
    log_group: str
    dead_letter_queue_url: str
    # Live first, bulk last; a stack of before there were lanes has one only.
    lanes: tuple[LaneOutputs, ...]
    # The queue of events that EventBridge could not deliver; None: it delivers none.
    undelivered_queue_url: str | None = None

    @property
    def dead_letter_queue_urls(self) -> list[str]:
        """The queues of what this function has not labelled, and nobody reads."""
        return [self.dead_letter_queue_url, *filter(None, [self.undelivered_queue_url])]

    @property
    def queue_url(self) -> str:
        """The queue of live photos."""
        return self.lanes[0].queue_url

    @property
    def mapping_id(self) -> str:
        """The mapping of live photos."""
        return self.lanes[0].mapping_id

    @property
    def bulk_queue_url(self) -> str:
        """The queue that our tools send to."""
        return self.lanes[-1].queue_url


@dataclass(frozen=True, slots=True)
class StackOutputs:
    """The parts of a pipeline."""

    bucket: str
    keys: KeyFilter
    image_labels_table: str
    label_index_table: str
    # None: a stack of before there were budgets.
    label_quota_table: str | None
    # None: a stack of before photos of equal bytes were labelled once.
    content_claims_table: str | None
    labelling: FunctionOutputs
    converting: FunctionOutputs
    queue_arn: str
    alarm_topic_arn: str
    # Whether quality and colours are asked for, too, which Rekognition charges for.
    has_image_properties: bool = False

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.labelling.name.removesuffix("-label")

    @property
    def functions(self) -> tuple[FunctionOutputs, FunctionOutputs]:
        return self.labelling, self.converting

    @property
    def lanes(self) -> list[LaneOutputs]:
        return [lane for function in self.functions for lane in function.lanes]

    @property
    def waiting_lanes(self) -> list[LaneOutputs]:
        """Those that wait while the budget is spent; the live ones go on."""
        return [lane for function in self.functions for lane in function.lanes[1:]]

    @property
    def queue_urls(self) -> list[str]:
        """The queues of photos, without the dead-letter queues."""
        return [lane.queue_url for lane in self.lanes]

    @property
    def dead_letter_queue_urls(self) -> list[str]:
        return [url for one in self.functions for url in one.dead_letter_queue_urls]

    @property
    def tables(self) -> tuple[str, str]:
        return self.image_labels_table, self.label_index_table

    @classmethod
    def from_stack(cls, values: Mapping[str, str]) -> StackOutputs:
        """Read the outputs of `infra/pipeline.yaml`. Raises KeyError with the first missing name."""
        return cls(
            bucket=values["Bucket"],
            # A stack of before there were suffixes has none.
            keys=KeyFilter.of(values["KeyPrefix"], values.get("KeySuffixes", "")),
            image_labels_table=values["ImageLabelsTable"],
            label_index_table=values["LabelIndexTable"],
            label_quota_table=values.get("LabelQuotaTable"),
            content_claims_table=values.get("ContentClaimsTable"),
            labelling=_function(values, "", ("", "Overflow", "Bulk")),
            converting=_function(values, "Convert", ("Convert", "BulkConvert")),
            queue_arn=values["QueueArn"],
            alarm_topic_arn=values["AlarmTopicArn"],
            has_image_properties=values.get("ImageProperties") == "true",
        )


def _function(values: Mapping[str, str], prefix: str, lanes: tuple[str, ...]) -> FunctionOutputs:
    return FunctionOutputs(
        name=values[f"{prefix}FunctionName"],
        log_group=values[f"{prefix}LogGroup"],
        dead_letter_queue_url=values[f"{prefix}DeadLetterQueueUrl"],
        lanes=tuple(
            LaneOutputs(values[f"{lane}QueueUrl"], values[f"{lane}MappingId"])
            for lane in lanes
            if lane == prefix or f"{lane}QueueUrl" in values
        ),
        undelivered_queue_url=None if prefix else values.get("UndeliveredQueueUrl"),
    )
