"""CloudFormation: a stack is changed by a change set, which is shown first; its events are shown as they come."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from types_boto3_cloudformation import CloudFormationClient

_LOOK_S = 1.0
_AT_REST = {
    "CREATE_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
}
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True, slots=True)
class Change:
    """What a change set would do to one resource."""

    # Add, Modify, Remove or Import.
    action: str
    resource: str
    kind: str
    # "True" or "Conditional" where the resource would be replaced, and its content lost.
    replacement: str


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Changes that wait to be executed."""

    name: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one resource."""

    resource: str
    status: str
    reason: str


class Stack:
    """One stack, which may not exist yet."""

    def __init__(
        self,
        client: CloudFormationClient,
        name: str,
        tell: Callable[[Event], None],
        upload: Callable[[str], str] | None = None,
    ) -> None:
        """`tell` is called with the events of this object's own operations.

        `upload` puts a template into S3 and returns its URL; without it, templates are sent with the request, and
        may have 51,200 bytes.
        """
        self._client = client
        self.name = name
        self._tell = tell
        self._upload = upload

    def status(self) -> str | None:
        """None: there is no such stack."""
        found = self._describe()
        return found["StackStatus"] if found else None

    def outputs(self) -> dict[str, str]:
        found = self._describe() or {}
        return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}

    def parameters(self) -> dict[str, str]:
        """Those that it is deployed with."""
        found = self._describe() or {}
        return {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}

    def tags(self) -> dict[str, str]:
        """Those that it is deployed with."""
        found = self._describe() or {}
        return {one["Key"]: one["Value"] for one in found.get("Tags", [])}

    def resources(self) -> dict[str, str]:
        """Return the names, or ids, that AWS has for what it consists of now, by the template's names."""
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        try:
            return {
                one["LogicalResourceId"]: one["PhysicalResourceId"]
                for page in pages
                for one in page["StackResourceSummaries"]
                if one.get("PhysicalResourceId") and not one["ResourceStatus"].startswith("DELETE_")
            }
        except ClientError as error:
            if "does not exist" in str(error):
                return {}
            raise

    def template(self) -> str:
        """The one that it is deployed with, as it was given."""
        found: Any = self._client.get_template(StackName=self.name, TemplateStage="Original")["TemplateBody"]
        # botocore reads what is JSON.
        return found if isinstance(found, str) else json.dumps(found, separators=(",", ":"))

    def propose(
        self, parameters: Mapping[str, str], template: str | None = None, tags: Mapping[str, str] | None = None
    ) -> ChangeSet | None:
        """Return what parameters, and a new template if one is given, would change; None: nothing.

        Parameters that are not given stay as they are deployed, or as a first deployment that failed had them.
        `tags` are all that the stack has then; None: they stay, too.
        Resources that an earlier stack of this name left behind are adopted again. Raises UserError when the
        stack cannot be changed.
        """
        status, known = self.status(), self.parameters()
        tags = self.tags() if tags is None else tags
        if status == "ROLLBACK_COMPLETE":  # a first deployment that failed; AWS lets it only be deleted
            self.delete()
            status = None
        is_new = status in {None, "REVIEW_IN_PROGRESS"}
        if not is_new and status not in _AT_REST:
            raise UserError(_not_now(self.name, status or ""))
        deployed: Any = {"StackName": self.name}
        given: Any = self._sent(template) if template else None
        summary = self._client.get_template_summary(**(given or deployed))
        names = [one["ParameterKey"] for one in summary["Parameters"]]
        if unknown := parameters.keys() - set(names):
            raise UserError(f"There is no parameter {min(unknown)}; there are {', '.join(names)}.")
        values = {name: value for name, value in (known | dict(parameters)).items() if name in names}
        name = f"deploy-{time.time_ns()}"
        self._client.create_change_set(
            StackName=self.name,
            ChangeSetName=name,
            ChangeSetType="CREATE" if is_new else "UPDATE",
            **(given or {"UsePreviousTemplate": True}),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
            # An empty list removes all. Of none, the documentation says only for UpdateStack that they stay.
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            Capabilities=["CAPABILITY_IAM"],
            ImportExistingResources=True,
            # What validation beforehand finds is not among the stack's events, from which failures are told here;
            # and a bucket that is to be adopted is one of its findings.
            DisableValidation=True,
        )
        return self._worked_out(name)

    def _sent(self, template: str) -> dict[str, str]:
        return {"TemplateURL": self._upload(template)} if self._upload else {"TemplateBody": template}

    def execute(self, change_set: ChangeSet) -> None:
        """Make the changes. Raises UserError with the first failure's reason once all is rolled back."""
        token = f"deploy-{time.time_ns()}"
        self._client.execute_change_set(
            StackName=self.name, ChangeSetName=change_set.name, ClientRequestToken=token
        )
        self._follow(self.name, token)

    def wait_for_end(self, abandoned: ChangeSet) -> None:
        """Wait until a change set, whose execution was not followed to its end, changes nothing any more."""
        try:
            self._client.delete_change_set(StackName=self.name, ChangeSetName=abandoned.name)
        except self._client.exceptions.InvalidChangeSetStatusException:
            # It is being executed. The stack's own status may still be the one of before.
            while self._execution_of(abandoned) == "EXECUTE_IN_PROGRESS":
                time.sleep(_LOOK_S)
        while (status := self.status() or "").endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            time.sleep(_LOOK_S)

    def _execution_of(self, change_set: ChangeSet) -> str:
        try:
            answer = self._client.describe_change_set(StackName=self.name, ChangeSetName=change_set.name)
        except self._client.exceptions.ChangeSetNotFoundException:
            return "EXECUTE_COMPLETE"
        return answer["ExecutionStatus"]

    def discard(self, change_set: ChangeSet) -> None:
        """Discard the changes, and the stack, too, if it is new."""
        self._client.delete_change_set(StackName=self.name, ChangeSetName=change_set.name)
        if self.status() == "REVIEW_IN_PROGRESS":
            self.delete()

    def delete(self) -> None:
        """Delete the stack; resources that its template retains stay. Raises UserError where that fails."""
        found = self._describe()
        if found is None:
            return
        if found["StackStatus"] == "DELETE_IN_PROGRESS":  # by an earlier run; its events have that run's token
            while self.status() == "DELETE_IN_PROGRESS":
                time.sleep(_LOOK_S)
            return
        token = f"deploy-{time.time_ns()}"
        self._client.delete_stack(StackName=self.name, ClientRequestToken=token)
        if found["StackStatus"] != "REVIEW_IN_PROGRESS":  # it has nothing yet, and no events worth waiting for
            self._follow(found["StackId"], token)

    def _describe(self) -> Any:
        try:
            return self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise

    def _worked_out(self, name: str) -> ChangeSet | None:
        while True:
            answer = self._client.describe_change_set(StackName=self.name, ChangeSetName=name)
            if answer["Status"] == "FAILED":
                reason = answer.get("StatusReason", "")
                self.discard(ChangeSet(name, ()))
                if any(words in reason for words in _NO_CHANGES):
                    return None
                raise UserError(f"CloudFormation refuses the template for {self.name}: {reason}")
            if answer["Status"] == "CREATE_COMPLETE":
                break
            time.sleep(_LOOK_S)
        pages = self._client.get_paginator("describe_change_set").paginate(StackName=self.name, ChangeSetName=name)
        changes = [one["ResourceChange"] for page in pages for one in page["Changes"]]
        return ChangeSet(
            name,
            tuple(
                Change(one["Action"], one["LogicalResourceId"], one["ResourceType"], one.get("Replacement", ""))
                for one in changes
            ),
        )

    def _follow(self, stack: str, token: str) -> None:
        """Report the events of an operation until it ends."""
        told: set[str] = set()
        failure = ""
        while True:
            for event in self._news(stack, token, told):
                one = Event(
                    event["LogicalResourceId"], event["ResourceStatus"], event.get("ResourceStatusReason", "")
                )
                self._tell(one)
                if one.status.endswith("_FAILED") and "cancelled" not in one.reason and not failure:
                    failure = f"{one.resource}: {one.reason}"
                if event.get("PhysicalResourceId") == event["StackId"] and not one.status.endswith("_IN_PROGRESS"):
                    if "ROLLBACK" in one.status or one.status.endswith("_FAILED"):
                        raise UserError(f"{self.name} is {one.status}: {failure or one.reason}")
                    return
            time.sleep(_LOOK_S)

    def _news(self, stack: str, token: str, told: set[str]) -> Iterator[Any]:
        """Return the events of an operation that were not reported yet, the oldest first."""
        events = []
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=stack):
            of_it = [one for one in page["StackEvents"] if one.get("ClientRequestToken") == token]
            new = [one for one in of_it if one["EventId"] not in told]
            events += new
            if len(new) < len(page["StackEvents"]):
                break
        told.update(one["EventId"] for one in events)
        return reversed(events)


def _not_now(name: str, status: str) -> str:
    if status.endswith("_IN_PROGRESS"):
        return f"{name} is {status}: something else is changing it; wait until it has ended."
    return (
        f"{name} is {status}, which it cannot leave by itself: in CloudFormation's console, continue its rollback "
        "or delete it, then deploy again."
    )
