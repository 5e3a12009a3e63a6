#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Theory beside measurement: plays scenarios/ground-truth/ and compares their response times with queueing theory.

Each scenario loads virtual stations whose mathematics is known. The theory is computed from the *realised* arrival rate and
service time that the stations counted, so that what is compared is the measurement and not the luck of the draw. Exit
code 1 when anything lies outside its tolerance.

    Benchmarks/ground-truth/ground_truth.py [--seawall PATH] [--results FOLDER] [--seed N] [--shorten N] [SCENARIO...]

--shorten 10 plays a tenth of every load and fault, for a look at whether it works: tolerances grow with the square root of
it, since fewer samples say less.

Formulas: L. Kleinrock, Queueing Systems 1, 1975 (M/M/1, Erlang C, Pollaczek-Khinchine); A. K. Erlang, 1909 (M/D/1);
M. Reiser and S. Lavenberg, JACM 27, 1980 (closed systems, arrival theorem); G. Tene, How NOT to Measure Latency (freeze).
They are written here a second time, independent of those in the test suite.
"""

import argparse
import base64
import json
import math
import re
import struct
import subprocess
import sys
import tempfile
from decimal import Decimal, getcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "scenarios" / "ground-truth"
getcontext().prec = 60


# --- What was measured


class Histogram:
    """Durations in nanoseconds, in the buckets of an HdrHistogram with three digits."""

    def __init__(self):
        self.counts = {}

    def add(self, text):
        """Adds a histogram in HdrHistogram's V2 encoding, in base64."""
        data = base64.b64decode(text)
        digits, lowest = struct.unpack(">iq", data[12:24])
        if digits != 3 or lowest != 1:
            sys.exit("ground_truth: a histogram of this record has other buckets than three digits from 1 ns")
        position, index = 40, 0
        while position < len(data):
            value = 0
            for number in range(9):
                byte = data[position]
                position += 1
                value |= (byte if number == 8 else byte & 0x7F) << (7 * number)
                if number == 8 or byte & 0x80 == 0:
                    break
            value = (value >> 1) ^ -(value & 1)
            if value < 0:
                index -= value
            else:
                self.counts[index] = self.counts.get(index, 0) + value
                index += 1

    @staticmethod
    def bounds(index):
        """Lowest and highest value of a bucket."""
        if index < 2048:
            return index, index
        shift = (index >> 10) - 1
        low = ((index & 1023) + 1024) << shift
        return low, low + (1 << shift) - 1

    @property
    def count(self):
        return sum(self.counts.values())

    @property
    def mean(self):
        return sum(sum(self.bounds(i)) / 2 * n for i, n in self.counts.items()) / self.count

    def quantile(self, share):
        rank, seen = max(1, math.ceil(share * self.count - 1e-9)), 0
        for index in sorted(self.counts):
            seen += self.counts[index]
            if seen >= rank:
                return self.bounds(index)[1]

    def distance(self, survivor, slack=0):
        """The Kolmogorov-Smirnov distance from a survivor function of nanoseconds.

        With slack the two may lie so far apart in time. Where theory has a jump (in M/D/1 a third of all calls take exactly
        the service time) a timer that is late by a microsecond would count as the whole height of it.
        """
        total, seen, worst = self.count, 0, 0.0
        for index in sorted(self.counts):
            seen += self.counts[index]
            time = self.bounds(index)[1]
            below, above = 1 - survivor(time - slack), 1 - survivor(time + slack)
            worst = max(worst, below - seen / total, seen / total - above)
        return worst


