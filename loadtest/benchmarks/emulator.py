"""An image run as Lambda runs it: under AWS's runtime interface emulator, read-only, unprivileged, with limits.

The emulator is a static program that is put over the image, so that what is run is what ships. It speaks over
loopback in the host's network, which only an engine on the same Linux has.
"""

from __future__ import annotations

import http.client
import json
import platform
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from docker.types import Mount

from local.ministack import REPOSITORY, free_ports
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import docker
    from docker.models.containers import Container

EMULATOR = REPOSITORY / ".local" / "rie"
# As whom Lambda runs a container; it has no name in the image.
USER = "993"
MEMORY_MB = 512
_PATH = "/2015-03-31/functions/function/invocations"
_START_S = 10.0


class Emulator:
    """One execution environment. As on Lambda the function is imported at the start of the first invocation."""

    def __init__(
        self,
        engine: docker.DockerClient,
        image: str,
        environment: Mapping[str, str],
        *,
        cpus: float = 1.0,
        user: str = USER,
        memory_mb: int = MEMORY_MB,
        command: list[str] | None = None,
    ) -> None:
        """`command`: the handler, instead of the image's own."""
        self._engine = engine
        self._image = image
        self._environment = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1"} | dict(environment)
        self._cpus = cpus
        self._user = user
        self._memory_mb = memory_mb
        self._command = command
        self._container: Container
        self._port: int

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it; return when it accepts invocations. Raises UserError where it does not."""
        program = (
            EMULATOR / f"aws-lambda-rie-{'arm64' if platform.machine() in {'arm64', 'aarch64'} else 'x86_64'}"
        )
        if not program.exists():
            raise UserError("Lambda's runtime interface emulator is not there: run `make emulator`.")
        configuration = self._engine.images.get(self._image).attrs["Config"]
        self._port, runtime_port = free_ports(2)
        addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"]
        addresses += ["--runtime-api-address", f"127.0.0.1:{runtime_port}"]
        self._container = self._engine.containers.run(
            self._image,
            detach=True,
            entrypoint=["/emulator", *addresses, *configuration["Entrypoint"]],
            command=self._command or configuration["Cmd"],
            environment=self._environment,
            mounts=[Mount("/emulator", str(program), type="bind", read_only=True)],
            network_mode="host",
            read_only=True,
            tmpfs={"/tmp": "size=512m"},  # noqa: S108 - Lambda's one place to write
            user=self._user,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mem_limit=f"{self._memory_mb}m",
            nano_cpus=int(self._cpus * 1e9),
            labels={"photo-labels": "emulator"},
        )
        end = time.monotonic() + _START_S
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        said = self.log()
        self.stop()
        raise UserError(f"The emulator does not start: {said}")

    def stop(self) -> None:
        self._container.remove(force=True)

    def invoke(self, event: Any, *, timeout_s: float = 60.0) -> Any:
        """Invoke it; return its answer as JSON, or as text where it is none (a timeout). One call at a time."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=timeout_s)
        try:
            connection.request("POST", _PATH, json.dumps(event))
            said = connection.getresponse().read().decode()
        finally:
            connection.close()
        try:
            return json.loads(said)
        except ValueError:
            return said

    def log(self) -> str:
        """Return all that it printed, with the emulator's own lines."""
        return self._container.logs().decode(errors="replace")

    def peak_mib(self) -> float:
        """Return the peak resident memory of the function's process, in MiB."""
        processes = self._container.top()["Processes"]
        pid = next(one[1] for one in processes if "awslambdaric" in one[-1] and "/emulator" not in one[-1])
        status = Path(f"/proc/{pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024
