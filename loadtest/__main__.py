"""`make loadtest`: how fast a pipeline is, from a photo's PUT to a reader who sees its labels.

Exit codes: 0, every objective met; 1, one missed, photos could not be sent, or the run was interrupted; 2, nothing
could be measured; 130, stopped before or after the run.
"""

from __future__ import annotations

import math
import sys
import time
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from loadtest import mix as mixes
from loadtest import target as targets
from loadtest.beside import BulkWork
from loadtest.measure import Order, measured
from loadtest.prices import PRICES
from loadtest.result_files import prepare, write
from loadtest.schedule import PROFILES
from loadtest.slo import objectives
from loadtest.summary import show
from local.folders import Folder
from photo_labels.library.target import DEFAULT_STACK
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.ending import is_agreed, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.mix import PhotoMix
    from loadtest.target import LoadTestTarget

_LOCAL_RATE = 25.0
_SHARE_OF_QUOTA = 0.5
# Of the quota, beside bulk work; and imported photos a second, while they are uploaded.
_SHARE_BESIDE, _IMPORTED = 0.2, 30.0
_LOOK_S = 0.5


class Finite(click.FloatRange):
    """A number that can be reckoned with: neither `nan` nor `inf`, which Python reads, too."""

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        number = super().convert(value, param, context)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number.", param, context)
        return number


def _read(read: Callable[[str], Any]) -> Callable[..., Any]:
    """Return a callback that reads an option's text, and speaks of the option where that fails."""

    def callback(_context: click.Context, _parameter: click.Parameter, text: str | None) -> Any:
        try:
            return read(text) if text else None
        except UserError as error:
            raise click.BadParameter(str(error)) from error

    return callback


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--number", default=500, show_default=True, type=click.IntRange(1), help="Photos.")
@click.option("--rate", type=Finite(0), help="Photos a second; 0: all at once. [25, or half the quota]")
@click.option(
    "--shape",
    "profile",
    type=click.Choice(list(PROFILES)),
    default="steady",
    show_default=True,
    help="Of their arrivals.",
)
@click.option("--beside", type=click.IntRange(0), default=0, help="Imported photos that wait beside them.")
@click.option("--tps", type=Finite(0.5), default=5.0, show_default=True, help="With --beside: the quota.")
@click.option(
    "--duplicates",
    type=Finite(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="The share of the photos that are copies of earlier ones.",
)
@click.option("--size", callback=_read(mixes.one_size), help="Photos of one size: 2KB, 3MB.")
@click.option("--photos", type=Folder(exists=True), help="A folder of yours.")
@click.option(
    "--target",
    type=click.Choice(["local", "up", "aws"]),
    default="local",
    show_default=True,
    help="A local cloud of its own, that of `make up`, or a stack on AWS.",
)
@click.option(
    "--recogniser",
    type=click.Choice(targets.RECOGNISERS),
    default="simulated",
    show_default=True,
    help="Locally: what labels.",
)
@click.option(
    "--slo",
    default="p95<1s,p99<2s,lost=0",
    show_default=True,
    callback=_read(objectives),
    help="What has to hold.",
)
@click.option("--seed", default=0, show_default=True, help="Which photos, and how long Rekognition takes.")
@click.option("--warmup", type=click.IntRange(0), help="Photos before, not counted. [those of a second]")
@click.option("--out", type=Folder(exists=False), help="A folder for the reports, which is new or has none.")
@click.option("--keep", is_flag=True, help="Leave photos, documents and rows.")
@click.option("--stack", default=DEFAULT_STACK, show_default=True, help="With --target aws: the stack.")
@click.option("--region", help="Its region; otherwise that of your AWS settings.")
@click.option("--yes", is_flag=True, help="Do not ask what it costs.")
def main(**options: Any) -> None:
    """Send photos on a schedule, and follow each until a reader sees it.

    \b
    make loadtest N=1000 RATE=10 OUT=report
    .venv/bin/python -m loadtest --number 1000 --rate 10 --out report
    """  # noqa: D301 - click reads \b
    console = Console(highlight=False, soft_wrap=True)
    if options["keep"] and options["target"] == "local":
        raise UserError("KEEP=1 goes with TARGET=up or TARGET=aws: a cloud of its own ends with the load test.")
    mix = _mix(options)
    if options["out"]:
        prepare(options["out"])
    with ExitStack() as running:
        with console.status("looking for the pipeline"):
            place = running.enter_context(_place(options))
        rate = options["rate"]
        if rate is None:
            rate = place.tps * (_SHARE_BESIDE if options["beside"] else _SHARE_OF_QUOTA) or _LOCAL_RATE
        order = Order(
            options["number"],
            rate,
            options["profile"],
            mix,
            options["seed"],
            math.ceil(rate) if options["warmup"] is None else options["warmup"],
            options["slo"] or [],
            options["keep"],
            options["duplicates"],
        )
        if options["target"] == "aws":
            _agree(order, place, console, yes=options["yes"])
        if options["beside"]:
            _import_beside(options["beside"], place, running)
        outcome = running.enter_context(measured(place, order, console))
        show(console, outcome.figures)
        if options["out"]:
            write(outcome, options["out"])
            console.print(f"written to {options['out']}: results.json, samples.csv, report.html", markup=False)
    is_whole = not (outcome.run.interrupted or outcome.run.refusals)
    sys.exit(0 if is_whole and all(verdict["met"] for verdict in outcome.figures["slo"]) else 1)


def _place(options: dict[str, Any]) -> AbstractContextManager[LoadTestTarget]:
    if options["beside"]:
        if options["target"] != "local" or options["recogniser"] == "vision":
            raise UserError(
                "BESIDE= takes a local cloud of its own, with a simulated Rekognition: leave out TARGET= and "
                "RECOGNISER=vision."
            )
        return targets.own_cloud_with_quota(options["tps"], options["recogniser"], options["seed"])
    if options["target"] == "aws":
        return nullcontext(targets.on_aws(options["stack"], options["region"]))
    if options["target"] == "up":
        return targets.running_cloud(options["recogniser"], options["seed"])
    rate = _LOCAL_RATE if options["rate"] is None else options["rate"]
    return targets.own_cloud(rate, options["recogniser"], options["seed"])


def _import_beside(count: int, place: LoadTestTarget, running: ExitStack) -> None:
    """Import photos: as many wait as the quota cannot take in half a minute when the load test begins."""
    [photo] = mixes.one_size("2KB").bodies
    bulk = running.enter_context(BulkWork(place.target, "beside/", photo))
    bulk.start_import(count, _IMPORTED)
    while bulk.waiting() < min(count / 2, _IMPORTED * place.tps):
        time.sleep(_LOOK_S)


def _mix(options: dict[str, Any]) -> PhotoMix:
    if options["size"]:
        size: PhotoMix = options["size"]
        return size
    return mixes.of_folder(options["photos"]) if options["photos"] else mixes.many_sizes()


def _agree(order: Order, place: LoadTestTarget, console: Console, *, yes: bool) -> None:
    """Say what it costs and ask. Raises UserError."""
    photos = order.number + order.warmup
    usd = photos * PRICES["rekognition_calls"].usd
    console.print(f"{place.simulated} {photos} photos cost about {usd:.2f} USD there, nearly all for Rekognition.")
    if yes:
        return
    if not is_agreed("Go on?"):
        raise UserError("Nothing was sent.")


if __name__ == "__main__":
    run(lambda: main.main(standalone_mode=False), "loadtest")