class Run:
    def __init__(self, folder):
        record = json.loads((folder / "run.json").read_text())
        self.run = record["runs"][0]
        self.stations = {station["name"]: station for station in self.run["stations"]}

    def histogram(self, names, kind="responseTime"):
        """The successes of these targets over the measured time."""
        result = Histogram()
        steps = {i for i, step in enumerate(self.run["steps"]) if step["target"] in names}
        for piece in self.run["slices"]:
            if piece["second"] * 1_000_000_000 < self.run["warmupNanoseconds"]:
                continue
            for sample in piece["samples"]:
                if sample["step"] in steps and sample["outcome"] == "ok":
                    result.add(sample[kind])
        return result

    def pooled(self, prefix):
        """Stations that are alike: names, realised mean service time, arrivals a second of one, slots, load."""
        found = [s for name, s in self.stations.items() if name.startswith(prefix)]
        service = Histogram()
        for station in found:
            service.add(station["serviceTime"])
        window = sum(s["windowNanoseconds"] for s in found)
        # Over the planned time, which is the part of the window in which requests arrive.
        planned = (self.run["plannedNanoseconds"] - self.run["warmupNanoseconds"]) / 1e9
        rate = sum(s["arrivals"] for s in found) / len(found) / planned
        slots = found[0].get("slots")
        load = rate * service.mean / 1e9 / slots if slots else None
        present = sum(s["busyNanoseconds"] + s["waitingNanoseconds"] for s in found)
        return {
            "names": {s["name"] for s in found}, "service": service.mean, "rate": rate, "slots": slots, "load": load,
            "present": present, "window": window, "late": max_quantile(found, "timerLateness", 0.99)}


def max_quantile(stations, key, share):
    result = Histogram()
    for station in stations:
        result.add(station[key])
    return result.quantile(share)


# --- Theory, in units of the mean service time


def mm1(load):
    return 1 / (1 - load), lambda t: math.exp(-(1 - load) * t)


def md1(load):
    def survivor(t):
        wait = Decimal(t) - 1
        if wait < 0:
            return 1.0
        rho, total = Decimal(load), Decimal(0)
        for k in range(int(wait) + 1):
            x = rho * (k - wait)
            total += (Decimal(1) if k == 0 else x**k / math.factorial(k)) * (-x).exp()
        return float(1 - (1 - rho) * total)

    return 1 + load / (2 * (1 - load)), survivor


def mmc(load, servers):
    offered = servers * load
    below = sum(offered**k / math.factorial(k) for k in range(servers))
    last = offered**servers / math.factorial(servers) / (1 - load)
    waits = last / (below + last)
    rest = servers - 1 - offered

    def survivor(t):
        factor = t if abs(rest) < 1e-9 else (1 - math.exp(-rest * t)) / rest
        return math.exp(-t) * (1 + waits * factor)

    return 1 + waits / (servers * (1 - load)), survivor


def closed(users, think):
    def distribution(population):
        weights = [1.0]
        for n in range(population):
            weights.append(weights[-1] * (population - n) / think)
        return [w / sum(weights) for w in weights]

    def survivor(t):
        total = 0.0
        for seen, probability in enumerate(distribution(users - 1)):
            total += probability * sum(math.exp(-t) * t**k / math.factorial(k) for k in range(seen + 1))
        return total

    utilization = 1 - distribution(users)[0]
    return users / utilization - think, survivor, utilization


def quantile(share, survivor):
    low, high = 0.0, 1.0
    while survivor(high) > 1 - share:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if survivor(middle) > 1 - share else (low, middle)
    return high


# --- Comparison


class Table:
    def __init__(self, title, slack=1.0):
        self.failed, self.slack = 0, slack
        print(f"\n{title}")
        print(f"  {'':24}{'theory':>12}{'measured':>12}{'off by':>10}{'tolerance':>11}")

    def row(self, name, theory, measured, tolerance, text):
        off = measured / theory - 1 if theory else measured
        tolerance *= self.slack
        good = abs(off) <= tolerance
        self.failed += not good
        print(
            f"  {name:24}{text(theory):>12}{text(measured):>12}{off:>+9.1%} {'±':>4} {tolerance:<6.0%}"
            + ("" if good else "  OUTSIDE"))

    def limit(self, name, measured, tolerance):
        tolerance *= self.slack
        good = measured <= tolerance
        self.failed += not good
        print(f"  {name:24}{'':12}{measured:>12.4f}{'':>9} {'≤':>4} {tolerance:<6.3g}" + ("" if good else "  OUTSIDE"))


