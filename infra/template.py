"""The templates, and what the deploy tool writes into them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_HERE = Path(__file__).resolve().parent
REGISTRY = (_HERE / "registry.yaml").read_text()
_PIPELINE = (_HERE / "pipeline.yaml").read_text()
_NAMES_OF_RETAINED = re.compile(r'^( +(?:BucketName|TableName): )!Sub "([^"]+)"$', re.MULTILINE)


def pipeline_template(variables: Mapping[str, str]) -> str:
    """Return infra/pipeline.yaml with the names of bucket and tables written out.

    CloudFormation adopts what an earlier stack has retained only where its name is static (user guide, "Import AWS
    resources into a CloudFormation stack automatically"). `variables`: AWS::StackName, TablePrefix and the like.
    """

    def written_out(found: re.Match[str]) -> str:
        name = found[2]
        for variable, value in variables.items():
            name = name.replace(f"${{{variable}}}", value)
        return f'{found[1]}"{name}"'

    return _NAMES_OF_RETAINED.sub(written_out, _PIPELINE)
