"""The outputs of a stack that was never deployed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from photo_labels.library.outputs import StackOutputs

if TYPE_CHECKING:
    from photo_labels.library.target import Target


def outputs_of_stack(values: dict[str, str]) -> StackOutputs:
    """Return outputs with these values, by the template's names; all others are of 36 letters, as an id is."""
    return StackOutputs.from_stack(defaultdict(lambda: "x" * 36, values))


def queue_of(target: Target, output: str) -> str:
    """Return the URL of a queue by the template's name of the output."""
    outputs = target.outputs
    if "DeadLetter" in output:
        function = outputs.converting if output.startswith("Convert") else outputs.labelling
        return function.dead_letter_queue_url
    names = {
        "QueueUrl": outputs.labelling.queue_url,
        "BulkQueueUrl": outputs.labelling.bulk_queue_url,
        "ConvertQueueUrl": outputs.converting.queue_url,
        "BulkConvertQueueUrl": outputs.converting.bulk_queue_url,
    }
    return names[output]
