"""A change of the pipeline, so that no photo is lost and no receive is spent on an image that does not work."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.function import Function, Hearing, Running
from photo_labels.library.user_errors import USER_FACING_ERRORS, UserError, user_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.place import Place
    from infra.stacks import ChangeSet
    from photo_labels.library.target import Target

_STOPPED = (*USER_FACING_ERRORS, KeyboardInterrupt)


@dataclass(frozen=True, slots=True)
class _Before:
    """What is deployed before a change, and comes back where that fails."""

    hearing: Hearing
    running: Running
    parameters: dict[str, str]
    template: str


def run(place: Place, function: Function, wanted: Running) -> None:
    """Let the function run an image, if it labels a photo with it; otherwise what it ran before."""
    proposed = None
    if wanted != function.running():
        proposed = place.pipeline.propose({"ImageUri": wanted.image, "Architecture": wanted.architecture})
    if proposed is None:
        place.display.say(f"the function runs {wanted.image} already")
        return
    change(place, proposed)


def change(place: Place, proposed: ChangeSet) -> None:
    """Change a pipeline that is deployed; where it does not label a photo afterwards, everything is as before.

    Photos wait in the queue all the while, so that none is lost, and no receive is spent on a broken image.
    Raises UserError when the change did not last, and says whether the mappings are paused.
    """
    function, stack = Function(place.deployed()), place.pipeline
    before = _Before(function.hearing(), function.running(), stack.parameters(), stack.template())
    try:
        _changed(place, proposed, before)
    except BaseException as error:
        place.display.say(f"{_why(error)}\nRolling back to what was deployed before", style="red")
        with _telling_of_the_pause():
            _back_to(place, proposed, before)
        if not isinstance(error, _STOPPED):
            raise
        still = " The mappings are paused as before." if before.hearing is Hearing.PAUSED else ""
        raise UserError(f"{place.stack} runs the image that it ran before; no photo is lost.{still}") from error
    with _telling_of_the_pause():
        _start_again(place, before)


def _changed(place: Place, proposed: ChangeSet, before: _Before) -> None:
    if before.hearing is not Hearing.STOPPED:
        Function(place.deployed()).pause()
        place.display.say("the mappings are paused: photos wait in the queue")
    place.pipeline.execute(proposed)
    function = Function(place.deployed())
    if before.hearing is not Hearing.STOPPED:
        function.pause()  # CloudFormation starts it where it changes it
    _prove(place, function)


def _start_again(place: Place, before: _Before) -> None:
    function = Function(place.deployed())
    if before.hearing is not Hearing.STOPPED:
        function.resume()
        place.display.say("the mappings work again")
    if function.running() != before.running:
        function.remember(before.running)


def _prove(place: Place, function: Function) -> None:
    with place.display.working("the function labels a photo"):
        function.prove()
    place.display.say("the function labelled a photo that was given to it")


def _back_to(place: Place, abandoned: ChangeSet, before: _Before) -> None:
    """Have template and parameters as they were, and the mappings. What worked needs no proof again."""
    place.pipeline.settle(abandoned)
    back = place.pipeline.propose(before.parameters, before.template)
    if back:
        place.pipeline.execute(back)
    function = Function(place.deployed())
    if before.hearing is Hearing.RUNNING:
        function.resume()
    elif before.hearing is Hearing.PAUSED:
        function.pause()


@contextmanager
def _telling_of_the_pause() -> Iterator[None]:
    """Around what is done while the mappings are paused: it never stays so without a word."""
    try:
        yield
    except _STOPPED as error:
        raise UserError(
            f"{_why(error)}\nThe mappings are paused, and photos wait for up to 10 days: mend it, and "
            "`make deploy` starts it again."
        ) from error


def _why(error: BaseException) -> str:
    return user_message(error) if isinstance(error, USER_FACING_ERRORS) else "Stopped."


def leave_running(place: Place, target: Target) -> None:
    """Start a mapping that is paused, if the function labels a photo; tell of one that others stopped."""
    function = Function(target)
    hearing = function.hearing()
    if hearing is Hearing.PAUSED:
        with _telling_of_the_pause():
            _prove(place, function)
            function.resume()
        place.display.say("the mappings work")
    elif hearing is Hearing.STOPPED:
        identities = f"The mapping {target.outputs.labelling.mapping_id} or {target.outputs.converting.mapping_id}"
        place.display.say(
            f"{identities} is disabled, and not by this tool: photos wait. `photos resume` enables it.",
            style="bold yellow",
        )
