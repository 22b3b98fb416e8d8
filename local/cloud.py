"""The local cloud: ministack, the execution environments and Rekognition, with the pipeline's stack deployed.

Use it as a context, `with LocalCloud(state) as cloud:`, and its `cloud.target` for AWS's clients.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from botocore.exceptions import ClientError, WaiterError

from infra.destroy import empty_bucket
from infra.template import pipeline_template
from infra.template_bucket import upload_template
from local.child import Child
from local.document_saver import DocumentSaver
from local.ministack import REPOSITORY, LibraryFiles, Ministack, patch_quirks
from local.opening import opening_text, repair, write_items
from local.state import Running, State
from photo_labels.library.http_server import listen
from photo_labels.library.target import (
    DEFAULT_STACK,
    Connection,
    Target,
    described,
    local_session,
    scrub_environment,
)
from photo_labels.library.user_errors import USER_FACING_ERRORS, UserError, user_message

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local.library import Library

_ACCOUNT = "000000000000"
# Here there is no registry's stack that has one.
_TEMPLATES = f"{DEFAULT_STACK}-templates"
# Nothing reads it: ministack hands invocations to the environments, which run the working tree.
_IMAGE = f"{_ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/photo-labels@sha256:" + "0" * 64
# How long the stack may take: a library's documents are put into its tables meanwhile, 2,000 a second at best.
_DEPLOYED_S, _LOOK_S = 1800.0, 0.1


class LocalCloud:
    """Everything that runs, from `__enter__` to `__exit__`; its state is a folder of its own, emptied first."""

    def __init__(
        self,
        state: Path,
        *,
        recogniser: Sequence[str] = (),
        parameters: dict[str, str] | None = None,
        handler: str | None = None,
        library: Library | None = None,
    ) -> None:
        """`recogniser`: options of `local.rekognition`; `parameters`: of the stack, over the local ones.

        `handler`: to be run in both functions, instead of the image's own commands. `library`: where photos and
        documents are kept; None: they are forgotten.
        """
        self.state = State(state)
        self.library = library
        self._recogniser = recogniser
        self._handler = handler
        # A quota is Rekognition's, and here it has none; one environment for each core is as fast as it gets.
        self._parameters = {
            "ImageUri": _IMAGE,
            "Architecture": "x86_64",
            "EnforceTls": "false",
            "RekognitionTps": "0",
            "MaxConcurrency": str(max(2, os.cpu_count() or 2)),
            "BulkConcurrency": "2",
            "ConvertConcurrency": "2",
        } | (parameters or {})
        self._running = ExitStack()
        self._children: list[Child] = []
        self.endpoint_url: str
        self.rekognition_url: str
        self.environments_url: str
        self.target: Target

    def __enter__(self) -> Self:
        scrub_environment(os.environ)
        with ExitStack() as starting:
            starting.callback(self._running.close)
            self._running.enter_context(self.state.held())
            if self.library:
                self._start_with(self.library)
            else:
                self._start()
                self._publish()
            starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with self._running:
            self.state.withdraw()

    def is_running(self) -> bool:
        """Tell whether all its processes run."""
        return all(child.is_running() for child in self._children)

    def _start_with(self, library: Library) -> None:
        """Start over the photos of a library, and open it. Raises UserError."""
        is_new = self._running.enter_context(library.held())
        saved = library.documents.read()
        saving = ExitStack()  # stopped when nothing labels any more, and the tables can still be read
        items = self.state.folder / "items"
        write_items(items, library.documents.items(saved))
        self._start(LibraryFiles(library.photos, items, saved.greatest_sequencer), saving)
        saving.callback(_stop_saving, DocumentSaver(self.target, library.documents))
        audit = repair(self.target)
        self._publish(library, opening_text(library.folder, None if is_new else saved, audit))

    def _start(self, kept: LibraryFiles | None = None, before_the_end: ExitStack | None = None) -> None:
        """Start all, and deploy; `before_the_end` is closed when the functions have ended, and AWS has not."""
        # Listened on from now on, since another program may take a port that is only known to be free.
        listener = self._running.enter_context(listen(0))
        self.environments_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        functions = [f"{DEFAULT_STACK}-{name}" for name in ("label", "convert")]
        urls = {function: f"{self.environments_url}/{function}" for function in functions}
        ministack = Ministack(self.state.folder, urls, os.environ, kept)
        self._keep(ministack.process)
        if before_the_end:
            self._running.push(before_the_end)
        self.endpoint_url = ministack.endpoint_url
        rekognition = self._child(
            "rekognition", "--exit-with-parent", "--s3-endpoint", self.endpoint_url, *self._recogniser
        )
        ministack.wait_until_ready()
        self._deploy()
        line = rekognition.first_line()
        if not line:
            raise UserError(f"The local Rekognition did not start: {rekognition.log} says why.")
        self.rekognition_url = json.loads(line)["url"]
        environments = self._child(
            "environments",
            *("--endpoint-url", self.endpoint_url),
            *("--rekognition-url", self.rekognition_url),
            *("--listener", str(listener.fileno())),
            inherited=[listener.fileno()],
        )
        listener.close()
        if not environments.first_line():
            raise UserError(f"The execution environments did not start: {environments.log} says why.")
        self.target = described(Connection(local_session(), self.endpoint_url, "local"), DEFAULT_STACK)
        patch_quirks(self.target)
        for function in self.target.outputs.functions if self._handler else ():
            self.target.client("lambda").update_function_configuration(
                FunctionName=function.name, ImageConfig={"Command": [self._handler]}
            )
        self._warm()

    def _publish(self, library: Library | None = None, opening: str = "") -> None:
        folder = str(library.folder) if library else ""
        running = Running(os.getpid(), self.endpoint_url, self.rekognition_url, DEFAULT_STACK, folder, opening)
        self.state.publish(running)

    def _child(self, module: str, *options: str, inherited: Sequence[int] = ()) -> Child:
        child = Child(
            [sys.executable, "-m", f"local.{module}", *options],
            self.state.folder / f"{module}.log",
            # Nothing local calls the internet: onnxruntime has telemetry, and keeps its session's file in TMPDIR.
            {**os.environ, "PYTHONPATH": str(REPOSITORY), "ORT_DISABLE_TELEMETRY": "1"},
            inherited=inherited,
        )
        return self._keep(child)

    def _keep(self, child: Child) -> Child:
        self._children.append(child)
        self._running.callback(child.stop)
        return child

    def _deploy(self) -> None:
        """Deploy the same template as on AWS. Raises UserError with the first failure's reason."""
        connection = Connection(local_session(), self.endpoint_url, "local")
        client, s3 = connection.client("cloudformation"), connection.client("s3")
        template = pipeline_template(
            {
                "AWS::StackName": DEFAULT_STACK,
                "AWS::AccountId": _ACCOUNT,
                "AWS::Region": client.meta.region_name,
                "TablePrefix": self._parameters.get("TablePrefix", ""),
                "KeySuffixes": self._parameters.get("KeySuffixes", ""),
            }
        )
        # ministack takes no notice of those that there are not.
        if unknown := self._parameters.keys() - json.loads(template)["Parameters"].keys():
            raise UserError(f"There is no parameter {min(unknown)} in infra/pipeline.yaml.")
        s3.create_bucket(Bucket=_TEMPLATES)
        url = upload_template(s3, _TEMPLATES, template)
        client.create_stack(
            StackName=DEFAULT_STACK,
            TemplateURL=url,
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value} for name, value in self._parameters.items()
            ],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        )
        empty_bucket(s3, _TEMPLATES)
        s3.delete_bucket(Bucket=_TEMPLATES)
        try:
            client.get_waiter("stack_create_complete").wait(
                StackName=DEFAULT_STACK,
                WaiterConfig={"Delay": _LOOK_S, "MaxAttempts": int(_DEPLOYED_S / _LOOK_S)},
            )
        except (WaiterError, ClientError) as error:
            events = client.describe_stack_events(StackName=DEFAULT_STACK)["StackEvents"]
            reasons = [one["ResourceStatusReason"] for one in events if one.get("ResourceStatusReason")]
            raise UserError(f"The stack was not created: {reasons[-1] if reasons else error}") from error

    def _warm(self) -> None:
        """Invoke the function directly until each environment has made its cold start."""
        client = self.target.client("lambda")
        environments = int(self._parameters["MaxConcurrency"])
        with ThreadPoolExecutor(environments) as pool:
            for answer in pool.map(
                lambda _: client.invoke(
                    FunctionName=self.target.outputs.labelling.name, Payload=b'{"Records": []}'
                ),
                range(environments),
            ):
                if "FunctionError" in answer:
                    raise UserError(f"The function does not start: {answer['Payload'].read().decode()}")


def _stop_saving(saver: DocumentSaver) -> None:
    """Save what is left; where that fails, the log says why, and the next start that it did not end in order."""
    try:
        saver.stop()
    except USER_FACING_ERRORS as error:
        print(f"Not all is saved: {user_message(error)}", file=sys.stderr, flush=True)
