#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seawall's engine beside other load generators, against the same nginx, in interleaved rounds.

One core for the server and one for the generator. Each round runs every tool once, in an order that rotates; what counts is
requests per CPU-second of the generator (user + system time, from the kernel's accounting of the child), as a ratio to wrk in
the same round. Traffic goes to loopback only; nginx is a private instance on free ports that ends with the script.

    Benchmarks/peers/compare.py [--rounds 7] [--seconds 4] [--connections 50] [--tools wrk,ab,h2load]
        [--tls | --handshakes | --lag --rate 10000 | --idle 10000]

--tls compares over TLS 1.3; --handshakes does with a new connection, and a full handshake, for each request; --lag measures
the schedule lag of an open load, and --idle the memory for idle keep-alive connections, both of Seawall alone.
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
PACKAGES = {"nginx": "nginx-light", "wrk": "wrk", "ab": "apache2-utils", "h2load": "nghttp2-client", "hey": "hey"}


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
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
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
                }}
            }}
        """)
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), require("nginx"), "-p", str(folder), "-c", str(configuration)])
        for _ in range(100):
            if self.process.poll() is not None:
                fail(f"nginx did not start: {(folder / 'error.log').read_text().strip()}")
            try:
                socket.create_connection(("127.0.0.1", self.plain), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        fail("nginx did not answer within 5 s")

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def measure(command, core, accepted=(0,)):
    """Runs a command on one core; returns its output and its CPU seconds."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(["taskset", "-c", str(core)] + command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if child.returncode not in accepted:
        fail(f"{' '.join(command)} ended with {child.returncode}:\n{text}")
    return text, usage.ru_utime + usage.ru_stime


def seawall(binary, url, options, extra=()):
    command = [
        binary, "bench", url, "--connections", str(options.connections), "--duration", f"{options.seconds}s", "--json",
        *extra]
    return command, lambda text: json.loads(text)["completed"]


def number(pattern):
    return lambda text: int(re.search(pattern, text).group(1))


def tools(options, nginx):
    """Command line and request counter of every tool that takes part."""
    url = f"https://127.0.0.1:{nginx.tls}/" if options.tls else f"http://127.0.0.1:{nginx.plain}/"
    n, seconds = options.connections, options.seconds
    trust = ["--roots", str(nginx.certificate)] if options.tls else []
    closing = ["-H", "Connection: close"] if options.handshakes else []
    if options.handshakes:
        trust += ["--strategy", "per-request", "--no-resumption"]
    known = {
        "seawall": lambda: seawall(options.seawall, url, options, trust),
        "wrk": lambda: (
            [require("wrk"), "-t1", f"-c{n}", f"-d{seconds}s", *closing, url], number(r"(\d+) requests in")),
        "ab": lambda: (
            [require("ab"), "-q", "-k", "-c", str(n), "-t", str(seconds), "-n", "100000000", url],
            number(r"Complete requests:\s+(\d+)")),
        "h2load": lambda: (
            [require("h2load"), "--h1", "-t1", f"-c{n}", f"-D{seconds}", url], number(r"requests: (\d+) total")),
        "hey": lambda: (
            [require("hey"), "-cpus", "1", "-c", str(n), "-z", f"{seconds}s", url], number(r"\[200\]\s+(\d+) responses")),
    }
    chosen = ["seawall"] + [name for name in options.tools.split(",") if name]
    for name in chosen:
        if name not in known:
            fail(f"unknown tool {name}; known: {', '.join(known)}")
    return {name: known[name]() for name in chosen}


def spread(values, form):
    return f"{form(statistics.median(values))} [{form(min(values))} … {form(max(values))}]"


def compare(options, nginx):
    contestants = tools(options, nginx)
    rates = {name: [] for name in contestants}
    names = list(contestants)
    for round_number in range(options.rounds):
        shift = round_number % len(names)
        for name in names[shift:] + names[:shift]:
            command, count = contestants[name]
            text, cpu = measure(command, options.generator_core)
            rates[name].append(count(text) / cpu)
        print(f"round {round_number + 1} of {options.rounds} done", file=sys.stderr)
    kind = "HTTPS (TLS 1.3)" if options.tls else "plain HTTP"
    if options.handshakes:
        kind = "full TLS 1.3 handshakes (a connection for each request)"
    print(f"{kind}, {options.connections} connections, closed loop, {options.rounds} rounds of {options.seconds} s: median [min … max]")
    print(f"  {'tool':<9}{'thousand requests per CPU-second':<36}ratio to wrk in the same round")
    for name in names:
        ratio = "-"
        if "wrk" in rates:
            ratio = spread([a / b for a, b in zip(rates[name], rates["wrk"])], lambda value: f"{value:.3f}")
        print(f"  {name:<9}{spread([rate / 1000 for rate in rates[name]], lambda value: f'{value:.1f}'):<36}{ratio}")


