#!/usr/bin/env python3
"""Replay the recorded API transcripts and judge only the steps whose route the server claims to have (ROUTES below).

    python first_light_replay.py --replay SHARED/mcrit-api/replay.py --base-url URL [--auth-base-url URL --token T] [--exact] [-v]

All steps are executed in their order, the others for their effect only. A step of a claimed route is still not judged while the state it looks
at depends on an unclaimed one: after an unclaimed step that changes samples or jobs (until the next respawn), and when it uses a variable that
an unclaimed step captured. Deviations and comparison rules are those of replay.py. One line per failing step, last `N passed, N failed`.
A growing server adds its routes to ROUTES; with all of them in, this is replay.py itself.
"""
import argparse
import glob
import importlib.util
import json
import os
import re
import sys

# Route -> verbs claimed (issue "First light", part 5). `#` stands for one path segment.
ROUTES = {
    "/": {"GET"},
    "/status": {"GET"},
    "/version": {"GET"},
    "/respawn": {"POST"},
    "/samples": {"GET", "POST"},
    "/samples/#": {"GET"},
    "/samples/sha256/#": {"GET"},
    "/samples/#/functions": {"GET"},
    "/families": {"GET"},
    "/families/#": {"GET"},
    "/functions/#": {"GET"},
    "/matches/sample/#": {"GET"},
    "/query": {"POST"},
    "/jobs": {"GET"},
    "/jobs/#": {"GET"},
    "/jobs/#/result": {"GET"},
    "/results/#": {"GET"},
}
# Segments that are routes of their own where ROUTES has a `#`.
NAMED_SEGMENTS = {"/jobs/stats", "/samples/binary", "/query/binary", "/query/function"}
# Prefixes of unclaimed routes: a 404 below them is theirs to give.
KNOWN_ELSEWHERE = ("/matches", "/query", "/export", "/uniqueblocks", "/search", "/import", "/samples", "/functions", "/families", "/jobs", "/results")
# Verbs other than GET that only read.
READING_POSTS = {"/functions", "/query/function"}


def route_of(path):
    """The entry of ROUTES that a path belongs to, or None."""
    path = "/" + path.strip("/")
    if path in NAMED_SEGMENTS:
        return None
    for route in ROUTES:
        if re.fullmatch(route.replace("#", "[^/]+"), path):
            return route
    return None


def claimed(step):
    """Whether a request step asks for something the server claims to answer. Unknown paths are everybody's business."""
    route, method, expected = route_of(step["path"]), step["method"], step["expected"]
    if route is None:
        return expected["status"] == 404 and "title" in (expected.get("json") or {}) and not step["path"].startswith(KNOWN_ELSEWHERE)
    if method in ROUTES[route]:
        return True
    allowed = {verb.strip() for verb in expected.get("headers", {}).get("Allow", "").split(",")} - {"OPTIONS", ""}
    return bool(allowed) and allowed <= ROUTES[route]


def changes_state(step):
    """Whether an unclaimed request leaves something behind that later answers show: data, or a job."""
    expected = step["expected"]
    if expected["status"] >= 300:
        return False
    data = expected["json"].get("data") if isinstance(expected.get("json"), dict) else None
    if step["method"] == "GET":
        return data == "<<objectid>>" or bool(step.get("capture"))
    return step["method"] in ("POST", "PUT", "DELETE") and "/" + step["path"].strip("/") not in READING_POSTS


def variables_used(step):
    """The variables a step needs from earlier ones: what it captures itself is known when its answer is compared."""
    text = json.dumps(step)
    names = set(re.findall(r"\$\{(\w+)\}", text)) | set(re.findall(r"<<var:(\w+)>>", text))
    if "wait_job" in step:
        names.add(step["wait_job"])
    return names - set(step.get("capture") or {})


def is_refusal(expected):
    """Whether an answer follows from the request alone, whatever is stored."""
    return expected["status"] in (400, 401, 405, 415) or (expected["status"] == 404 and "title" in (expected.get("json") or {}))


def judged_steps(scenario):
    """The numbers of the steps of a scenario that are judged."""
    judged, trusted, tainted = set(), set(), False
    for step in scenario["steps"]:
        if "wait_job" in step:
            if step["wait_job"] in trusted:
                judged.add(step["n"])
                trusted.add(step["wait_job"] + "_result")
            continue
        if not claimed(step):
            tainted = tainted or changes_state(step)
            continue
        if step["method"] == "POST" and step["path"].strip("/") == "respawn":
            tainted = False
        refused = is_refusal(step["expected"]) and not variables_used(step)
        if (not tainted or refused) and variables_used(step) <= trusted:
            judged.add(step["n"])
            trusted |= set(step.get("capture") or {})
    return judged


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--replay", required=True, help="path of replay.py, whose folder holds golden/public")
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--auth-base-url", default=None)
    parser.add_argument("--token", default="golden-token")
    parser.add_argument("--exact", action="store_true", help="no deviations: for the reference itself")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--timeout", type=float, default=60.0)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--list", action="store_true", help="print the judged steps and stop")
    args = parser.parse_args()
    spec = importlib.util.spec_from_file_location("replay", args.replay)
    replay = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(replay)

    class JudgingRunner(replay.Runner):
        """replay.py's runner that counts judged steps only."""

        judged, unjudged = set(), 0

        def result(self, scenario, step, ok, message=""):
            if step["n"] in self.judged:
                super().result(scenario, step, ok, message)
            else:
                self.unjudged += 1

    runner = JudgingRunner(argparse.Namespace(
        base_url=args.base_url.rstrip("/"), auth_base_url=args.auth_base_url and args.auth_base_url.rstrip("/"), token=args.token,
        send_token=None, only=args.only, skip_tag=[], timeout=args.timeout, poll=0.05, exact=args.exact, verbose=args.verbose))
    golden = os.path.join(os.path.dirname(os.path.abspath(args.replay)), "golden", "public")
    for path in sorted(glob.glob(os.path.join(golden, "*.json"))):
        if os.path.basename(path) == "deviations.json":
            continue
        with open(path) as fin:
            scenario = json.load(fin)
        runner.judged = judged_steps(scenario)
        if args.list:
            for step in scenario["steps"]:
                mark = "judged " if step["n"] in runner.judged else "       "
                print(mark, scenario["scenario"], step["n"], step.get("method", "WAIT"), step.get("path", step.get("wait_job")), step["name"])
            continue
        runner.run_file(path)
    if args.list:
        return 0
    for entry in runner.skipped:
        print("SKIPPED: %s" % entry)
    print("%d steps were executed for their effect only" % runner.unjudged)
    print("%d passed, %d failed" % (runner.passed, runner.failed))
    return 0 if runner.failed == 0 and runner.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
