#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions and heap allocations per operation of the hot paths, against the figures that are committed beside this file.

Each path is played under callgrind in two lengths; the difference, divided by the difference of the lengths, is what one
operation costs without start-up. Unlike times, these figures are the same on a busy machine. The check fails when a path executes
more instructions than the baseline allows, or allocates more.

    Benchmarks/counts/check.py [--update] [--build-only] [PATH...]

--update writes the figures as the new baseline: do it together with the change that explains them.
"""

import argparse
import concurrent.futures
import functools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent
BASELINE = HERE / "baseline.json"
RELEASE = PACKAGE / ".build" / "release"
# Where two threads take turns as they like, so their counts differ from run to run.
UNCOUNTED = {
    "breaker-closed-shared-by-two", "breaker-closed-run-shared-by-two", "pipeline-of-five-suspending",
}
# The standard library's own costs, which are a reason for some of ours and no concern of this check.
UNCOUNTED_PREFIX = "platform-"
PATH_LENGTHS = (1_000, 11_000)
ENGINE_LENGTHS = (10_000, 60_000)
# What time does to counts (a bucket of a window that ends, a timer's wheel) lies below this.
INSTRUCTION_TOLERANCE = 0.03
# What starting and ending the process differs by from run to run, spread over the operations: for a path of five instructions
# it is half of them.
INSTRUCTION_NOISE = 8
# The engine also works once a second, and the slower it runs under callgrind, the more of that falls on one journey.
ENGINE_INSTRUCTION_TOLERANCE = 0.10
ALLOCATION_TOLERANCE = 0.05
ALLOCATORS = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"}


def fail(message):
    sys.exit(f"counts: {message}")


def require_valgrind():
    if shutil.which("valgrind"):
        return
    print("counts: installing valgrind", file=sys.stderr)
    prefix = [] if os.geteuid() == 0 else ["sudo"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(prefix + ["apt-get", "update", "-qq"], check=True, env=environment, stdout=subprocess.DEVNULL)
        subprocess.run(
            prefix + ["apt-get", "install", "-y", "-qq", "valgrind"], check=True, env=environment,
            stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        fail(f"valgrind is missing and could not be installed ({error}); install it by hand")


def build():
    """Builds both commands. Older valgrinds give up at the DWARF of newer compilers, so they get copies without it."""
    stripper = shutil.which("strip") or shutil.which("llvm-strip") or fail("neither strip nor llvm-strip was found")
    flags = os.environ.get("SWIFT_FLAGS", "").split()
    for name in ("hot-paths", "engine-requests"):
        command = ["swift", "build", "--package-path", str(PACKAGE), "-c", "release", "--product", name, *flags]
        if subprocess.run(command, stdout=sys.stderr).returncode != 0:
            fail("the package does not build")
        subprocess.run([stripper, "--strip-debug", "-o", stripped(name), RELEASE / name], check=True)


def stripped(name):
    return str(RELEASE / f"{name}-stripped")


def serve(listener):
    """Answers each request of each connection with the same bytes, until the listener is closed."""
    body = b'{"items":[{"id":"0123456789abcdef","text":"hello"}]}'
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)

    def answer_all(connection):
        with connection:
            pending = b""
            while received := connection.recv(65536):
                pending += received
                requests = pending.count(b"\r\n\r\n")
                if requests:
                    pending = pending[pending.rindex(b"\r\n\r\n") + 4:]
                    connection.sendall(answer * requests)

    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer_all, args=(connection,), daemon=True).start()


def run(command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300)
    if result.returncode != 0:
        fail(f"{' '.join(map(str, command))} ended with {result.returncode}:\n{result.stderr}")
    return result


def count(command):
    """Instructions and allocations of one run under callgrind."""
    with tempfile.NamedTemporaryFile(prefix="seawall-counts-") as output:
        result = run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={output.name}", *command])
        names = {}
        allocations = 0
        callee = ""
        with open(output.name, errors="replace") as lines:
            for line in lines:
                # A name stands in full once; from then on its number stands for it.
                if match := re.match(r"(c?)fn=\((\d+)\)(?: (.*))?", line):
                    is_callee, number, name = match.groups()
                    if name:
                        names[number] = name.split("'")[0]
                    if is_callee:
                        callee = names[number]
                elif line.startswith("calls=") and callee in ALLOCATORS:
                    allocations += int(line[6:].split()[0])
        return int(re.search(r"Collected : (\d+)", result.stderr)[1]), allocations


def difference(measure, lengths):
    """What one operation adds to each figure."""
    short, long = (measure(length) for length in lengths)
    return [(after - before) / (lengths[1] - lengths[0]) for before, after in zip(short, long)]


def measure_path(name):
    return difference(lambda length: count([stripped("hot-paths"), "run", name, length]), PATH_LENGTHS)


def measure_engine(kind, port):
    """The engine works once a second as well: allocations are counted at full speed, where that is little per journey."""
    instructions, _ = difference(lambda length: count([stripped("engine-requests"), kind, port, length]), PATH_LENGTHS)
    command = [RELEASE / "engine-requests", kind, port]
    allocations, = difference(
        lambda length: [int(run(command + [length]).stdout.split()[-1])], ENGINE_LENGTHS)
    return instructions, allocations


def compare(name, instructions, allocations, known):
    """What is wrong, or an empty text."""
    if known is None:
        return "not in the baseline"
    faults = []
    tolerance = ENGINE_INSTRUCTION_TOLERANCE if name.startswith("engine-") else INSTRUCTION_TOLERANCE
    if instructions > known["instructions"] * (1 + tolerance) + INSTRUCTION_NOISE:
        faults.append(f"more instructions than {known['instructions']:g}")
    if allocations > known["allocations"] + ALLOCATION_TOLERANCE:
        faults.append(f"more allocations than {known['allocations']:g}")
    return ", ".join(faults)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write the figures as the new baseline")
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only these")
    options = parser.parse_args()
    build()
    if options.build_only:
        return
    require_valgrind()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    port = str(listener.getsockname()[1])
    listed = run([RELEASE / "hot-paths", "list"]).stdout.split()
    jobs = {name: functools.partial(measure_path, name) for name in listed
            if name not in UNCOUNTED and not name.startswith(UNCOUNTED_PREFIX)}
    jobs |= {f"engine-{kind}": functools.partial(measure_engine, kind, port) for kind in ("plain", "journey")}
    if unknown := set(options.paths) - set(jobs):
        fail(f"there is no path {', '.join(sorted(unknown))}; known: {', '.join(jobs)}")
    if options.paths:
        jobs = {name: job for name, job in jobs.items() if name in options.paths}

    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        figures = dict(zip(jobs, pool.map(lambda job: job(), jobs.values())))
    listener.close()

    print(f"{'path':<46}{'instructions':>14}{'baseline':>10}{'allocations':>13}{'baseline':>10}")
    failed = False
    for name, (instructions, allocations) in figures.items():
        known = baseline.get(name)
        fault = "" if options.update else compare(name, instructions, allocations, known)
        failed = failed or bool(fault)
        before = [f"{known[key]:g}" if known else "" for key in ("instructions", "allocations")]
        print(f"{name:<46}{instructions:>14.1f}{before[0]:>10}{allocations:>13.2f}{before[1]:>10}  {fault}".rstrip())
    if options.update:
        kept = baseline if options.paths else {}
        kept |= {
            name: {"instructions": round(instructions, 1), "allocations": round(abs(allocations), 2)}
            for name, (instructions, allocations) in figures.items()}
        BASELINE.write_text(json.dumps(kept, indent=2) + "\n")
    if failed:
        print(
            f"counts: failed. A path may take {INSTRUCTION_TOLERANCE:.0%} more instructions than its baseline (the engine "
            f"{ENGINE_INSTRUCTION_TOLERANCE:.0%}) and no more allocations. If the change is worth it, run "
            "Benchmarks/counts/check.py --update and commit the baseline with it.", file=sys.stderr)
        sys.exit(1)


main()
