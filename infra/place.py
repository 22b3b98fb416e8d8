"""Where a command of the deploy tool acts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.stacks import Stack
from photo_labels.library.target import Connection, Target, described
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from infra.display import Display

_HERE = Path(__file__).resolve().parent
REGISTRY = (_HERE / "registry.yaml").read_text()
_PIPELINE = (_HERE / "pipeline.yaml").read_text()
_NAMES_OF_KEPT = re.compile(r'^( +(?:BucketName|TableName): )!Sub "([^"]+)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command acts: a stack's name, in an account and region."""

    stack: str
    account: str
    aws: Connection
    registry_host: str | None
    display: Display

    @property
    def pipeline(self) -> Stack:
        return Stack(self.aws.client("cloudformation"), self.stack, self.display.event)

    @property
    def registry(self) -> Stack:
        return Stack(self.aws.client("cloudformation"), f"{self.stack}-registry", self.display.event)

    def refuse_foreign(self) -> None:
        """Raise UserError where somebody else's stack has the name: it would be replaced, or deleted."""
        if self.pipeline.status() in {None, "REVIEW_IN_PROGRESS"}:  # nothing is in it
            return
        if "LabelIndexTable" not in self.pipeline.template():
            raise UserError(f"{self.stack} is a stack of something else: name yours with STACK=….")

    def deployed(self) -> Target:
        """The pipeline with its outputs. Raises UserError where it is not deployed."""
        return described(self.aws, self.stack)

    def template(self, parameters: dict[str, str]) -> str:
        """Return infra/pipeline.yaml with the names of bucket and tables written out.

        CloudFormation adopts what an earlier stack has left only where its name is static (user guide, "Import AWS
        resources into a CloudFormation stack automatically").
        """
        values = {
            "${AWS::StackName}": self.stack,
            "${AWS::AccountId}": self.account,
            "${AWS::Region}": self.aws.session.region_name,
            "${TablePrefix}": (self.pipeline.parameters() | parameters).get("TablePrefix", ""),
        }

        def written_out(found: re.Match[str]) -> str:
            name = found[2]
            for variable, value in values.items():
                name = name.replace(variable, value)
            return f'{found[1]}"{name}"'

        return _NAMES_OF_KEPT.sub(written_out, _PIPELINE)