def milliseconds(nanoseconds):
    return f"{nanoseconds / 1e6:.2f} ms"


def plain(value):
    return f"{value:.3f}"


def compare(table, run, prefix, theory, tolerances, ks=None, jumps=False):
    """Percentiles and mean of the pooled stations against a theory (mean, survivor) in units of the service time."""
    pool = run.pooled(prefix)
    measured = run.histogram(pool["names"])
    mean, survivor = theory
    unit = pool["service"]
    for name, tolerance in tolerances.items():
        if name == "mean":
            table.row(name, mean * unit, measured.mean, tolerance, milliseconds)
        else:
            share = float(name[1:]) / 100
            table.row(name, quantile(share, survivor) * unit, measured.quantile(share), tolerance, milliseconds)
    if ks:
        # A call waits for two timers: its arrival's and its service's.
        slack = 2 * pool["late"] if jumps else 0
        table.limit("Kolmogorov-Smirnov", measured.distance(lambda t: survivor(max(0, t) / unit), slack), ks)
    # N = X T: the integral of the number at the stations against the sum of what the clients measured.
    table.row("Little: N against X·T", pool["present"] / pool["window"], measured.mean * measured.count / pool["window"],
              0.02, plain)
    print(f"  {measured.count:,} requests; load {pool['load']:.4f}, service {milliseconds(unit)}; "
          f"timers late by {pool['late'] / 1e3:.0f} µs at p99")


R1 = {"mean": 0.06, "p50": 0.06, "p90": 0.08, "p99": 0.12}


def check_mm1(run, table):
    compare(table, run, "db-", mm1(run.pooled("db-")["load"]), R1, ks=0.02)


def check_md1(run, table):
    compare(table, run, "db-", md1(run.pooled("db-")["load"]), R1, ks=0.05, jumps=True)


def check_mm4(run, table):
    pool = run.pooled("db-")
    compare(table, run, "db-", mmc(pool["load"], pool["slots"]), R1, ks=0.02)


def check_hyperexponential(run, table):
    """Pollaczek-Khinchine, with the mean and the variation that were realised."""
    pool = run.pooled("db-")
    service = Histogram()
    for name in pool["names"]:
        service.add(run.stations[name]["serviceTime"])
    second = sum((sum(service.bounds(i)) / 2) ** 2 * n for i, n in service.counts.items()) / service.count
    variation = second / service.mean**2 - 1
    load = pool["load"]
    compare(table, run, "db-", (1 + load * (1 + variation) / (2 * (1 - load)), None), {"mean": 0.10})


def check_open_closed(run, table):
    opened, users = run.pooled("open-"), run.pooled("closed-")
    think = 37.55e6 / users["service"]
    mean, survivor, utilization = closed(10, think)
    print("  open")
    compare(table, run, "open-", mm1(opened["load"]), {"mean": 0.15, "p99": 0.25})
    print("  closed, 10 users")
    compare(table, run, "closed-", (mean, survivor), {"mean": 0.06, "p50": 0.06, "p99": 0.12})
    table.row("utilisation, closed", utilization, users["load"], 0.02, plain)
    ratio = run.histogram(opened["names"]).mean / run.histogram(users["names"]).mean
    table.row("mean, open / closed", mm1(opened["load"])[0] / mean, ratio, 0.15, plain)


def freeze_row(run):
    fault = run.run["faults"][0]
    return (fault["endNanoseconds"] - fault["startNanoseconds"]), run.run["plannedNanoseconds"]