def lag(options, nginx):
    """Schedule lag of an open load on an otherwise idle machine."""
    url = f"http://127.0.0.1:{nginx.plain}/"
    rows = []
    for _ in range(options.rounds):
        command, _ = seawall(options.seawall, url, options, ["--rate", str(options.rate)])
        # 4: the generator found its own lateness too great; the figures then show how great.
        text, _ = measure(command, options.generator_core, accepted=(0, 4))
        rows.append(json.loads(text))
    print(f"schedule lag at {options.rate}/s, {options.rounds} rounds of {options.seconds} s: median [min … max]")
    for name, key in (("p50", "scheduleLagP50Microseconds"), ("p99", "scheduleLagP99Microseconds")):
        print(f"  {name} {spread([row[key] for row in rows], lambda value: f'{value:.0f} µs')}")
    print(f"  verdicts {', '.join(row['verdict'] for row in rows)}")
    print(f"  achieved {spread([row['completedPerSecond'] for row in rows], lambda value: f'{value:.1f}/s')}")


def idle(options, nginx):
    """Memory of the generator with many idle keep-alive connections, plain and over TLS: the highest it ever had."""
    # All the handshakes are to be done, and all connections still open, for a while.
    seconds = max(options.seconds, 20)
    print(f"memory with {options.idle} idle keep-alive connections, all told")
    for kind, url, extra in (
        ("plain", f"http://127.0.0.1:{nginx.plain}/", []),
        ("TLS 1.3", f"https://127.0.0.1:{nginx.tls}/", ["--roots", str(nginx.certificate)]),
    ):
        # A user for each connection, who asks once and then thinks for as long as the load lasts.
        command = [
            options.seawall, "bench", url, "--connections", str(options.idle), "--duration", f"{seconds}s",
            "--strategy", "per-user", "--think", f"{seconds}s", "--connect-timeout", "60s", "--json", *extra]
        usage = measure_memory(command, options.generator_core)
        print(f"  {kind:<8} {usage[0] / 1024:.1f} MiB at most; {usage[1]} connections made")


def measure_memory(command, core):
    """Highest resident memory of a load in KiB, and the connections that it made."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(["taskset", "-c", str(core)] + command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if child.returncode not in (0, 4):
        fail(f"{' '.join(command)} ended with {child.returncode}:\n{text}")
    return usage.ru_maxrss, json.loads(text)["connections"]["opened"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--tools", default="wrk", help="comma-separated: wrk,ab,h2load,hey")
    parser.add_argument("--tls", action="store_true", help="compare over TLS 1.3")
    parser.add_argument("--handshakes", action="store_true", help="compare full TLS 1.3 handshakes a CPU-second")
    parser.add_argument("--idle", type=int, help="measure the memory of so many idle connections instead")
    parser.add_argument("--lag", action="store_true", help="measure the schedule lag of an open load instead")
    parser.add_argument("--rate", type=int, default=10000, help="arrivals a second for --lag")
    parser.add_argument("--seawall", default=str(ROOT / ".build/release/seawall"))
    parser.add_argument("--generator-core", type=int, default=0)
    parser.add_argument("--server-core", type=int, default=1)
    options = parser.parse_args()
    options.tls = options.tls or options.handshakes
    if options.rounds < 1 or options.seconds < 1 or options.connections < 1:
        fail("--rounds, --seconds and --connections take whole numbers from 1")
    if options.idle is not None and not 1 <= options.idle <= 15000:
        fail("--idle takes 1 to 15000 connections")
    if not os.access(options.seawall, os.X_OK):
        fail(f"there is no {options.seawall}; run make build first")
    with tempfile.TemporaryDirectory(prefix="seawall-peers-") as folder:
        os.chmod(folder, 0o755)
        nginx = Nginx(Path(folder), options.server_core)
        try:
            (idle if options.idle else lag if options.lag else compare)(options, nginx)
        finally:
            nginx.stop()


if __name__ == "__main__":
    main()
