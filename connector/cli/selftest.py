"""`connector selftest`: the real daemon on the simulated systems under every fault, killed again and again, then judged."""

from __future__ import annotations

import re
import secrets
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connector.cli.root import Session

if TYPE_CHECKING:
    from connector.cli.selftesting.plan import Plan
    from connector.cli.selftesting.storm import Course


@click.command()
@click.option("--seed", type=int, help="The plan; the same seed makes the same one (by chance, and printed).")
@click.option(
    "--records", default=400, show_default=True, type=click.IntRange(10, 500_000), help="Records at the start."
)
@click.option(
    "--seconds", default=60.0, show_default=True, type=click.FloatRange(0), help="The storm lasts so long at least."
)
@click.option(
    "--within", default=600.0, show_default=True, type=click.FloatRange(0), help="The storm ends then in any case."
)
@click.option(
    "--kill-every", default=6.0, show_default=True, type=click.FloatRange(0), help="Seconds between kills; 0: none."
)
@click.option(
    "--rate", default="1-10", show_default=True, metavar="LOW-HIGH", help="Percent of requests that a fault strikes."
)
@click.option(
    "--needing",
    default=60,
    show_default=True,
    type=click.IntRange(1, 100),
    help="Percent of orders that need a person.",
)
@click.option(
    "--decisions", default=20.0, show_default=True, type=click.FloatRange(0.01), help="Cases decided in a second."
)
@click.option("--compare", is_flag=True, help="Measure first how fast it is without faults and kills.")
@click.option(
    "--folder", metavar="PATH", help="Where configuration, ledger and log go (a temporary one, kept if it fails)."
)
@click.option("--mappings", metavar="PATH", help="The shipped mappings, if they are not found by themselves.")
@click.pass_obj
def command(
    session: Session, seed: int | None, records: int, seconds: float, kill_every: float, rate: str, needing: int,
    decisions: float, compare: bool, within: float, folder: str | None, mappings: str | None,
) -> int:  # fmt: skip
    """Run the real daemon against a simulated shop and case system in which everything fails that can, kill it again and again,
    let people work on both sides meanwhile, and compare shop, cases and ledger when it has come to rest.

    Needs no configuration and no network. Exits with 1 when anything was lost, made twice or is unexplained; the last line is
    the command that makes the same plan again.

    \b
    Example:
      connector selftest
      connector selftest --seed 7 --records 5000 --seconds 300
    """
    from connector.cli.selftesting.plan import Plan
    from connector.cli.selftesting.stage import SMALL, scratch

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: the sandbox and the daemon with it
    low, high = _rates(rate)
    seed = secrets.randbelow(10**6) if seed is None else seed
    place = Path(folder).resolve() if folder else scratch()
    plan = Plan(seed, low, high, kill_every, sure=records <= SMALL)
    click.echo(
        f"seed {seed}, {records:,} records, faults at {rate} % of requests, a kill every {kill_every:g} s; {place}"
    )
    options = ["--exceptions", str(needing / 100), "--agent-rate", str(decisions), "--agent-delay", "0.2"]
    run = _Run(plan, place, records, options, mappings, session.path)
    calm = run.calm(within=within) if compare else None
    well, course = run.storm(seconds=seconds, within=within)
    if calm is not None:
        with_, without = records / course.seconds, records / calm.seconds
        click.echo(
            f"throughput: {with_:,.0f} records/s under faults and kills, {without:,.0f} without: {with_ / without:.2f}"
        )
    if well and not folder:
        shutil.rmtree(place)
    elif not well:
        click.echo(f"ledger, configuration and the daemon's log: {place}")
    again = f"connector selftest --seed {seed} --records {records} --seconds {seconds:g} --kill-every {kill_every:g}"
    more = f" --rate {rate} --needing {needing} --decisions {decisions:g}"
    click.echo(f"the same plan again: {again}{more}")
    return 0 if well else 1


def _rates(text: str) -> tuple[float, float]:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)", text)
    if not match or not 0 <= float(match[1]) <= float(match[2]) <= 100:
        raise click.UsageError(f"--rate is two percentages such as 1-10, not {text!r}")
    return float(match[1]) / 100, float(match[2]) / 100


class _Run:
    """One plan on a stage of its own, once calm and once in the storm."""

    def __init__(
        self, plan: Plan, place: Path, records: int, options: list[str], mappings: str | None, config: str
    ) -> None:
        self.plan, self.place, self.records, self.mappings, self.config = plan, place, records, mappings, config
        self.hands = 4.0
        self.options = [*plan.options(records), *options]

    def calm(self, *, within: float) -> Course:
        from connector.cli.selftesting.stage import Stage
        from connector.cli.selftesting.storm import Storm

        with Stage.set_up(
            self.place / "calm", self.options, records=self.records, mappings=self.mappings, config=self.config
        ) as stage:
            storm = Storm(self.plan, stage, records=self.records, hands=self.hands, say=click.echo)
            storm.blow(None, seconds=0.0, within=within)
        return storm.course

    def storm(self, *, seconds: float, within: float) -> tuple[bool, Course]:
        from connector.cli.selftesting import books
        from connector.cli.selftesting.evidence import gathered
        from connector.cli.selftesting.sky import Sky
        from connector.cli.selftesting.stage import Stage
        from connector.cli.selftesting.storm import Storm
        from connector.cli.selftesting.verdict import judged

        with Stage.set_up(
            self.place / "storm", [*self.options, "--index-lag", "0.2", "--index-jitter", "1.5"], records=self.records,
            mappings=self.mappings, config=self.config,
        ) as stage:  # fmt: skip
            sky = Sky(self.plan, stage, self.records)
            storm = Storm(self.plan, stage, records=self.records, hands=self.hands, say=click.echo)
            storm.blow(sky, seconds=seconds, within=within)
            sky.clear()
            storm.calm_down()
            click.echo(
                f"no more faults and kills; {storm.course.left:,} rows are pending; waiting until everything is at rest"
            )
            storm.mend(sky)
            evidence = gathered(stage, storm.course.deaths, sky.burnt)
            stage.stop()
        findings = judged(evidence)
        for lines in (
            books.struck(sky, storm.course, evidence, storm.people.did),
            books.sums(evidence, storm.course, findings),
            books.told(findings),
        ):
            click.echo("")
            for line in lines:
                click.echo(line)
        click.echo("nothing lost, nothing twice, the books balance" if not findings else "THIS DOES NOT ADD UP")
        return not findings, storm.course
