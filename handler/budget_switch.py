"""Switches the event source mappings of what waits off while the budget is spent, and on again afterwards.

A schedule asks for it every few minutes (infra/pipeline.yaml): nothing else invokes the function at midnight.
Until it does, invocations hold the photos and send them back to their queues, so that no receives are used up.

A note in the table says that it was the budget (`handler.budget_record`): what somebody else has switched off
stays off. Whoever does so deletes the note first.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from handler.deadline import call
from handler.timeouts import LAMBDA
from photo_labels.records.errors import code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from types_boto3_lambda import LambdaClient

    from handler.budget_record import BudgetRecord
    from handler.deadline import Deadline

# Lambda is still changing the mapping, after the last check, say.
_BEING_CHANGED = ("ResourceInUseException", "ResourceConflictException")


class BudgetSwitch:
    """The mappings of one stack that wait for its budget."""

    def __init__(self, record: BudgetRecord, make_client: Callable[[], LambdaClient]) -> None:
        """`make_client`: called where a mapping is to be switched, which few invocations do."""
        self._record = record
        self._make_client = make_client

    @cached_property
    def _client(self) -> LambdaClient:
        return self._make_client()

    def check(self, mapping_ids: Sequence[str], deadline: Deadline) -> datetime | None:
        """Switch the mappings as the budget has it; return until when it is spent, None where it is not.

        May be called at any time and by several at once. Raises what AWS says; the next check does what is left.
        """
        until = self._record.spent_until(deadline)
        if until:
            self._record.note(deadline)  # before they are off: so they come on again in any case
            self._switch(mapping_ids, deadline, on=False)
        elif self._record.is_noted(deadline):
            is_done = self._switch(mapping_ids, deadline, on=True)
            if is_done and not self._record.forget(deadline):
                # Somebody has switched them off meanwhile, who wants them off.
                self._switch(mapping_ids, deadline, on=False)
        return until

    def _switch(self, mapping_ids: Sequence[str], deadline: Deadline, *, on: bool) -> bool:
        """Switch the mappings; False: some are still being changed, and have to be switched later."""
        is_done = True
        for identity in mapping_ids:
            update = partial(self._client.update_event_source_mapping, UUID=identity, Enabled=on)
            try:
                call(update, deadline, LAMBDA.call_s)
            except ClientError as error:
                if code_of(error) not in _BEING_CHANGED:
                    raise
                is_done = False
        return is_done
