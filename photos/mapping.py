"""The event source mapping from the queue to the function: off, photos wait; on, they are labelled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from photos.errors import UserError

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

    from photos.target import Target

_CHANGED_S = 180.0
"""The longest that a change is waited for; it takes seconds, rarely a minute."""
_LOOK_S = 0.5
_SETTLED = ("Enabled", "Disabled")


class Mapping:
    """The mapping of one stack."""

    def __init__(self, target: Target) -> None:
        self._client: LambdaClient = target.client("lambda")
        self._id = target.outputs["MappingId"]

    def is_on(self) -> bool:
        return self._state() not in {"Disabled", "Disabling"}

    def switch(self, *, on: bool) -> None:
        """Enable or disable it, and wait until it is. Raises UserError when it does not come to that.

        Off, no receive is spent on the photos that wait, and batches under way are finished: nothing is lost
        within the queue's retention (10 days). Lambda refuses while it is changing already, say by CloudFormation.
        """
        wanted, is_asked = "Enabled" if on else "Disabled", False
        end = time.monotonic() + _CHANGED_S
        while (state := self._state()) != wanted:
            if time.monotonic() > end:
                raise UserError(
                    f"The event source mapping {self._id} stays {state}: look at it in Lambda's console."
                )
            if state in _SETTLED and not is_asked:
                self._client.update_event_source_mapping(UUID=self._id, Enabled=on)
                is_asked = True
            time.sleep(_LOOK_S)

    def _state(self) -> str:
        return self._client.get_event_source_mapping(UUID=self._id)["State"]
