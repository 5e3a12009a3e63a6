#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seawall's engine beside other load generators, against the same nginx, in interleaved rounds.

One core for the server and one for the generator. Each round runs every tool once, in an order that rotates; what counts is
requests per CPU-second of the generator (user + system time, from the kernel's accounting of the child), as a ratio to wrk in
the same round. Traffic goes to loopback only; nginx is a private instance on free ports that ends with the script.

    Benchmarks/peers/compare.py [MODE] [--rounds N] [--seconds N] [--connections 50] [--tools wrk,ab,h2load,hey] [--check]

Modes, of which without one plain HTTP/1.1 is compared:

    --tls                compares over TLS 1.3
    --handshakes         with a new connection, and a full handshake, for each request
    --journey            a journey of three steps (a capture, a template, a check) against wrk's plain requests
    --freeze             stops nginx for a twentieth of an open load: the p99 that each tool prints, beside the true one
    --lag [--rate 10000] schedule lag and achieved rate of an open load
    --idle 10000         memory for so many idle keep-alive connections, plain and TLS
    --memory MINUTES     growth of the memory of a load at full speed

--check exits with 1 when a figure that Seawall promises is missed. The last three are about Seawall alone.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "nginx": "nginx-light", "wrk": "wrk", "ab": "apache2-utils", "h2load": "nghttp2-client", "hey": "hey",
    "openssl": "openssl", "taskset": "util-linux"}
# Seawall's exit code when the generator found its own measurement invalid: shown, and judged by what it measured.
INVALID = 4


def fail(message):
    sys.exit(f"compare: {message}")


