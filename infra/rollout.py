"""A change of the pipeline, so that no photo is lost and no receive is spent on an image that does not work."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.function import MappingState
from photo_labels.library.user_errors import USER_FACING_ERRORS, UserError, user_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.deployment import Deployment
    from infra.display import Display
    from infra.function import Function, Running
    from infra.stacks import ChangeSet

_STOPPED = (*USER_FACING_ERRORS, KeyboardInterrupt)


@dataclass(frozen=True, slots=True)
class _Before:
    """What is deployed before a change, and comes back where that fails."""

    mapping_state: MappingState
    running: Running
    notes: dict[str, str]
    parameters: dict[str, str]
    tags: dict[str, str]
    template: str


def run(deployment: Deployment, display: Display, wanted: Running) -> None:
    """Make the functions run an image; where that does not label a photo, the one they ran before."""
    proposed = None
    if wanted != deployment.function.running():
        proposed = deployment.pipeline.propose({"ImageUri": wanted.image, "Architecture": wanted.architecture})
    if proposed is None:
        display.say(f"the function runs {wanted.image} already")
        return
    change(deployment, display, proposed)


def change(deployment: Deployment, display: Display, proposed: ChangeSet) -> None:
    """Change a pipeline that is deployed; where it does not label a photo afterwards, everything is as before.

    Photos wait in the queue all the while, so that none is lost, and no receive is spent on a broken image.
    Raises UserError when the change did not last, and says whether the mappings are paused.
    """
    function, stack = deployment.function, deployment.pipeline
    before = _Before(
        function.mapping_state(),
        function.running(),
        function.notes(),
        stack.parameters(),
        stack.tags(),
        stack.template(),
    )
    try:
        _execute(deployment, display, proposed, before)
    except BaseException as error:
        display.say(f"{_why(error)}\nRolling back to what was deployed before", style="red")
        with _reporting_the_pause():
            _roll_back(deployment, proposed, before)
        if not isinstance(error, _STOPPED):
            raise
        still = " The mappings are paused as before." if before.mapping_state is MappingState.PAUSED else ""
        raise UserError(
            f"{deployment.name} runs the image that it ran before; no photo is lost.{still}"
        ) from error
    with _reporting_the_pause():
        _resume(deployment, display, before)


def _execute(deployment: Deployment, display: Display, proposed: ChangeSet, before: _Before) -> None:
    if before.mapping_state is not MappingState.STOPPED:
        deployment.function.pause()
        display.say("the mappings are paused: photos wait in the queue")
    deployment.execute(proposed)
    function = deployment.function
    if before.mapping_state is not MappingState.STOPPED:
        function.pause()  # CloudFormation starts it where it changes it
    function.note_again(before.notes)
    _prove(display, function)


def _resume(deployment: Deployment, display: Display, before: _Before) -> None:
    function = deployment.function
    if before.mapping_state is not MappingState.STOPPED:
        function.resume()
        display.say("the mappings work again")
    if function.running() != before.running:
        function.remember(before.running)


def _prove(display: Display, function: Function) -> None:
    """Have both functions label a photo, which takes a budget; raises UserError where they do not."""
    if until := function.budget_spent_until():
        if not function.is_proved():
            raise UserError(
                f"The budget of Rekognition calls is spent until {until:%Y-%m-%d %H:%M} UTC, and a new image has "
                "to label a photo before it is used: raise the budget with the same deployment "
                '(PARAMETERS="DailyBudgetPhotos=…"), or deploy then.'
            )
        display.say("the budget is spent, so no photo was labelled; this image has labelled one before")
        return
    with display.working("the function labels a photo"):
        function.prove()
    display.say("the function labelled a photo that was given to it")


def _roll_back(deployment: Deployment, abandoned: ChangeSet, before: _Before) -> None:
    """Restore template, parameters, tags and mappings. What worked before needs no proof."""
    deployment.pipeline.wait_for_end(abandoned)
    stack = deployment.pipeline
    template = before.template if stack.template() != before.template else None
    back = stack.propose(before.parameters, template, before.tags)
    if back:
        deployment.execute(back)
    function = deployment.function
    function.note_again(before.notes)
    if before.mapping_state is MappingState.RUNNING:
        function.resume()
    elif before.mapping_state is MappingState.PAUSED:
        function.pause()


@contextmanager
def _reporting_the_pause() -> Iterator[None]:
    """Wrap what is done while the mappings are paused: if it fails, the user is told that they are."""
    try:
        yield
    except _STOPPED as error:
        raise UserError(
            f"{_why(error)}\nThe mappings are paused, and photos wait for up to 10 days: repair the cause, "
            "and `make deploy` resumes them."
        ) from error


def _why(error: BaseException) -> str:
    return user_message(error) if isinstance(error, USER_FACING_ERRORS) else "Stopped."


def leave_running(deployment: Deployment, display: Display) -> None:
    """Start a mapping that is paused, if the function labels a photo; report one that others disabled."""
    function = deployment.function
    mapping_state = function.mapping_state()
    if mapping_state is MappingState.PAUSED:
        with _reporting_the_pause():
            _prove(display, function)
            function.resume()
        display.say("the mappings work")
    elif mapping_state is MappingState.STOPPED:
        display.say(
            "An event source mapping is disabled, and not by this tool: photos wait. `photos resume` enables all.",
            style="bold yellow",
        )
