#!/usr/bin/env python3
"""Use a server of ours as a busy team would, for a long time, and watch what it keeps: disk, memory, jobs, times.

    python mixed_load.py --malkin PROGRAM --data FOLDER --fixtures FOLDER [--seconds S] [--share F] [--max-results SIZE] [--keep-results TIME] [--table FILE]

The folder holds a corpus (`malkin-bench corpus`). One client compares samples, asks about reports and executables, stores and deletes samples,
imports an export, checks rules, uploads files to triage, lists, searches, exports and reads results. Nothing is asked for that a stored answer
could serve. Every sample, record and import is deleted again after a while, so that the corpus stays as large as it is and only what expires can grow.
The pace follows the processor time of the server, so that it uses the share of one core that --share names.

Every ten seconds one row goes to the table: seconds, operations, bytes of the directory, of results, resident memory, jobs in the queue, jobs that
ended, median and 99th percentile of /version, processor share. Then come the largest figures of each quarter of the time. It is a failure when the
server ended, an answer was 5xx, results exceeded their setting by more than SLACK, or disk or memory of the last quarter exceed those of the one before by
more than GROWTH.
"""
import argparse
import collections
import gzip
import hashlib
import http.client
import json
import os
import random
import re
import sys
import threading
import time

from attack_server import at
from server import PATIENCE, SECOND, Server

EVERY = 10  # seconds
# Results younger than 30 seconds are never deleted, and what expires is looked for now and then.
SLACK = 16 << 20
GROWTH = 1.10
RULE = 'rule mixed_%d { strings: $a = { 55 8B EC %s } $b = "config%d" condition: any of them }'


