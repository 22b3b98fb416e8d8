"""report.html: one file with everything in it, that needs no network."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader
from plotly.offline import get_plotlyjs

from loadtest.charts import ON_DARK, charts
from loadtest.results import QUANTILES
from loadtest.samples import STAGES
from loadtest.wording import copied_of, late_words, load_of, measured_words, number, percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.run import Run

CHARTS = (
    ("latency", "Latency over time", "From the intended time of sending until a reader sees the document."),
    ("waterfall", "Where the time goes", "Photos around each percentile, and what they waited for."),
    ("distribution", "Distribution", "All photos, by how long they took."),
    ("throughput", "Throughput", "Photos that were to be sent, were sent, and were seen."),
    ("queue", "The queue", "Messages as SQS counts them, about."),
    ("generator", "The load test itself", "Its own CPU, and how much later than intended it sent."),
)


def page(run: Run, figures: Mapping[str, Any]) -> str:
    """Return the page; every text from outside is escaped."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    environment.filters |= {"number": number, "measured": measured_words}
    return environment.get_template("report.html").render(
        title=f"{figures['accounted']['intended']:,} photos, {load_of(figures['setting'])}",
        subtitle=_subtitle(figures),
        figures=figures,
        late=late_words(figures["generator"]),
        numbers=_numbers(figures),
        charts=charts(run, figures),
        on_dark=ON_DARK,
        figures_drawn=CHARTS,
        quantiles=[name.replace("_", ".") for name in QUANTILES],
        stages=_stages(figures),
        tables=_tables(figures),
        plotly=get_plotlyjs(),
    )


def _subtitle(figures: Mapping[str, Any]) -> str:
    setting = figures["setting"]
    at = datetime.fromtimestamp(figures["started_at"], UTC).strftime("%Y-%m-%d %H:%M UTC")
    most = f", at most {setting['concurrency']} environments" if setting["concurrency"] else ""
    return f"{at} · {setting['photos']}{copied_of(setting)} · seed {setting['seed']} · {setting['target']}{most}"


def _numbers(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    latency, accounted = figures["latency_ms"], figures["accounted"]
    return [
        (f"{number(latency['p50'])} ms", "p50"),
        (f"{number(latency['p95'])} ms", "p95"),
        (f"{number(latency['p99'])} ms", "p99"),
        (f"{number(figures['throughput_per_s'])}/s", "throughput"),
        (number(accounted["missing"]), "lost"),
        (number(figures["calls_per_photo"], 2), "Rekognition calls a photo"),
        (f"${number(figures['cost_usd']['per_million_photos'])}", "a million photos on AWS"),
    ]


def _stages(figures: Mapping[str, Any]) -> list[tuple[str, list[float | None], bool]]:
    return [(label, [figures["stages_ms"][stage][name] for name in QUANTILES], stage == "seen")
            for stage, label in STAGES.items()]  # fmt: skip


def _tables(figures: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, ...]]]]:
    accounted, cost = figures["accounted"], figures["cost_usd"]
    bill = [
        (one["item"], f"{number(one['quantity'])} x {one['unit']}", f"{one['usd']:.4f}") for one in cost["lines"]
    ]
    rows = figures["index_rows"]
    copies = [
        ("sent as copies", number(figures["copies"]["sent"])),
        ("labels taken over", number(figures["copies"]["taken_over"])),
    ]
    claims = ("of which claims, a million photos", "USD", number(cost["claims_per_million_photos"], 2))
    checked = (f"index rows of {rows['of_photos']} photos", f"{rows['missing']} of {rows['checked']} missing")
    counted = [(name.replace("_", "-"), number(count)) for name, count in accounted.items()]
    return [
        ("Every photo", [*counted, *copies, checked]),
        ("The function", _of_function(figures["function"], figures["warmup"])),
        ("The load test itself", _of_generator(figures)),
        ("Cost on AWS", [*bill, (f"total, {cost['prices_of']}", "USD", f"{cost['total']:.4f}"), claims]),
    ]


def _of_function(function: Mapping[str, Any], warmup: Mapping[str, Any]) -> list[tuple[str, ...]]:
    sizes = ", ".join(f"{size}: {count}" for size, count in function["batch_sizes"].items())
    warmed = f"{warmup['photos']} photos, {warmup['cold_starts']} cold starts"
    return [
        ("invocations", number(function["invocations"])),
        ("batches, by photos", sizes or "-"),
        ("cold starts", number(function["cold_starts"])),
        ("warm-up beforehand", f"{warmed}, p50 {number(warmup['latency_ms']['p50'])} ms"),
        ("throttled calls", number(function["throttles"])),
        ("photos received again", number(function["received_again"])),
        ("billed", f"{number(function['gb_seconds'], 1)} GB-seconds"),
        ("peak memory", f"{number(function['peak_mb'])} MB"),
    ]


def _of_generator(figures: Mapping[str, Any]) -> list[tuple[str, ...]]:
    generator = figures["generator"]
    lag, cpu = generator["lag_ms"], generator["cpu_share"]
    return [
        ("senders", number(generator["senders"])),
        ("lag p50, p99, max", " / ".join(f"{number(lag[name])} ms" for name in ("p50", "p99", "max"))),
        ("sent late", number(generator["late"])),
        ("sent again", number(generator["resent"])),
        ("CPU, mean and max", f"{percent(cpu['mean'])} / {percent(cpu['max'])} of a core"),
        ("the reader looks every", f"{number(figures['reader_resolution_ms']['p50'])} ms (p50)"),
        ("AWS's clock ahead", f"{number(figures['clock_ahead_ms'])} ms"),
    ]
