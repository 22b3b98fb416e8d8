"""What a load test says in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from loadtest.results import QUANTILES
from loadtest.samples import STAGES
from loadtest.wording import copied_of, copies_words, late_words, load_of, measured_words, number, percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

_HEADS = {"p99_9": "p99.9"}


def show(console: Console, figures: Mapping[str, Any]) -> None:
    """Print the summary of `results.json`'s figures."""
    accounted, setting = figures["accounted"], figures["setting"]
    if figures["interrupted"]:
        console.print("Interrupted: these are the figures until then.", style="bold yellow")
    console.print(figures["simulated"], style="bold", markup=False)
    photos = f"{accounted['intended']} photos ({setting['photos']}){copied_of(setting)}"
    console.print(f"{photos}, {load_of(setting)}, seed {setting['seed']}\n", markup=False)
    console.print(_stages(figures))
    under_way = f" + {accounted['under_way']} under way" if figures["interrupted"] else ""
    console.print(
        f"\n{accounted['sent']} sent = {accounted['labelled']} labelled + {accounted['rejected']} rejected "
        f"+ {accounted['dead_lettered']} dead-lettered + {accounted['missing']} missing"
        f"{under_way}; {accounted['duplicates']} duplicates; {number(figures['throughput_per_s'])} photos a second"
    )
    rows = figures["index_rows"]
    found = "all are there" if not rows["missing"] else f"[red]{rows['missing']} are missing[/]"
    console.print(f"index rows: {rows['checked']} of {rows['of_photos']} photos were looked for, {found}")
    for line in [*_function(figures), *_generator(figures), *_cost(figures)]:
        console.print(line)
    console.print()
    for verdict in figures["slo"]:
        style, word = ("green", "met") if verdict["met"] else ("bold red", "MISSED")
        console.print(f"{word:7} {verdict['objective']} ({measured_words(verdict)})", style=style)


def _stages(figures: Mapping[str, Any]) -> Table:
    table = Table("ms after the intended time", title_justify="left")
    for name in QUANTILES:
        table.add_column(_HEADS.get(name, name), justify="right")
    for stage, label in STAGES.items():
        cuts = figures["latency_ms"] if stage == "seen" else figures["stages_ms"][stage]
        table.add_row(label, *(number(cuts[name]) for name in QUANTILES), style="bold" if stage == "seen" else "")
    return table


def _function(figures: Mapping[str, Any]) -> list[str]:
    function, warmup = figures["function"], figures["warmup"]
    sizes = {int(size): count for size, count in function["batch_sizes"].items()}
    mean = sum(size * count for size, count in sizes.items()) / max(1, sum(sizes.values()))
    batches = (
        f"function: {function['invocations']} invocations of {mean:.1f} photos on average (at most "
        f"{max(sizes, default=0)}), {function['cold_starts']} cold starts, peak {function['peak_mb']:.0f} MB; "
        f"{function['received_again']} photos were received again"
    )
    calls = (
        f"Rekognition: {figures['rekognition_calls']} calls, {number(figures['calls_per_photo'], 2)} a photo, "
        f"{function['throttles']} throttled"
    )
    lines = [batches, calls]
    if any(figures["copies"].values()):
        lines.append(copies_words(figures["copies"]))
    if warmup["photos"]:
        lines.append(
            f"warm-up before, not counted: {warmup['photos']} photos, {warmup['cold_starts']} cold starts, "
            f"p50 {number(warmup['latency_ms']['p50'])} ms, max {number(warmup['latency_ms']['max'])} ms"
        )
    if figures["clock_ahead_ms"]:
        lines.append(f"AWS's clock was {figures['clock_ahead_ms']:.0f} ms ahead of this machine's: corrected")
    return lines


def _generator(figures: Mapping[str, Any]) -> list[str]:
    generator, lag = figures["generator"], figures["generator"]["lag_ms"]
    own = generator["cpu_share"]
    keeps = (
        f"generator: {generator['senders']} senders, {number(lag['p50'])} ms late in the middle, "
        f"{number(lag['max'])} ms at most; {percent(own['mean'])} of a core, {percent(own['max'])} at most; "
        f"sending took {number(generator['sending_took_s'], 1)} s"
    )
    lines = [keeps]
    if late := late_words(generator):
        lines.append(f"[yellow]{late}[/]")
    if generator["resent"]:
        lines.append(f"{generator['resent']} PUTs were made again, because S3 could not take them at once")
    for why, count in figures["not_sent_because"].items():
        lines.append(f"[red]{count} photos were not sent: {escape(why)}[/]")
    lines += [f"[yellow]{escape(unknown)}[/]" for unknown in figures["unknown"]]
    return lines


def _cost(figures: Mapping[str, Any]) -> list[str]:
    cost = figures["cost_usd"]
    million = "" if cost["per_million_photos"] is None else f", {cost['per_million_photos']:,.0f} for a million"
    lines = [f"on AWS this costs {cost['total']:.4f} USD{million} (list prices of {cost['prices_of']})"]
    if cost["claims_per_million_photos"] is not None:
        lines.append(
            f"of which claims, by which copies are known: {cost['claims_per_million_photos']:.2f} for a million"
        )
    return lines
