"""What a pipeline's stack calls its parts: its CloudFormation outputs as one typed object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class FunctionOutputs:
    """One of the two functions, with the queue that feeds it."""

    name: str
    log_group: str
    mapping_id: str
    queue_url: str
    dead_letter_queue_url: str


@dataclass(frozen=True, slots=True)
class StackOutputs:
    """The parts of a pipeline."""

    bucket: str
    key_prefix: str
    image_labels_table: str
    label_index_table: str
    labelling: FunctionOutputs
    converting: FunctionOutputs
    queue_arn: str
    alarm_topic_arn: str

    @property
    def functions(self) -> tuple[FunctionOutputs, FunctionOutputs]:
        return self.labelling, self.converting

    @property
    def queue_urls(self) -> list[str]:
        """The queues of photos, without the dead-letter queues."""
        return [one.queue_url for one in self.functions]

    @property
    def dead_letter_queue_urls(self) -> list[str]:
        return [one.dead_letter_queue_url for one in self.functions]

    @property
    def tables(self) -> tuple[str, str]:
        return self.image_labels_table, self.label_index_table

    @classmethod
    def from_stack(cls, values: Mapping[str, str]) -> StackOutputs:
        """Read the outputs of `infra/pipeline.yaml`. Raises KeyError with the first missing name."""
        return cls(
            bucket=values["Bucket"],
            key_prefix=values["KeyPrefix"],
            image_labels_table=values["ImageLabelsTable"],
            label_index_table=values["LabelIndexTable"],
            labelling=_function(values, ""),
            converting=_function(values, "Convert"),
            queue_arn=values["QueueArn"],
            alarm_topic_arn=values["AlarmTopicArn"],
        )


def _function(values: Mapping[str, str], prefix: str) -> FunctionOutputs:
    return FunctionOutputs(
        name=values[f"{prefix}FunctionName"],
        log_group=values[f"{prefix}LogGroup"],
        mapping_id=values[f"{prefix}MappingId"],
        queue_url=values[f"{prefix}QueueUrl"],
        dead_letter_queue_url=values[f"{prefix}DeadLetterQueueUrl"],
    )
