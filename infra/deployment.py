"""One deployment of the pipeline, made once for each command: its stacks, and its functions once they exist."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from infra.function import Function
from infra.stacks import Stack
from infra.template import pipeline_template
from infra.template_bucket import upload_template
from photo_labels.library.target import described
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.stacks import ChangeSet, Event
    from photo_labels.library.target import Connection, Target


class Deployment:
    """A pipeline by its stack's name, in an account and region; it may not be deployed yet."""

    def __init__(
        self,
        name: str,
        account: str,
        connection: Connection,
        on_event: Callable[[Event], None],
        registry_host: str | None = None,
    ) -> None:
        """`on_event` gets the events of the stacks while they change; `registry_host` stands in for ECR."""
        self.name = name
        self.connection = connection
        self.registry_host = registry_host
        cloudformation = connection.client("cloudformation")
        self.pipeline = Stack(cloudformation, name, on_event, self._upload)
        self.registry = Stack(cloudformation, f"{name}-registry", on_event)
        self._account = account
        self._target: Target | None = None
        self._function: Function | None = None

    @property
    def target(self) -> Target:
        """The pipeline with its outputs. Raises UserError where it is not deployed."""
        if self._target is None:
            self._target = described(self.connection, self.name)
        return self._target

    @property
    def function(self) -> Function:
        """The deployed function. Raises UserError where there is none."""
        if self._function is None:
            self._function = Function(self.target)
        return self._function

    def execute(self, proposed: ChangeSet) -> None:
        """Change the pipeline's stack; what was known of its outputs is read again."""
        try:
            self.pipeline.execute(proposed)
        finally:
            self._target = self._function = None

    def require_own_stack(self) -> None:
        """Raise UserError where another kind of stack has the name: it would be replaced, or deleted."""
        if self.pipeline.status() in {None, "REVIEW_IN_PROGRESS"}:  # nothing is in it
            return
        if "LabelIndexTable" not in self.pipeline.template():
            raise UserError(f"{self.name} is a stack of something else: name yours with STACK=….")

    def _upload(self, template: str) -> str:
        """Return the URL of a template in the registry's bucket, which `push` has brought up."""
        bucket = self.registry.outputs()["TemplateBucket"]
        return upload_template(self.connection.client("s3"), bucket, template)

    def effective(self, parameters: dict[str, str]) -> dict[str, str]:
        """Return all parameters with which these would be deployed."""
        declared = json.loads(pipeline_template({}))["Parameters"]
        defaults = {name: str(one["Default"]) for name, one in declared.items() if "Default" in one}
        return defaults | self.pipeline.parameters() | parameters

    def template(self, parameters: dict[str, str]) -> str:
        """Return the template to deploy with these parameters."""
        values = self.pipeline.parameters() | parameters
        return pipeline_template(
            {
                "AWS::StackName": self.name,
                "AWS::AccountId": self._account,
                "AWS::Region": self.connection.session.region_name,
                "TablePrefix": values.get("TablePrefix", ""),
                "KeySuffixes": values.get("KeySuffixes", ""),
            }
        )
