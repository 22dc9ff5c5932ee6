#!/usr/bin/env python3
"""Attack a server of ours in five ways, each for a while, and measure what another client sees.

    python attack_server.py --malkin PROGRAM --data FOLDER [--seconds S] [--address-space BYTES] [--attack NAME ...] [--strict]

The folder holds a corpus (`malkin bench corpus`). The attacks:

    unread   200 clients ask for all functions and for an export and read nothing
    all      100 clients ask for all functions at once and read as fast as they can
    idle     4,300 connections are opened and send nothing
    queue    10,000 comparisons are queued by one client
    uploads  16 clients upload files that ask for much work (hostile_files.py), to be triaged, queried and stored

A second client asks for /version ten times a second and for a small comparison every few seconds. One row for each attack: median and 99th
percentile of /version, longest small comparison, resident memory before, at most, and 30 seconds after, statuses of the attackers. The last
line is `N passed, N failed`: a target that is missed is a failure with --strict, and so is always a server that has ended.
"""
import argparse
import collections
import http.client
import json
import re
import socket
import subprocess
import sys
import threading
import time

import hostile_files

PATIENCE = 30  # seconds
VERSION_P99 = 0.100
MATCH = 2.0
MEMORY = 100 << 20
# The queue takes turns by address: the second client has one of its own.
SECOND = ("127.0.0.2", 0)


