"""The event source mappings from the queues to the functions: off, photos wait; on, they are labelled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from photo_labels.library.budget import SwitchedOff
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

    from photo_labels.library.target import Target

# The longest that a change is waited for; it takes seconds, rarely a minute.
_CHANGED_S = 180.0
_LOOK_S = 0.5
_SETTLED = ("Enabled", "Disabled")


class Mappings:
    """The mappings of one stack, from all its queues to the function that labels and to the one that converts."""

    def __init__(self, target: Target) -> None:
        self._client: LambdaClient = target.client("lambda")
        self._ids = [lane.mapping_id for lane in target.outputs.lanes]
        self._waiting = {lane.mapping_id for lane in target.outputs.waiting_lanes}
        self._by_budget = SwitchedOff(target)

    def are_on(self) -> bool:
        """Tell whether all are enabled, but for those that are off only until there is a budget again."""
        for identity in self._ids:
            is_off = self._state(identity) in {"Disabled", "Disabling"}
            if is_off and not (identity in self._waiting and self._by_budget.is_noted()):
                return False
        return True

    def switch(self, *, on: bool) -> None:
        """Enable or disable all, and wait until they are. Raises UserError where that fails.

        On, those stay off that wait for the budget: the function enables them.

        Off, no receive is spent on the photos that wait, and batches under way are finished: nothing is lost
        within the queues' retention (10 days). Lambda refuses while one is being changed, say by CloudFormation.
        """
        if not on:
            self._by_budget.forget()
        held = self._waiting if on and self._by_budget.is_noted() else set()
        for identity in self._ids:
            if identity not in held:
                self._switch(identity, on=on)

    def _switch(self, identity: str, *, on: bool) -> None:
        wanted, is_asked = "Enabled" if on else "Disabled", False
        end = time.monotonic() + _CHANGED_S
        while (state := self._state(identity)) != wanted:
            if time.monotonic() > end:
                raise UserError(
                    f"The event source mapping {identity} stays {state}: look at it in Lambda's console."
                )
            if state in _SETTLED and not is_asked:
                self._client.update_event_source_mapping(UUID=identity, Enabled=on)
                is_asked = True
            time.sleep(_LOOK_S)

    def _state(self, identity: str) -> str:
        return self._client.get_event_source_mapping(UUID=identity)["State"]
