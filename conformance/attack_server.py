#!/usr/bin/env python3
"""Attack a server of ours in five ways, each for a while, and measure what another client sees.

    python attack_server.py --malkin PROGRAM --data FOLDER [--seconds S] [--address-space BYTES] [--attack NAME ...] [--strict]

The folder holds a corpus (`malkin-bench corpus`). The attacks:

    unread   200 clients ask for all functions and for an export and read nothing
    all      100 clients ask for all functions at once and read as fast as they can
    idle     4,300 connections are opened and send nothing
    queue    10,000 comparisons are queued by one client
    uploads  16 clients, each with an address of its own, upload files that ask for much work (hostile_files.py, hostile_code.py), to be
             triaged, queried and stored

A second client asks for /version ten times a second and for a small comparison every few seconds; beside hostile uploads it uploads files of 1 kB
too, to triage and as queries. One row for each attack: median and 99th percentile of /version, longest small comparison or upload (a query until its
job has ended), resident memory before, at most, and 30 seconds after, statuses of the attackers. The last line is `N passed, N failed`: a target that is missed is a failure with --strict, and so is always a server that has ended.
"""
import argparse
import collections
import http.client
import json
import multiprocessing
import re
import socket
import subprocess
import sys
import threading
import time

import hostile_code
import hostile_files
from server import PATIENCE, SECOND, Server

VERSION_P99 = 0.100
MATCH = 2.0
UPLOAD = 2.0
MEMORY = 100 << 20


class Prober(threading.Thread):
    """The second client."""

    def __init__(self, server, sample, with_uploads):
        super().__init__(daemon=True)
        self.server, self.sample, self.ended, self.with_uploads = server, sample, threading.Event(), with_uploads
        self.version, self.matches, self.uploads, self.failures, self.peak, self.number = [], [], [], 0, 0, 0

    def timed(self, times, work):
        started = time.monotonic()
        try:
            work()
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            self.failures += 1
        times.append(time.monotonic() - started)

    def match(self):
        self.server.wait_for(self.server.data("/matches/sample/%d?force_recalculation=true" % self.sample, source=SECOND), SECOND)

    def examine(self):
        if self.server.examine(self.small_file(), SECOND) != 200:
            raise OSError("a small file is refused")

    def query(self):
        self.server.wait_for(self.server.data("/query/binary", "POST", SECOND, self.small_file()), SECOND)

    def small_file(self):
        self.number += 1
        return hostile_code.elf(self.number, 1024, 1024, b"")

    def run(self):
        others = [threading.Thread(target=self.repeat, args=(3, self.matches, self.match), daemon=True)]
        if self.with_uploads:
            others += [threading.Thread(target=self.repeat, args=(0.5, self.uploads, work), daemon=True) for work in (self.examine, self.query)]
        for other in others:
            other.start()
        while not self.ended.is_set():
            self.timed(self.version, lambda: self.server.get("/version", source=SECOND))
            self.peak = max(self.peak, self.server.resident())
            self.ended.wait(0.1)
        for other in others:
            other.join(PATIENCE)

    def repeat(self, pause, times, work):
        while not self.ended.is_set():
            self.timed(times, work)
            self.ended.wait(pause)


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


def unlike(content, number):
    """The same file with a part that no other has: where text begins, in the time of gzip, after the end of all else."""
    mark = number.to_bytes(4, "little")
    if content[:2] == b"\x1f\x8b":
        return content[:4] + mark + content[8:]
    return b"%08x" % number + content if content[:1].isdigit() else content + mark


def upload(server, at, until, contents, told):
    source, number = ("127.0.1.%d" % (at + 1), 0), 0
    while time.monotonic() < until:
        number += 1
        content = unlike(contents[(at + number) % len(contents)], 100000 * at + number)
        try:
            if at % 2 == 0:
                told.append(str(server.examine(content, source, 120)))
                continue
            path = "/samples/binary?filename=hostile&family=hostile" if at % 4 == 1 else "/query/binary"
            status, answer = server.get(path, "POST", source, content, patience=120)
            told.append(str(status))
            if status < 300:
                server.wait_for(json.loads(answer)["data"], source, until - time.monotonic())
        except (OSError, http.client.HTTPException, KeyError, TypeError, ValueError):
            if time.monotonic() < until:
                told.append("broken")


def uploads(server, until, contents, results):
    told = []
    clients = [threading.Thread(target=upload, args=(server, at, until, contents, told), daemon=True) for at in range(16)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    results.put(told)


def hostile_uploads(server, until, told):
    # In a process of its own: the second client would wait for this one's interpreter, and that would count as the server's time.
    results = multiprocessing.Queue()
    contents = [make(1) for make in hostile_code.KINDS.values()] + [content for _, content in hostile_files.all_kinds()]
    process = multiprocessing.Process(target=uploads, args=(server, until, contents, results), daemon=True)
    process.start()
    told.update(results.get())
    process.join()


ATTACKS = {"unread": unread, "all": all_functions, "idle": idle, "queue": queue, "uploads": hostile_uploads}


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
        prober, told = Prober(server, sample, name == "uploads"), collections.Counter()
        prober.start()
        ATTACKS[name](server, time.monotonic() + options.seconds, told)
        prober.ended.set()
        prober.join(2 * PATIENCE)
        if name in ("queue", "uploads") and server.is_alive():
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
        if max(prober.uploads, default=0) > UPLOAD:
            missed.append("small upload")
        if after > before + MEMORY:
            missed.append("memory")
        if prober.failures:
            missed.append("%d failures" % prober.failures)
        statuses = " ".join("%sx%d" % item for item in sorted(told.items()))
        uploads = "uploads %dx, p50 %.2f, longest %.2f s" % (len(prober.uploads), at(prober.uploads, 0.5), max(prober.uploads)) if prober.uploads else ""
        print("%-15s %9.1f %9.1f %9.2f %8d %8d %8d  %-30s %s %s" % (
            name, 1000 * at(prober.version, 0.5), 1000 * at(prober.version, 0.99), max(prober.matches, default=float("nan")),
            before >> 20, prober.peak >> 20, after >> 20, statuses, uploads, "missed: " + ", ".join(missed) if missed else ""), flush=True)
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
    print("%-15s %9s %9s %9s %8s %8s %8s  %s" % ("attack", "p50 ms", "p99 ms", "match s", "MiB", "peak", "after", "answers"))
    passed = failed = 0
    for name in options.attack or list(ATTACKS):
        missed = play(name, options)
        is_failure = any("ended" in one for one in missed) or options.strict and missed
        passed, failed = passed + (not is_failure), failed + bool(is_failure)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