def require(command):
    """Finds a command, and installs its Debian package where that is possible."""
    search = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    found = shutil.which(command, path=search)
    if found:
        return found
    package = PACKAGES[command]
    prefix = [] if os.geteuid() == 0 else ["sudo"]
    print(f"compare: installing {package}", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        # Keeps the package from starting a service of its own: only the private instance below is wanted.
        subprocess.run(prefix + ["apt-get", "update", "-qq"], check=True, env=environment, stdout=subprocess.DEVNULL)
        subprocess.run(
            prefix + ["env", "RUNLEVEL=1", "apt-get", "install", "-y", "-qq", package],
            check=True, env=environment, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        fail(f"{command} is missing and {package} could not be installed ({error}); install it by hand")
    found = shutil.which(command, path=search)
    return found or fail(f"{package} is installed, but there is no {command} command")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nginx:
    """A private nginx with one worker on the given core, on two free loopback ports."""

    def __init__(self, folder, core):
        self.plain, self.tls = free_port(), free_port()
        self.certificate = folder / "certificate.pem"
        subprocess.run(
            [require("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
             "-keyout", str(folder / "key.pem"), "-out", str(self.certificate)],
            check=True, stderr=subprocess.DEVNULL)
        body = "x" * 128
        configuration = folder / "nginx.conf"
        configuration.write_text(f"""
            daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
            worker_rlimit_nofile 20000;
            events {{ worker_connections 16000; }}
            http {{
                access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; default_type text/plain;
                client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
                uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                server {{
                    listen 127.0.0.1:{self.plain} backlog=4096;
                    listen 127.0.0.1:{self.tls} ssl backlog=4096;
                    ssl_certificate {self.certificate}; ssl_certificate_key {folder}/key.pem; ssl_protocols TLSv1.3;
                    # Else wrk, which keeps its SSL objects, would resume where others make full handshakes.
                    ssl_session_tickets off;
                    location / {{ return 200 "{body}"; }}
                    location /list {{ default_type application/json; return 200 '{{"items":[{{"id":"a1b2c3d4"}}]}}'; }}
                }}
            }}
        """)
        self.process = subprocess.Popen(
            [require("taskset"), "-c", str(core), require("nginx"), "-p", str(folder), "-c", str(configuration)])
        for _ in range(100):
            if self.process.poll() is not None:
                fail(f"nginx did not start: {(folder / 'error.log').read_text().strip()}")
            try:
                socket.create_connection(("127.0.0.1", self.plain), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        fail("nginx did not answer within 5 s")

    def signal(self, number):
        """To the master and its worker, which is the one that answers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for process in [self.process.pid, *map(int, children)]:
            os.kill(process, number)

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(command, core, output):
    """Starts a command on one core; its process id is that of the command itself."""
    return subprocess.Popen(
        [require("taskset"), "-c", str(core)] + command, stdout=output, stderr=subprocess.STDOUT)


def measure(command, core, meanwhile=lambda process: None):
    """Runs a command on one core; returns its output and the kernel's accounting of it."""
    with tempfile.TemporaryFile() as output:
        child = start(command, core, output)
        meanwhile(child)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if child.returncode not in (0, INVALID if "seawall" in command[0] else 0):
        fail(f"{' '.join(command)} ended with {child.returncode}:\n{text}")
    return text, usage


class Figures:
    """What Seawall promises, and whether it was measured."""

    def __init__(self):
        self.missed = []

    def at_least(self, name, value, limit):
        self.judge(name, value, limit, value >= limit, "at least")

    def below(self, name, value, limit):
        self.judge(name, value, limit, value < limit, "below")

    def judge(self, name, value, limit, good, word):
        print(f"  {'met' if good else 'MISSED'}: {name} is {value:.4g}, to be {word} {limit:g}")
        if not good:
            self.missed.append(name)


def number(pattern):
    return lambda text: int(re.search(pattern, text).group(1))


def json_of(text):
    """The JSON object of an output that may have a warning before it and the reason of a failure after it."""
    return json.JSONDecoder().raw_decode(text[text.index("{\n"):])[0]


def bench(options, url, *extra):
    return [
        options.seawall, "bench", url, "--connections", str(options.connections), "--duration", f"{options.seconds}s",
        "--json", *extra]


# Names in the tables, and what each tool does with a new connection for each request.
TOOLS = ["wrk", "ab", "h2load", "hey"]


def tools(options, nginx):
    """Command line and request counter of every tool that takes part."""
    url = f"https://127.0.0.1:{nginx.tls}/" if options.tls else f"http://127.0.0.1:{nginx.plain}/"
    n, seconds = options.connections, options.seconds
    trust = ["--roots", str(nginx.certificate)] if options.tls else []
    if options.handshakes:
        trust += ["--strategy", "per-request", "--no-resumption"]
    # wrk makes a new connection after an answer to `Connection: close`; ab does unless it is told to keep them (-k).
    closing = ["-H", "Connection: close"] if options.handshakes else []
    keeping = [] if options.handshakes else ["-k"]
    once = ["-disable-keepalive"] if options.handshakes else []
    known = {
        "seawall": lambda: (bench(options, url, *trust), lambda text: json_of(text)["completed"]),
        "wrk": lambda: (
            [require("wrk"), "-t1", f"-c{n}", f"-d{seconds}s", *closing, url], number(r"(\d+) requests in")),
        "ab": lambda: (
            [require("ab"), "-q", *keeping, "-c", str(n), "-t", str(seconds), "-n", "100000000", url],
            number(r"Complete requests:\s+(\d+)")),
        "h2load": lambda: (
            [require("h2load"), "--h1", "-t1", f"-c{n}", f"-D{seconds}", url], number(r"requests: (\d+) total")),
        "hey": lambda: (
            [require("hey"), "-cpus", "1", *once, "-c", str(n), "-z", f"{seconds}s", url],
            number(r"\[200\]\s+(\d+) responses")),
    }
    chosen = ["seawall"] + options.tools
    for name in chosen:
        if name not in known:
            fail(f"unknown tool {name}; known: {', '.join(known)}")
        if name == "h2load" and options.handshakes:
            fail("h2load has no connection for each request; leave it out of --tools")
    return {name: known[name]() for name in chosen}


def spread(values, form):
    return f"{form(statistics.median(values))} [{form(min(values))} … {form(max(values))}]"


def verdicts(texts):
    """'VALID 6, INVALID 1' over Seawall's runs."""
    found = [re.search(r'"verdict"\s*:\s*"(\w+)"', text).group(1) for text in texts]
    return ", ".join(f"{word} {found.count(word)}" for word in ("VALID", "DEGRADED", "INVALID") if word in found)


def rounds(options, contestants):
    """Plays every contestant in every round, in a rotating order; for each name what each round gave."""
    results = {name: [] for name in contestants}
    names = list(contestants)
    for round_number in range(options.rounds):
        shift = round_number % len(names)
        for name in names[shift:] + names[:shift]:
            results[name].append(contestants[name]())
        print(f"round {round_number + 1} of {options.rounds} done", file=sys.stderr)
    return results


def table(rates):
    """Prints a line for each tool; Seawall's median ratio to wrk, where wrk took part."""
    print(f"  {'tool':<9}{'thousand requests per CPU-second':<36}ratio to wrk in the same round")
    seawall = None
    for name in rates:
        ratio = "-"
        if "wrk" in rates:
            ratios = [a / b for a, b in zip(rates[name], rates["wrk"])]
            ratio = spread(ratios, lambda value: f"{value:.3f}")
            seawall = statistics.median(ratios) if name == "seawall" else seawall
        print(f"  {name:<9}{spread([rate / 1000 for rate in rates[name]], lambda value: f'{value:.1f}'):<36}{ratio}")
    return seawall


def compare(options, nginx, figures):
    texts = []

    def player(name, command, count):
        def play():
            text, usage = measure(command, options.generator_core)
            if name == "seawall":
                texts.append(text)
            return count(text) / (usage.ru_utime + usage.ru_stime)
        return play

    rates = rounds(options, {name: player(name, *how) for name, how in tools(options, nginx).items()})
    kind, limit = ("HTTPS (TLS 1.3)", 1.0) if options.tls else ("plain HTTP", 1.05)
    if options.handshakes:
        kind = "full TLS 1.3 handshakes (a connection for each request)"
    print(f"{kind}, {options.connections} connections, closed loop, {options.rounds} rounds of {options.seconds} s: median [min … max]")
    ratio = table(rates)
    print(f"  Seawall's verdicts: {verdicts(texts)}")
    if ratio is not None:
        figures.at_least("requests per CPU-second, as a ratio to wrk", ratio, limit)


JOURNEY = """
name: journey
system: {{targets: {{web: "http://127.0.0.1:{port}"}}}}
connections: {{limit: {connections}}}
load:
  all: {{executor: constant-vus, vus: {connections}, duration: {seconds}s}}
journeys:
  three:
    - get: /list
      capture: {{item: "$.items[0].id"}}
    - get: /items/${{item}}?visit=${{counter}}
    - get: /
      check: {{body: {{contains: xxxx}}}}
"""


def journey(options, nginx, figures):
    """Three-step journeys, through `seawall run`, against wrk's plain requests in the same round."""
    found = []
    with tempfile.TemporaryDirectory(prefix="seawall-journey-") as folder:
        script = Path(folder) / "journey.yaml"
        script.write_text(
            JOURNEY.format(port=nginx.plain, connections=options.connections, seconds=options.seconds))

        def seawall():
            measure([options.seawall, "run", str(script), "--out", f"{folder}/out"], options.generator_core)
            run = json.loads((Path(folder) / "out/run.json").read_text())["runs"][0]
            if set(run["accounting"]["byOutcome"]) - {"ok", "aborted"}:
                fail(f"the journey does not work: {run['accounting']['byOutcome']}")
            found.append(json.dumps({"verdict": run["generator"]["verdict"]}))
            # Of the generator's own process while it played: neither its reading of the script nor its reports.
            return run["accounting"]["byOutcome"]["ok"] / run["generator"]["cpuSeconds"]

        command, count = tools(options, nginx)["wrk"]

        def wrk():
            text, usage = measure(command, options.generator_core)
            return count(text) / (usage.ru_utime + usage.ru_stime)

        rates = rounds(options, {"seawall": seawall, "wrk": wrk})
    print("a journey of three steps with a capture, a template and a check, against wrk's plain requests; "
          f"{options.connections} connections, {options.rounds} rounds of {options.seconds} s: median [min … max]")
    ratio = table(rates)
    print(f"  Seawall's verdicts: {verdicts(found)}")
    figures.at_least("requests of journeys per CPU-second, as a ratio to wrk's plain ones", ratio, 0.85)


def freeze(options, nginx, figures):
    """The p99 that each tool prints of a load during which the server is stopped for a twentieth of the time."""
    rate, n, seconds = 500, options.connections, options.seconds
    url = f"http://127.0.0.1:{nginx.plain}/"
    stall = seconds / 20
    truth = stall - 0.01 * seconds

    def stop_and_go(_):
        time.sleep(seconds * 0.4)
        nginx.signal(signal.SIGSTOP)
        time.sleep(stall)
        nginx.signal(signal.SIGCONT)

    def value(pattern, scale=None):
        def read(text):
            found = re.search(pattern, text)
            if not found:
                return None
            return float(found.group(1)) * (scale or {"us": 1e-6, "ms": 1e-3, "s": 1}[found.group(2)])
        return read

    known = {
        "seawall": lambda: (
            bench(options, url, "--rate", str(rate), "--arrivals", "uniform"),
            lambda text: json_of(text)["responseTimeOfAllMicroseconds"]["p99"] / 1e6, f"open, {rate}/s"),
        "wrk": lambda: (
            [require("wrk"), "-t1", f"-c{n}", f"-d{seconds}s", "--latency", url],
            value(r"99%\s+([\d.]+)(us|ms|s)"), "closed, as fast as it goes"),
        "ab": lambda: (
            [require("ab"), "-q", "-k", "-c", str(n), "-t", str(seconds), "-n", "100000000", url],
            value(r"99%\s+(\d+)", 1e-3), "closed, as fast as it goes"),
        "h2load": lambda: (
            [require("h2load"), "--h1", "-t1", f"-c{n}", f"-D{seconds}", url], None,
            "closed, as fast as it goes; prints no percentiles"),
        "hey": lambda: (
            [require("hey"), "-cpus", "1", "-c", str(n), "-q", str(rate / n), "-z", f"{seconds}s", url],
            value(r"99% in ([\d.]+) secs", 1), f"{rate}/s while nobody waits"),
    }
    print(f"nginx stopped for {stall:g} s in a load of {seconds} s: the p99 of arrivals at {rate}/s is {truth:.2f} s; printed by")
    for name in ["seawall"] + options.tools:
        if name not in known:
            fail(f"unknown tool {name}; known: {', '.join(known)}")
        command, read, how = known[name]()
        text, _ = measure(command, options.generator_core, stop_and_go)
        printed = read(text) if read else None
        shown = "-" if printed is None else f"{printed:.4g} s"
        print(f"  {name:<9}{shown:<12}{how}")
        if name == "seawall":
            figures.below("|p99 / truth - 1| of Seawall", abs(printed / truth - 1), 0.05)


def lag(options, nginx, figures):
    """Schedule lag and achieved rate of an open load on an otherwise idle machine."""
    url = f"http://127.0.0.1:{nginx.plain}/"
    print(f"an open load of {options.rate}/s, {options.rounds} rounds of {options.seconds} s: median [min … max]")
    for arrivals in ("poisson", "uniform"):
        rows = []
        for _ in range(options.rounds):
            command = bench(options, url, "--rate", str(options.rate), "--arrivals", arrivals)
            rows.append(json_of(measure(command, options.generator_core)[0]))
        print(f"  {arrivals} arrivals; verdicts {', '.join(row['verdict'] for row in rows)}")
        for name, key, limit in (
            ("p50", "scheduleLagP50Microseconds", 20), ("p99", "scheduleLagP99Microseconds", 150),
        ):
            values = [row[key] for row in rows]
            print(f"    schedule lag {name} {spread(values, lambda value: f'{value:.0f} µs')}")
            figures.below(f"schedule lag {name} of {arrivals} arrivals in µs", statistics.median(values), limit)
        rates = [row["completedPerSecond"] for row in rows]
        print(f"    achieved {spread(rates, lambda value: f'{value:.1f}/s')}")
        # The number of Poisson arrivals is a matter of chance: of 50,000 of them, within 0.45 % two times in three.
        if arrivals == "uniform":
            off = abs(statistics.median(rates) / options.rate - 1)
            figures.below("achieved rate, off by (as a share)", off, 0.001)


def idle(options, nginx, figures):
    """Memory of the generator with many idle keep-alive connections, plain and over TLS: the highest it ever had."""
    # All the handshakes are to be done, and all connections still open, for a while.
    seconds = max(options.seconds, 20)
    print(f"memory with {options.idle} idle keep-alive connections, all told")
    for kind, url, extra, limit in (
        ("plain", f"http://127.0.0.1:{nginx.plain}/", [], 40),
        ("TLS 1.3", f"https://127.0.0.1:{nginx.tls}/", ["--roots", str(nginx.certificate)], 400),
    ):
        # A user for each connection, who asks once and then thinks for as long as the load lasts.
        command = [
            options.seawall, "bench", url, "--connections", str(options.idle), "--duration", f"{seconds}s",
            "--strategy", "per-user", "--think", f"{seconds}s", "--connect-timeout", "60s", "--json", *extra]
        text, usage = measure(command, options.generator_core)
        memory = usage.ru_maxrss / 1024
        print(f"  {kind:<8} {memory:.1f} MiB at most; {json_of(text)['connections']['opened']} connections made")
        figures.below(f"memory in MiB, {kind}", memory, limit)


def memory(options, nginx, figures):
    """Resident memory of a load at full speed, each five seconds, and how it grows after the first minute."""
    seconds = round(options.memory * 60)
    options.seconds = seconds
    samples = []

    def watch(child):
        began = time.monotonic()
        # Before the load ends: at its end the reports are made.
        while time.monotonic() - began < seconds - 1:
            time.sleep(min(5, max(0.2, seconds / 12)))
            status = Path(f"/proc/{child.pid}/status").read_text()
            found = re.search(r"VmRSS:\s+(\d+) kB", status)
            if found and time.monotonic() - began < seconds:
                samples.append(((time.monotonic() - began) / 60, int(found.group(1)) / 1024))
                print(f"  {samples[-1][0]:6.2f} min {samples[-1][1]:8.2f} MiB", flush=True)

    print(f"resident memory of a load at full speed, {options.connections} connections, {options.memory:g} minutes")
    text, _ = measure(bench(options, f"http://127.0.0.1:{nginx.plain}/"), options.generator_core, watch)
    settled = [sample for sample in samples if sample[0] >= min(1, options.memory / 3)]
    if len(settled) < 3:
        fail("too short to say how memory grows")
    # The line of least squares.
    middle = statistics.fmean(x for x, _ in settled), statistics.fmean(y for _, y in settled)
    growth = sum((x - middle[0]) * (y - middle[1]) for x, y in settled) / sum((x - middle[0]) ** 2 for x, _ in settled)
    print(f"  {json_of(text)['completed']} requests; {growth:+.3f} MiB a minute after the first "
          f"{'minute' if options.memory >= 3 else 'third'}, {settled[0][1]:.2f} → {settled[-1][1]:.2f} MiB")
    # The heap takes three minutes to find its size: of four minutes the line is steeper than of ten.
    figures.below("growth of the memory in MiB a minute", growth, 0.25)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=__doc__.split("\n", 2)[2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, help="length of a load; 4, with --freeze 20")
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--tools", help="comma-separated: wrk,ab,h2load,hey; all that can by default")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--tls", action="store_true", help="compare over TLS 1.3")
    modes.add_argument("--handshakes", action="store_true", help="compare full TLS 1.3 handshakes a CPU-second")
    modes.add_argument("--journey", action="store_true", help="compare a three-step journey with wrk's plain requests")
    modes.add_argument("--freeze", action="store_true", help="what the tools print of a server that is stopped a while")
    modes.add_argument("--idle", type=int, metavar="N", help="measure the memory of so many idle connections")
    modes.add_argument("--lag", action="store_true", help="measure the schedule lag of an open load")
    modes.add_argument("--memory", type=float, metavar="MINUTES", help="measure how memory grows at full speed")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a figure is missed")
    parser.add_argument("--rate", type=int, default=10000, help="arrivals a second for --lag")
    parser.add_argument("--seawall", default=str(ROOT / ".build/release/seawall"))
    parser.add_argument("--generator-core", type=int, default=0)
    parser.add_argument("--server-core", type=int, default=1)
    options = parser.parse_args()
    options.tls = options.tls or options.handshakes
    options.seconds = options.seconds if options.seconds is not None else 20 if options.freeze else 4
    names = [name for name in TOOLS if not (options.handshakes and name == "h2load")]
    options.tools = names if options.tools is None else [name for name in options.tools.split(",") if name]
    if options.journey:
        options.tools = ["wrk"]
    if options.rounds < 1 or options.seconds < 1 or options.connections < 1:
        fail("--rounds, --seconds and --connections take whole numbers from 1")
    if options.idle is not None and not 1 <= options.idle <= 15000:
        fail("--idle takes 1 to 15000 connections")
    if options.memory is not None and not 0.1 <= options.memory <= 600:
        fail("--memory takes 0.1 to 600 minutes")
    if not os.access(options.seawall, os.X_OK):
        fail(f"there is no {options.seawall}; run make build first")
    mode = (
        idle if options.idle else lag if options.lag else memory if options.memory else journey if options.journey
        else freeze if options.freeze else compare)
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="seawall-peers-") as folder:
        os.chmod(folder, 0o755)
        nginx = Nginx(Path(folder), options.server_core)
        try:
            mode(options, nginx, figures)
        finally:
            nginx.stop()
    if options.check and figures.missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