class Client:
    """What the team does. Every method is one operation and is called with equal chances times its weight."""

    def __init__(self, server, fixtures, seed):
        self.server, self.random = server, random.Random(seed)
        self.connection = None
        self.statuses, self.operations, self.broken = collections.Counter(), collections.Counter(), collections.Counter()
        self.jobs = collections.deque(maxlen=200)
        self.uploads, self.records, self.imports = collections.deque(), collections.deque(), False
        with open(os.path.join(fixtures, "disasm/elf64_svm_cet_sev"), "rb") as file:
            self.program = file.read()
        with gzip.open(os.path.join(fixtures, "damaged/elf64_data_filesz_0.smda.gz")) as file:
            self.report = json.load(file)
        with open(os.path.join(fixtures, "golden/exports/programs-plain.mcrit"), "rb") as file:
            self.export = file.read()
        self.samples = [(int(key), value["statistics"]["num_functions"]) for key, value in self.ask("GET", "/samples")["data"].items()]
        small = sorted(self.samples, key=lambda sample: sample[1])[: max(1, 9 * len(self.samples) // 10)]
        self.samples = [sample for sample, _ in small]

    def ask(self, method, path, body=None, headers=None):
        for attempt in (0, 1):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=PATIENCE)
            try:
                self.connection.request(method, path, body, headers or {})
                answer = self.connection.getresponse()
                content = answer.read()
                break
            except (OSError, http.client.HTTPException):
                # An idle connection may be closed at any time; a second failure is one.
                self.connection.close()
                self.connection = None
                if attempt:
                    raise
        self.statuses["%dxx" % (answer.status // 100)] += 1
        if answer.status >= 500:
            self.broken["%s %s: %d" % (method, path[:40], answer.status)] += 1
        try:
            return json.loads(content) if content else None
        except ValueError:
            return None

    def job(self, answer):
        if isinstance(answer, dict) and isinstance(answer.get("data"), str):
            self.jobs.append(answer["data"])

    def any_sample(self):
        return self.random.choice(self.samples)

    def unlike(self):
        """The program with an overlay that no other has."""
        return self.program + self.random.randbytes(32)

    def match(self):
        self.job(self.ask("GET", "/matches/sample/%d?force_recalculation=true" % self.any_sample()))

    def match_pair(self):
        self.job(self.ask("GET", "/matches/sample/%d/%d?force_recalculation=true" % (self.any_sample(), self.any_sample())))

    def query_report(self):
        self.report["sha256"] = self.random.randbytes(32).hex()
        self.job(self.ask("POST", "/query?force_recalculation=true", json.dumps(self.report)))

    def query_binary(self):
        self.job(self.ask("POST", "/query/binary?force_recalculation=true", self.unlike()))

    def submit(self):
        data = self.unlike()
        self.job(self.ask("POST", "/samples/binary?filename=mixed.bin&family=mixed", data))
        self.uploads.append(hashlib.sha256(data).hexdigest())
        if len(self.uploads) > 40:
            self.delete_sample(self.uploads.popleft())

    def delete_sample(self, sha256):
        found = self.ask("GET", "/samples/sha256/%s" % sha256)
        if found and found.get("data"):
            self.ask("DELETE", "/samples/%d" % found["data"]["sample_id"])

    def triage(self):
        mark = "mixed%016x" % self.random.getrandbits(64)
        body = b"--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"mixed.bin\"\r\n\r\n%s\r\n--%s--\r\n" % (
            mark.encode(), self.unlike(), mark.encode())
        record = self.ask("POST", "/analyze/upload", body, {"Content-Type": "multipart/form-data; boundary=%s" % mark})
        if isinstance(record, dict) and "sha256" in json.dumps(record)[:100000]:
            self.records.append(find(record, "sha256"))
        if len(self.records) > 40:
            self.ask("POST", "/analyses/purge?sha256=%s" % self.records.popleft())

    def check_rule(self):
        number = self.random.getrandbits(32)
        self.job(self.ask("POST", "/uniqueblocks/check", RULE % (number, self.random.randbytes(4).hex(" "), number)))

    def unique_blocks(self):
        self.job(self.ask("GET", "/uniqueblocks/samples/%d?min_instructions=%d" % (self.any_sample(), 4 + self.random.randrange(20))))

    def take_in(self):
        """An import, and the next time the deletion of what it brought."""
        if self.imports:
            for sha256 in json.loads(self.export)["sample_entries"]:
                self.delete_sample(sha256)
        else:
            self.ask("POST", "/import", self.export)
        self.imports = not self.imports

    def listing(self):
        start = self.random.randrange(1000)
        self.ask("GET", self.random.choice([
            "/functions?start=%d&limit=200" % start, "/samples", "/families", "/jobs?limit=50&start=%d" % (start % 200), "/search/functions?query=sub&limit=100",
            "/search/samples?query=sample&limit=20", "/export/%d" % self.any_sample(), "/samples/%d/functions" % self.any_sample(), "/analyses?page_size=50", "/status"]))

    def result(self):
        if self.jobs:
            self.ask("GET", "/jobs/%s/result" % self.random.choice(self.jobs))

    WEIGHTS = {match: 24, match_pair: 10, query_report: 10, query_binary: 6, submit: 4, triage: 4, check_rule: 2, unique_blocks: 2, take_in: 0.3, listing: 15, result: 15}

    def step(self):
        work = self.random.choices(list(self.WEIGHTS), list(self.WEIGHTS.values()))[0]
        self.operations[work.__name__] += 1
        try:
            work(self)
        except (OSError, http.client.HTTPException, KeyError, TypeError, ValueError) as error:
            self.broken["%s: %r" % (work.__name__, error)] += 1


def find(value, key):
    """The first member of this name in a tree."""
    if isinstance(value, dict):
        if isinstance(value.get(key), str):
            return value[key]
        value = list(value.values())
    for each in value if isinstance(value, list) else []:
        found = find(each, key)
        if found:
            return found
    return None


def disk(folder):
    """Bytes that the files of the folder occupy."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(path, name)).st_blocks * 512
            except OSError:
                pass  # deleted meanwhile
    return total


def processor_seconds(server):
    with open("/proc/%d/stat" % server.process.pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def metric(text, name):
    found = re.search(r"^%s (\d+)" % re.escape(name), text, re.MULTILINE)
    return int(found.group(1)) if found else 0


class Watch(threading.Thread):
    """Asks for /version ten times a second from an address of its own."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.times, self.all, self.failures, self.ended = server, [], [], 0, threading.Event()

    def run(self):
        while not self.ended.wait(0.1):
            started = time.monotonic()
            try:
                self.server.get("/version", source=SECOND)
            except (OSError, http.client.HTTPException):
                self.failures += 1
            self.times.append(time.monotonic() - started)

    def take(self):
        times, self.times = self.times, []
        self.all += times
        return times


def size(text):
    found = re.fullmatch(r"(\d+)(KiB|MiB|GiB)", text)
    return int(found.group(1)) << {"KiB": 10, "MiB": 20, "GiB": 30}[found.group(2)]


def play(options, table):
    server = Server(options.malkin, options.data, options.address_space, [
        "--max-results", options.max_results, "--keep-results", options.keep_results])
    rows, pace = [], 0.1
    try:
        client, watch = Client(server, options.fixtures, 1), Watch(server)
        watch.start()
        empty = disk(options.data)
        print("%6s %8s %9s %9s %7s %7s %8s %7s %7s %6s" % ("s", "done", "disk MiB", "results", "RSS", "queued", "ended", "p50 ms", "p99 ms", "cpu"), file=table, flush=True)
        started = mark = time.monotonic()
        used = processor_seconds(server)
        while server.is_alive() and time.monotonic() - started < options.seconds:
            client.step()
            time.sleep(pace)
            now = time.monotonic()
            if now - mark < EVERY:
                continue
            after = processor_seconds(server)
            share, used = (after - used) / (now - mark), after
            mark = now
            pace = min(2.0, max(0.002, pace * (1.15 if share > options.share else 0.85)))
            metrics = server.get("/metrics")[1].decode()
            times = watch.take()
            queued = sum(int(n) for state, n in re.findall(r'^malkin_jobs\{.*state="(\w+)".*\} (\d+)', metrics, re.MULTILINE) if state not in ("finished", "failed", "terminated"))
            rows.append((now - started, disk(options.data), metric(metrics, "malkin_result_bytes"), server.resident(), metric(metrics, "malkin_ended_jobs"), at(times, 0.99)))
            print("%6.0f %8d %9.1f %9.1f %7.1f %7d %8d %7.1f %7.1f %6.2f" % (
                rows[-1][0], sum(client.operations.values()), rows[-1][1] / 2**20, rows[-1][2] / 2**20, rows[-1][3] / 2**20, queued, rows[-1][4],
                1000 * at(times, 0.5), 1000 * at(times, 0.99), share), file=table, flush=True)
        watch.ended.set()
        alive = server.is_alive()
        metrics = server.get("/metrics")[1].decode() if alive else ""
    finally:
        server.process.terminate()
        try:
            server.process.wait(90)
        except Exception:
            server.process.kill()
    return conclude(options, client, watch, rows, empty, alive, metrics)


def conclude(options, client, watch, rows, empty, alive, metrics):
    """Prints the largest figures of each quarter and returns what was missed."""
    limit = size(options.max_results)
    quarters = [rows[len(rows) * at // 4:len(rows) * (at + 1) // 4] or rows for at in range(4)]
    print("disk at the start %.1f MiB, --max-results %s, --keep-results %s" % (empty / 2**20, options.max_results, options.keep_results))
    print("%-9s %9s %9s %9s %9s %9s" % ("quarter", "disk MiB", "results", "RSS MiB", "ended", "p99 ms"))
    largest = []
    for at_, quarter in enumerate(quarters):
        largest.append([max(row[column] for row in quarter) for column in range(1, 6)])
        print("%-9d %9.1f %9.1f %9.1f %9d %9.1f" % (at_ + 1, largest[-1][0] / 2**20, largest[-1][1] / 2**20, largest[-1][2] / 2**20, largest[-1][3], 1000 * largest[-1][4]))
    print("operations: " + ", ".join("%s %d" % one for one in client.operations.most_common()))
    print("statuses: " + ", ".join("%s %d" % one for one in sorted(client.statuses.items())) + "; broken: %d" % sum(client.broken.values()))
    for what, count in client.broken.most_common(10):
        print("  %dx %s" % (count, what))
    print("expired: %d jobs, %.1f MiB" % (metric(metrics, "malkin_expired_jobs_total"), metric(metrics, "malkin_expired_bytes_total") / 2**20))
    print("/version: p50 %.1f ms, p99 %.1f ms, longest %.1f ms, %d failures" % (
        1000 * at(watch.all, 0.5), 1000 * at(watch.all, 0.99), 1000 * max(watch.all, default=0), watch.failures))
    missed = []
    if not alive:
        missed.append("the server ended")
    if client.broken or watch.failures:
        missed.append("broken answers")
    if max(row[2] for row in rows) > limit + SLACK:
        missed.append("results beyond their setting")
    for column, name in ((0, "disk"), (2, "memory")):
        if largest[3][column] > GROWTH * largest[2][column]:
            missed.append("%s grows" % name)
    return missed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--malkin", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--fixtures", required=True)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--max-results", default="64MiB")
    parser.add_argument("--keep-results", default="5m")
    parser.add_argument("--address-space", type=int, default=2 << 30)
    parser.add_argument("--table", help="file for the rows of every ten seconds; the terminal otherwise")
    options = parser.parse_args()
    table = open(options.table, "w") if options.table else sys.stdout
    missed = play(options, table)
    if missed:
        print("missed: " + ", ".join(missed))
    print("%d passed, %d failed" % (not missed, bool(missed)))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