class Server:
    def __init__(self, malkin, data, space):
        limit = ["prlimit", "--as=%d" % space] if space else []
        self.process = subprocess.Popen(limit + [malkin, "serve", "--listen", "127.0.0.1:0", "--data", data], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if "listens on" not in line:
            raise SystemExit("the server does not start: %r" % line)
        self.host, port = line.strip().rsplit("//", 1)[1].split(":")
        self.port = int(port)

    def is_alive(self):
        return self.process.poll() is None

    def resident(self):
        try:
            with open("/proc/%d/status" % self.process.pid) as status:
                found = re.search(r"VmRSS:\s+(\d+)", status.read())
        except OSError:
            return 0
        return int(found.group(1)) << 10 if found else 0

    def get(self, path, method="GET", source=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE, source_address=source)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def data(self, path, method="GET", source=None):
        return json.loads(self.get(path, method, source)[1])["data"]


class Prober(threading.Thread):
    """The second client."""

    def __init__(self, server, sample):
        super().__init__(daemon=True)
        self.server, self.sample, self.ended = server, sample, threading.Event()
        self.version, self.matches, self.failures, self.peak = [], [], 0, 0

    def timed(self, times, work):
        started = time.monotonic()
        try:
            work()
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            self.failures += 1
        times.append(time.monotonic() - started)

    def match(self):
        job = self.server.data("/matches/sample/%d?force_recalculation=true" % self.sample, source=SECOND)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.server.data("/jobs/%s" % job, source=SECOND)["finished_at"]:
                return
            time.sleep(0.02)

    def run(self):
        matcher = threading.Thread(target=self.run_matches, daemon=True)
        matcher.start()
        while not self.ended.is_set():
            self.timed(self.version, lambda: self.server.get("/version", source=SECOND))
            self.peak = max(self.peak, self.server.resident())
            self.ended.wait(0.1)
        matcher.join(PATIENCE)

    def run_matches(self):
        while not self.ended.is_set():
            self.timed(self.matches, self.match)
            self.ended.wait(3)


def ask(server, path):
    connection = socket.create_connection((server.host, server.port), PATIENCE)
    connection.sendall(("GET %s HTTP/1.1\r\nHost: %s:%d\r\n\r\n" % (path, server.host, server.port)).encode())
    return connection


def unread(server, until, told):
    paths = ["/functions", "/export"]
    held = []
    for at in range(200):
        try:
            held.append(ask(server, paths[at % 2]))
        except OSError:
            told["refused"] += 1
    while time.monotonic() < until:
        time.sleep(0.2)
    for connection in held:
        try:
            told[connection.recv(12)[9:12].decode() or "closed"] += 1
        except OSError:
            told["closed"] += 1
        connection.close()


def all_functions(server, until, told):
    def client():
        while time.monotonic() < until and server.is_alive():
            try:
                connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
                connection.request("GET", "/functions")
                answer = connection.getresponse()
                while time.monotonic() < until and answer.read(1 << 16):
                    pass
                told[str(answer.status)] += 1
                connection.close()
                time.sleep(0.5 if answer.status == 429 else 0)
            except (OSError, http.client.HTTPException):
                told["broken"] += 1
                time.sleep(0.5)
    clients = [threading.Thread(target=client, daemon=True) for _ in range(100)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()


def idle(server, until, told):
    held = []
    for _ in range(4300):
        try:
            held.append(socket.create_connection((server.host, server.port), 1))
            told["opened"] += 1
        except OSError:
            told["refused"] += 1
    while time.monotonic() < until:
        time.sleep(0.2)
    for connection in held:
        connection.close()


def queue(server, until, told):
    def client(part):
        connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
        for _ in range(part):
            if time.monotonic() > until:
                return
            try:
                connection.request("GET", "/matches/sample/1?force_recalculation=true", headers={"username": "crowd"})
                answer = connection.getresponse()
                answer.read()
                told[str(answer.status)] += 1
            except (OSError, http.client.HTTPException):
                told["broken"] += 1
                connection.close()
    clients = [threading.Thread(target=client, args=(1250,), daemon=True) for _ in range(8)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    while time.monotonic() < until:
        time.sleep(0.2)


def form(name, content):
    edge = "0123456789abcdef"
    head = '--%s\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n' % (edge, name)
    return "multipart/form-data; boundary=" + edge, head.encode() + content + ("\r\n--%s--\r\n" % edge).encode()


def post(server, path, kind, body, source=None, patience=120):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=patience, source_address=source)
    try:
        connection.request("POST", path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def uploads(server, until, told):
    """The second client uploads a file of 1 kB again and again, each with another content; its longest wait is a small comparison."""
    files = hostile_files.all_kinds()

    def attacker(number):
        turn = number
        while time.monotonic() < until and server.is_alive():
            name, content = files[turn % len(files)]
            # Another content each time, so that no stored record answers.
            content += b"%d-%d" % (number, turn)
            path = ("/analyze/upload", "/query/binary", "/samples/binary?filename=a&family=&version=&is_dump=false")[turn // len(files) % 3]
            kind, body = form(name, content) if path.startswith("/analyze") else ("application/octet-stream", content)
            try:
                told[str(post(server, path, kind, body))] += 1
            except (OSError, http.client.HTTPException):
                told["broken"] += 1
            turn += 1

    attackers = [threading.Thread(target=attacker, args=(number,), daemon=True) for number in range(16)]
    for each in attackers:
        each.start()
    times = []
    while time.monotonic() < until and server.is_alive():
        kind, body = form("small.bin", b"small file %d " % len(times) * 60)
        started = time.monotonic()
        status = post(server, "/analyze/upload", kind, body, SECOND)
        times.append(time.monotonic() - started)
        if status != 200:
            told["small %d" % status] += 1
        time.sleep(0.5)
    for each in attackers:
        each.join(PATIENCE)
    told["small uploads"] = len(times)
    told["longest ms"] = round(1000 * max(times, default=0))


ATTACKS = {"unread": unread, "all": all_functions, "idle": idle, "queue": queue, "uploads": uploads}


def at(times, share):
    times = sorted(times)
    return times[min(len(times) - 1, int(len(times) * share))] if times else float("nan")


def play(name, options):
    """Row and missed targets of an attack. Each has a server of its own, so that memory is measured apart."""
    server = Server(options.malkin, options.data, options.address_space)
    try:
        samples = server.data("/samples?limit=200")
        sample = min(samples.values(), key=lambda sample: sample["statistics"]["num_functions"])["sample_id"]
        server.get("/functions?limit=2000")
        before = server.resident()
        prober, told = Prober(server, sample), collections.Counter()
        prober.start()
        ATTACKS[name](server, time.monotonic() + options.seconds, told)
        prober.ended.set()
        prober.join(2 * PATIENCE)
        if name == "queue" and server.is_alive():
            server.get("/jobs", "DELETE")
        deadline = time.monotonic() + 30
        while server.is_alive() and time.monotonic() < deadline and server.resident() > before + MEMORY:
            time.sleep(0.5)
        after = server.resident()
        missed = []
        if not server.is_alive():
            missed.append("the server ended (%s)" % server.process.returncode)
        if at(prober.version, 0.99) > VERSION_P99:
            missed.append("/version")
        if max(prober.matches, default=0) > MATCH:
            missed.append("small comparison")
        if after > before + MEMORY:
            missed.append("memory")
        if told.get("longest ms", 0) > 1000 * MATCH:
            missed.append("small upload")
        if prober.failures:
            missed.append("%d failures" % prober.failures)
        statuses = " ".join("%sx%d" % item for item in sorted(told.items()))
        print("%-7s %9.1f %9.1f %9.2f %8d %8d %8d  %-30s %s" % (
            name, 1000 * at(prober.version, 0.5), 1000 * at(prober.version, 0.99), max(prober.matches, default=float("nan")),
            before >> 20, prober.peak >> 20, after >> 20, statuses, "missed: " + ", ".join(missed) if missed else ""), flush=True)
        return missed
    finally:
        server.process.kill()
        server.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--malkin", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--address-space", type=int, default=2 << 30)
    parser.add_argument("--attack", action="append", choices=sorted(ATTACKS))
    parser.add_argument("--strict", action="store_true")
    options = parser.parse_args()
    print("%-7s %9s %9s %9s %8s %8s %8s  %s" % ("attack", "p50 ms", "p99 ms", "match s", "MiB", "peak", "after", "answers"))
    passed = failed = 0
    for name in options.attack or list(ATTACKS):
        missed = play(name, options)
        is_failure = any("ended" in one for one in missed) or options.strict and missed
        passed, failed = passed + (not is_failure), failed + bool(is_failure)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
