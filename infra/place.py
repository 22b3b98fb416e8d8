"""Where a command of the deploy tool acts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.stacks import Stack
from photos.target import Target, described

if TYPE_CHECKING:
    from infra.display import Display

_HERE = Path(__file__).resolve().parent
PIPELINE = (_HERE / "pipeline.yaml").read_text()
REGISTRY = (_HERE / "registry.yaml").read_text()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command acts: a stack's name, in an account and region."""

    stack: str
    aws: Target
    """Without outputs: the stack may not be there yet."""
    registry_host: str | None
    display: Display

    @property
    def pipeline(self) -> Stack:
        return Stack(self.aws.client("cloudformation"), self.stack, self.display.event)

    @property
    def registry(self) -> Stack:
        return Stack(self.aws.client("cloudformation"), f"{self.stack}-registry", self.display.event)

    def deployed(self) -> Target:
        """The pipeline with its outputs. Raises UserError where it is not deployed."""
        return described(self.aws.session, self.aws.endpoint_url, self.stack, self.aws.description)
