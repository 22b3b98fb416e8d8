"""A change of the function, so that no photo is lost and no receive is spent on an image that does not work."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from infra.function import Function, Mapping, Running
from photos.errors import TOLD, UserError, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.place import Place
    from infra.stacks import ChangeSet
    from photos.target import Target


def run(place: Place, function: Function, wanted: Running) -> None:
    """Let the function run an image, if it labels a photo with it; otherwise what it ran before."""
    proposed = None if wanted == function.running() else _proposed(place, wanted)
    if proposed is None:
        place.display.say(f"the function runs {wanted.image} already")
        return
    with guarded(place):
        place.pipeline.execute(proposed)


def _proposed(place: Place, running: Running) -> ChangeSet | None:
    return place.pipeline.propose({"ImageUri": running.image, "Architecture": running.architecture})


@contextmanager
def guarded(place: Place) -> Iterator[None]:
    """Around a change of the function: what does not label a photo afterwards is rolled back.

    Photos wait in the queue all the while, so that none is lost, and no receive is spent on a broken image.
    """
    function = Function(place.deployed())
    mapping, before = function.mapping(), function.running()
    try:
        if mapping is not Mapping.STOPPED:
            function.pause()
            place.display.say("the mapping is paused: photos wait in the queue")
        yield
        function = Function(place.deployed())
        if mapping is not Mapping.STOPPED:
            function.pause()  # CloudFormation starts it where it changes it
        _prove(place, function)
    except BaseException as error:
        why = sentence(error) if isinstance(error, TOLD) else "Stopped."
        place.display.say(f"{why}\nRolling back to {before.image}", style="red")
        _back_to(place, before)
        if mapping is Mapping.RUNNING:
            function.resume()
        if not isinstance(error, (*TOLD, KeyboardInterrupt)):
            raise
        still = " The mapping is paused as before." if mapping is Mapping.PAUSED else ""
        raise UserError(f"{place.stack} runs the image that it ran before; no photo is lost.{still}") from error
    if function.running() != before:
        function.remember(before)
    if mapping is not Mapping.STOPPED:
        function.resume()
        place.display.say("the mapping works again")


def _prove(place: Place, function: Function) -> None:
    with place.display.working("the function labels a photo"):
        function.prove()
    place.display.say("the function labelled a photo that was given to it")


def _back_to(place: Place, before: Running) -> None:
    """Raises UserError, the mapping still paused, where what ran before cannot be had back."""
    try:
        place.pipeline.settle()
        proposed = _proposed(place, before)
        if proposed:
            place.pipeline.execute(proposed)
    except TOLD as error:
        raise UserError(
            f"What ran before cannot be had back ({sentence(error)}). The mapping stays paused, and photos wait "
            "for up to 10 days: mend it, and `make deploy` starts it again."
        ) from error


def leave_running(place: Place, target: Target) -> None:
    """Start a mapping that is paused, if the function labels a photo; tell of one that others stopped."""
    function = Function(target)
    mapping = function.mapping()
    if mapping is Mapping.PAUSED:
        try:
            _prove(place, function)
        except TOLD as error:
            raise UserError(
                f"{sentence(error)}\nThe mapping is paused, and photos wait for up to 10 days: mend it, and "
                "deploy again."
            ) from error
        function.resume()
        place.display.say("the mapping works")
    elif mapping is Mapping.STOPPED:
        identity = target.outputs["MappingId"]
        place.display.say(
            f"The mapping {identity} is disabled, and not by this tool: photos wait. Enable it with "
            f"aws lambda update-event-source-mapping --uuid {identity} --enabled",
            style="bold yellow",
        )
