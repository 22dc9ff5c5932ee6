#!/usr/bin/env python3
"""Kill a server with SIGKILL again and again while clients submit, match, delete and export, and see what is left after each restart.

    python kill_server.py --malkin PROGRAM --report FILE --data FOLDER [--rounds N] [--seed N] [-v]

After every restart each sample whose submission was answered (and that nobody deleted) has to be there with all its functions, each whose deletion
was done has to be gone, and every job has to end: finished, or failed with a reason. One line per defect, last `N passed, N failed`.
"""
import argparse
import gzip
import hashlib
import http.client
import json
import random
import subprocess
import sys
import threading
import time

PATIENCE = 60  # seconds


class Server:
    def __init__(self, malkin, data):
        self.process = subprocess.Popen([malkin, "serve", "--listen", "127.0.0.1:0", "--data", data, "--workers", "2"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if "listens on" not in line:
            raise SystemExit("the server does not start: %r" % line)
        self.address = line.strip().rsplit("//", 1)[1]

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def kill(self):
        self.process.kill()
        self.process.wait()


class Round:
    """What clients do until the server is gone, and what they were told."""

    def __init__(self, server, report, known, number, seed):
        self.server, self.report, self.known = server, report, known
        self.random = random.Random("%d %d" % (seed, number))
        self.number, self.count = number, 0
        self.acknowledged, self.deleted, self.lock = {}, set(), threading.Lock()
        self.doubtful = set()  # deletions that were asked for and may or may not have happened

    def until_dead(self, work):
        while True:
            try:
                work()
            except (OSError, http.client.HTTPException, ValueError):
                return

    def submit(self):
        with self.lock:
            self.count += 1
            name = "round %d number %d" % (self.number, self.count)
        document = dict(self.report, sha256=hashlib.sha256(name.encode()).hexdigest())
        document["metadata"] = dict(document["metadata"], family="family %d" % (self.count % 7), filename=name)
        status, answer = self.server.call("POST", "/samples", json.dumps(document))
        if status == 200:
            with self.lock:
                self.acknowledged[document["sha256"]] = answer["data"]["sample_info"]["sample_id"]

    def ask(self):
        with self.lock:
            numbers = list(self.known.values()) + list(self.acknowledged.values())
        if numbers:
            self.server.call("GET", "/matches/sample/%d?force_recalculation=true" % self.random.choice(numbers))
        self.server.call("GET", "/export?compress=true")
        time.sleep(0.01)

    def delete(self):
        time.sleep(0.1)
        with self.lock:
            left = [sha256 for sha256 in self.known if sha256 not in self.deleted and sha256 not in self.doubtful]
            if len(left) < 20:
                return
            sha256 = self.random.choice(left)
            self.doubtful.add(sha256)
        status, answer = self.server.call("DELETE", "/samples/%d" % self.known[sha256])
        job = answer["data"]
        if isinstance(job, str):
            for _ in range(200):
                _, document = self.server.call("GET", "/jobs/%s" % job)
                if document["data"] and document["data"]["result"]:
                    with self.lock:
                        self.deleted.add(sha256)
                    return
                time.sleep(0.01)

    def play(self):
        threads = [threading.Thread(target=self.until_dead, args=(work,), daemon=True) for work in (self.submit, self.submit, self.ask, self.delete)]
        for thread in threads:
            thread.start()
        time.sleep(self.random.uniform(0.2, 1.2))
        self.server.kill()
        for thread in threads:
            thread.join(PATIENCE)


def defects(server, expected, gone, functions):
    """What is not as it was told."""
    # Deletions that were waiting are carried out first, so that nothing changes while it is looked at.
    deadline = time.monotonic() + PATIENCE
    while True:
        status, answer = server.call("GET", "/jobs?limit=5000")
        jobs = answer["data"]
        open_jobs = [job for job in jobs if not job["result"] and job["attempts_left"] > 0 and not job["terminated"]]
        if not open_jobs:
            break
        if time.monotonic() > deadline:
            yield "%d jobs do not end, for example %s" % (len(open_jobs), open_jobs[0]["_id"])
            break
        time.sleep(0.1)
    for job in jobs:
        if not job["result"] and not job["terminated"] and not job["last_error"]:
            yield "job %s failed without a reason" % job["_id"]
    status, answer = server.call("GET", "/samples")
    stored = {sample["sha256"]: sample for sample in answer["data"].values()}
    for sha256 in expected:
        if sha256 not in stored:
            yield "an acknowledged sample is lost: %s" % sha256
    for sha256 in gone:
        if sha256 in stored:
            yield "a deleted sample is back: %s" % sha256
    for sample in random.Random(1).sample(list(stored.values()), min(20, len(stored))):
        status, answer = server.call("GET", "/samples/%d/functions" % sample["sample_id"])
        if len(answer["data"]) != functions:
            yield "sample %d has %d functions instead of %d" % (sample["sample_id"], len(answer["data"]), functions)
    status, answer = server.call("GET", "/status")
    counts = answer["data"]["status"]
    if counts["num_samples"] != len(stored) or counts["num_functions"] != functions * len(stored):
        yield "the counts are %r for %d samples" % (counts, len(stored))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("malkin", "report", "data"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-v", action="store_true")
    args = parser.parse_args()
    with gzip.open(args.report) as fin:
        report = json.loads(fin.read())
    functions = len(report["xcfg"])
    known, gone, passed, failed, submitted = {}, set(), 0, 0, 0
    server = Server(args.malkin, args.data)
    for number in range(args.rounds):
        played = Round(server, report, known, number, args.seed)
        played.play()
        submitted += len(played.acknowledged)
        known.update(played.acknowledged)
        gone |= played.deleted
        for sha256 in played.deleted | played.doubtful:
            known.pop(sha256, None)
        server = Server(args.malkin, args.data)
        found = list(defects(server, known, gone, functions))
        for defect in found:
            print("FAIL round %d: %s" % (number, defect), flush=True)
        failed += bool(found)
        passed += not found
        if args.v:
            print("round %d: %d acknowledged, %d deleted, %d there" % (number, len(played.acknowledged), len(played.deleted), len(known)), flush=True)
    server.process.terminate()
    ended = server.process.wait(PATIENCE)
    print("%d submissions acknowledged in %d rounds; the server ends with %d" % (submitted, args.rounds, ended))
    print("%d passed, %d failed" % (passed, failed + (ended != 0)))
    return 0 if failed == 0 and passed > 0 and ended == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
