#!/usr/bin/env python3
"""Queue many comparisons on a server of ours and measure what the queue costs.

    python queue_load.py --malkin PROGRAM --data FOLDER [--jobs N]

The folder holds a corpus (`malkin-bench corpus`). One client queues N comparisons of a sample (eight connections). Then: times of listings, counts and
one record, a small comparison of a second client until its job has ended, resident memory, and the time of a start with all of them queued. The last
line is `N passed, N failed`: it is a failure when jobs are refused or lost, or the small comparison takes more than two seconds.
"""
import argparse
import http.client
import statistics
import sys
import threading
import time

from attack_server import MATCH
from server import PATIENCE, SECOND, Server


def fill(server, count):
    refused = []

    def client(part):
        connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
        for _ in range(part):
            connection.request("GET", "/matches/sample/1?force_recalculation=true")
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                refused.append(answer.status)
    clients = [threading.Thread(target=client, args=(count // 8,)) for _ in range(8)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    return len(refused)


def timed(work, times=5):
    taken = []
    for _ in range(times):
        started = time.monotonic()
        work()
        taken.append(time.monotonic() - started)
    return 1000 * statistics.median(taken)


def small_of(server):
    return lambda: server.wait_for(server.data("/matches/sample/2?force_recalculation=true", source=SECOND), SECOND)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--malkin", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--jobs", type=int, default=100_000)
    options = parser.parse_args()
    settings = ["--max-queued", str(2 * options.jobs)]
    server = Server(options.malkin, options.data, 0, settings)
    try:
        server.get("/functions?limit=2000")
        before, started = server.resident(), time.monotonic()
        refused = fill(server, options.jobs)
        print("queued %d in %.1f s, %d refused; resident %d MiB before, %d after" % (
            options.jobs, time.monotonic() - started, refused, before >> 20, server.resident() >> 20), flush=True)
        for path in ("/jobs?limit=50", "/jobs?state=queued&limit=50", "/jobs?start=90000&limit=50", "/jobs/stats", "/metrics"):
            print("%-32s %8.1f ms" % (path, timed(lambda: server.get(path))), flush=True)
        print("%-32s %8.1f ms" % ("/jobs (all of them)", timed(lambda: server.get("/jobs"), 1)), flush=True)
        longest = timed(small_of(server))
        print("%-32s %8.1f ms" % ("small comparison of another", longest), flush=True)
    finally:
        server.process.terminate()
        server.process.wait(90)
    started = time.monotonic()
    server = Server(options.malkin, options.data, 0, settings)
    try:
        print("%-32s %8.1f ms" % ("start with them queued", 1000 * (time.monotonic() - started)))
        print("%-32s %8.1f ms" % ("small comparison of another", timed(small_of(server))))
        started = time.monotonic()
        status, _ = server.get("/jobs", "DELETE")
        print("%-32s %8.1f ms" % ("DELETE /jobs", 1000 * (time.monotonic() - started)))
        print("resident %d MiB" % (server.resident() >> 20))
    finally:
        server.process.terminate()
        server.process.wait(90)
    failed = bool(refused) or longest > 1000 * MATCH or status >= 400
    print("%d passed, %d failed" % (not failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
