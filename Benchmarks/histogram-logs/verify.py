#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a run's histogram logs back with another implementation of HdrHistogram, and holds them against run.json.

    Benchmarks/histogram-logs/verify.py [RESULTS | --seawall PATH]

RESULTS is the folder of a run; without one a short load is played against a virtual station. The reader is the package
`hdrhistogram` of PyPI, which is installed into a virtual environment of its own under .build/. For each run and tag the log must
have as many values as the record, in every bucket, and the same maximum.
"""

import argparse
import base64
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".build" / "histogram-logs"
PACKAGE = "hdrhistogram==0.10.8"

SCRIPT = """
name: logs
system: {stations: {db: exp(5ms)}}
load: {all: {executor: constant-arrival-rate, rate: 200/s, arrivals: poisson, duration: 5s, warmup: 1s}}
journeys: {read: [{get: /, timeout: 40ms}]}
"""


def reexecute():
    """Goes on in a virtual environment that has the reader."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        print(f"verify: installing {PACKAGE} into {ENVIRONMENT}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", PACKAGE], check=True)
    sys.exit(subprocess.run([str(python), __file__, *sys.argv[1:]]).returncode)


def recorded(run):
    """Values by tag as they stand in run.json: bucket's highest value -> count, by a decoder of its own."""
    tags = {}
    for piece in run["slices"]:
        if piece["second"] * 1_000_000_000 < run["warmupNanoseconds"]:
            continue
        for sample in piece["samples"]:
            add(tags.setdefault(sample["outcome"], {}), sample["responseTime"])
            if sample["outcome"] == "ok":
                add(tags.setdefault("ok-service-time", {}), sample["serviceTime"])
        add(tags.setdefault("schedule-lag", {}), piece["scheduleLag"])
    return {tag: counts for tag, counts in tags.items() if counts}


def add(counts, text):
    """Adds a histogram in HdrHistogram's V2 encoding with three digits from 1 ns."""
    data = base64.b64decode(text)
    assert struct.unpack(">iq", data[12:24]) == (3, 1)
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
            continue
        shift = max(0, (index >> 10) - 1)
        highest = index if index < 2048 else (((index & 1023) + 1025) << shift) - 1
        counts[highest] = counts.get(highest, 0) + value
        index += 1


def verify(folder):
    """Number of logs whose content is not that of the record."""
    from hdrh.histogram import HdrHistogram
    from hdrh.log import HistogramLogReader

    record = json.loads((folder / "run.json").read_text())
    bad = 0
    for index, run in enumerate(record["runs"]):
        (log,) = folder.glob(f"histograms-{index + 1}-*.hlog")
        read, intervals = {}, 0
        reader = HistogramLogReader(str(log), HdrHistogram(1, 24 * 3_600_000_000_000, 3))
        while True:
            # Everything the log has, whatever its time stamps.
            histogram = reader.get_next_interval_histogram()
            if histogram is None:
                break
            intervals += 1
            tag = histogram.get_tag()
            if tag not in read:
                read[tag] = HdrHistogram(1, 24 * 3_600_000_000_000, 3)
            read[tag].add(histogram)
        expected = recorded(run)
        faults = []
        if set(read) != set(expected):
            faults.append(f"tags {sorted(read)} instead of {sorted(expected)}")
        for tag in sorted(set(read) & set(expected)):
            counts, histogram = expected[tag], read[tag]
            pairs = [("count", sum(counts.values()), histogram.get_total_count()),
                     ("max", max(counts), histogram.get_max_value())]
            pairs += [(f"count at {value}", counts[value], histogram.get_count_at_value(value)) for value in counts]
            faults += [f"{tag}: {name} is {theirs} instead of {ours}" for name, ours, theirs in pairs if ours != theirs]
        total = sum(histogram.get_total_count() for histogram in read.values())
        print(f"{log.name}: {intervals} intervals, {len(read)} tags, {total} values: "
              + ("as in run.json" if not faults else "; ".join(faults)))
        bad += bool(faults)
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", type=Path, help="folder of a run")
    parser.add_argument("--seawall", type=Path, default=ROOT / ".build" / "release" / "seawall")
    options = parser.parse_args()
    try:
        import hdrh  # noqa: F401
    except ImportError:
        reexecute()
    if options.results:
        sys.exit(1 if verify(options.results) else 0)
    if not options.seawall.exists():
        sys.exit(f"verify: there is no {options.seawall}; run `make build` or name it with --seawall")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "logs.yaml"
        script.write_text(SCRIPT)
        played = subprocess.run(
            [str(options.seawall), "run", str(script), "--out", f"{folder}/out"], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        # 4 is a measurement that doubts itself: what it wrote is there.
        if played.returncode not in (0, 4):
            sys.exit(f"verify: the load could not be played:\n{played.stderr}")
        sys.exit(1 if verify(Path(folder) / "out") else 0)


if __name__ == "__main__":
    main()