def check_freeze(run, table):
    """A stall of L in a window of W: the share (L - v) / W of the requests takes longer than v."""
    stall, window = freeze_row(run)
    measured = run.histogram({"db"})
    for share in (0.75, 0.90, 0.99):
        # What it would be of a freeze of half the window to the nanosecond.
        nominal = (share - 0.5) * window / 1e9
        table.row(f"p{share * 100:.0f} (nominal {nominal:.3g} s)", stall - (1 - share) * window, measured.quantile(share),
                  0.01, milliseconds)
    table.limit("p50 above 20 ms", measured.quantile(0.5) / 1e6, 20)


def check_freeze_one_connection(run, table):
    stall, window = freeze_row(run)
    response, service = run.histogram({"db"}), run.histogram({"db"}, "serviceTime")
    # Those that waited leave one after the other, so that their waits are somewhat longer than the stall explains.
    for share in (0.75, 0.90, 0.99):
        ideal = stall - (1 - share) * window
        table.limit(f"p{share * 100:.0f} below {ideal / 1e9:.2f} s", max(0, 1 - response.quantile(share) / ideal), 0.01)
    table.limit("naive p99 (from send), ms", service.quantile(0.99) / 1e6, 5)
    print(f"  from the intended start p99 is {response.quantile(0.99) / 1e9:.2f} s, from the send "
          f"{milliseconds(service.quantile(0.99))}")


def shortened(script, divisor):
    """The script with a part of each load's duration and each fault's times; warm-ups stay."""
    def divided(match):
        return f"{match.group(1)}{round(int(match.group(2)) * 1000 / divisor)}ms"
    return re.sub(r"(\b(?:duration|at|for): )(\d+)s\b", divided, script)


CHECKS = {
    "mm1": check_mm1, "md1": check_md1, "mm4": check_mm4, "hyperexponential": check_hyperexponential,
    "open-closed": check_open_closed, "freeze": check_freeze, "freeze-one-connection": check_freeze_one_connection,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(CHECKS)}; all by default")
    parser.add_argument("--seawall", type=Path, default=ROOT / ".build" / "release" / "seawall")
    parser.add_argument("--results", type=Path, help="folder for the results; a temporary one by default")
    parser.add_argument("--seed", type=int, help="in place of the scripts' seed")
    parser.add_argument("--shorten", type=float, default=1.0, metavar="N", help="play an N-th of every load, 1 to 20")
    options = parser.parse_args()
    if not 1 <= options.shorten <= 20:
        parser.error("--shorten takes 1 to 20")
    unknown = [name for name in options.scenarios if name not in CHECKS]
    if unknown:
        parser.error(f"there is no scenario {', '.join(unknown)} (known: {', '.join(CHECKS)})")
    if not options.seawall.exists():
        sys.exit(f"ground_truth: there is no {options.seawall}; run `make build` or name it with --seawall")
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.scenarios or CHECKS:
            folder = (options.results or Path(temporary)) / name
            script = SCENARIOS / f"{name}.yaml"
            if options.shorten > 1:
                text = shortened(script.read_text(), options.shorten)
                script = Path(temporary) / f"{name}.yaml"
                script.write_text(text)
            command = [str(options.seawall), "run", str(script), "--out", str(folder)]
            if options.seed is not None:
                command += ["--seed", str(options.seed)]
            print(f"ground_truth: playing {name}", file=sys.stderr)
            played = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            # 4 is a measurement that doubts itself: shown, and judged by what it measured.
            if played.returncode not in (0, 4):
                sys.exit(f"ground_truth: {name} could not be played:\n{played.stderr}")
            run = Run(folder)
            table = Table(f"{name}: the generator says {run.run['generator']['verdict']}", math.sqrt(options.shorten))
            CHECKS[name](run, table)
            failed += table.failed
            if table.failed and run.run["generator"]["verdict"] != "VALID":
                print("  the machine was too busy for this: " + "; ".join(run.run["generator"]["reasons"]))
    print(f"\n{'everything is' if not failed else f'{failed} figures are not'} within tolerance")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
