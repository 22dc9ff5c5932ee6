#!/usr/bin/env python3
"""Replay the recorded transcripts while a second client reads from the same server.

    python replay_under_load.py --replay REPLAY.PY --load URL [arguments of replay.py...]

The second client asks only what leaves no trace in the transcripts: nothing that makes a job, a label or a number. Whatever it meets, also in the
middle of a reset, has to be a whole answer below 500. One line per defect, last `N passed, N failed`: the steps of the replay and the load as one more.
"""
import argparse
import collections
import http.client
import json
import re
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

CLIENTS = 3
PAUSE = 0.002  # seconds between two requests of a client: the load is to disturb, not to measure
TIMEOUT = 60  # seconds
LEAST = 100  # requests; fewer were no load
REQUESTS = [
    ("GET", "/status?with_pichash=true", None), ("GET", "/samples?start=1&limit=3", None), ("GET", "/samples/0", None), ("GET", "/samples/1/functions", None),
    ("GET", "/families/1", None), ("GET", "/functions/3?with_xcfg=true", None), ("GET", "/functions?limit=5", None), ("POST", "/functions", "0,1,2,3"),
    ("GET", "/search/samples?query=a&sort_by=filename", None), ("GET", "/search/functions?query=sub", None), ("GET", "/matches/function/0/1", None),
    ("GET", "/jobs?limit=20", None), ("GET", "/jobs/stats", None), ("GET", "/export/0,1?compress=true", None), ("GET", "/no/such/path", None),
]


class Load:
    """Clients that read until they are told to stop."""

    def __init__(self, url):
        self.address, self.stop, self.lock = urlsplit(url).netloc, threading.Event(), threading.Lock()
        self.statuses, self.defects = collections.Counter(), []
        self.threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(CLIENTS)]

    def run(self, number):
        while not self.stop.is_set():
            method, path, body = REQUESTS[number % len(REQUESTS)]
            number += 1
            try:
                status = self.ask(method, path, body)
                defect = "%s %s: status %d" % (method, path, status) if status >= 500 else None
            except (OSError, http.client.HTTPException, ValueError) as error:
                status, defect = 0, "%s %s: %s: %s" % (method, path, type(error).__name__, error)
            with self.lock:
                self.statuses[status] += 1
                if defect:
                    self.defects.append(defect)
            time.sleep(PAUSE)

    def ask(self, method, path, body):
        connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT)
        try:
            connection.request(method, path, body, {"Content-Type": "text/plain"} if body else {})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status == 200:
                json.loads(text)
            return answer.status
        finally:
            connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(TIMEOUT)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--replay", required=True)
    parser.add_argument("--load", required=True, help="the server that the second client reads from")
    args, rest = parser.parse_known_args()
    passed = failed = 0
    with Load(args.load) as load:
        replay = subprocess.Popen([sys.executable, args.replay] + rest, stdout=subprocess.PIPE, text=True)
        for line in replay.stdout:
            counts = re.match(r"(\d+) passed, (\d+) failed", line)
            if counts:
                passed, failed = int(counts.group(1)), int(counts.group(2))
            else:
                print(line, end="", flush=True)
        ended = replay.wait()
    if ended != 0 and failed == 0:
        print("FAIL the replay ended with %d" % ended)
        failed += 1
    for defect in load.defects[:10]:
        print("FAIL second client: %s" % defect)
    requests, answered = sum(load.statuses.values()), load.statuses[200]
    print("the second client had %d answers: %s" % (requests, ", ".join("%d times %d" % (count, status) for status, count in sorted(load.statuses.items()))))
    loaded = answered >= LEAST and not load.defects
    if answered < LEAST:
        print("FAIL second client: only %d requests found something to read" % answered)
    print("%d passed, %d failed" % (passed + loaded, failed + (not loaded)))
    return 0 if failed == 0 and passed > 0 and loaded else 1


if __name__ == "__main__":
    sys.exit(main())
