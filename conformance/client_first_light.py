#!/usr/bin/env python3
"""Drive two servers with the genuine McritClient 1.9.0 through the same steps and compare what they answer, field by field.

    python client_first_light.py --reference URL --candidate URL --reports FOLDER [-v]

The steps: reset, submit ten SMDA reports, look around, match one sample (plain and with parameters), query one of the reports, read both results
with MatchingResult.fromDict. Left out of the comparison are only times, durations, job ids and names of workers. WARNING: both servers are wiped.
One line per failing step, last `N passed, N failed`.
"""
import argparse
import gzip
import json
import logging
import os
import sys

logging.disable(logging.CRITICAL)

from mcrit.client.McritClient import McritClient  # noqa: E402
from mcrit.storage.MatchingResult import MatchingResult  # noqa: E402
from smda.common.SmdaReport import SmdaReport  # noqa: E402

# name, family, version, library. Two builds of the same programs and three launchers of one maker, so that there is something to find.
SAMPLES = [
    ("prog1_gcc_m64_O0", "prog1", "O0", False),
    ("prog1_gcc_m64_O2", "prog1", "O2", False),
    ("prog2_gcc_m64_O0", "prog2", "O0", False),
    ("prog2_gcc_m64_O2", "prog2", "O2", False),
    ("cli-32.exe", "setuptools", "32", False),
    ("cli-64.exe", "setuptools", "64", False),
    ("gui-32.exe", "setuptools", "gui32", False),
    ("t64.exe", "distlib", "64", True),
    ("w64.exe", "distlib", "w64", True),
    ("true", "", "", False),
]
MATCHED, QUERIED = 5, "w32.exe"
VOLATILE = {"duration", "timestamp", "db_timestamp", "db_state", "_id", "created_at", "started_at", "finished_at", "locked_at", "locked_by", "result",
            "file_params", "storage_type"}
TOLERANCE = 1e-9


def load(folder, name):
    with gzip.open(os.path.join(folder, name + ".smda.gz"), "rb") as fin:
        report = SmdaReport.fromDict(json.loads(fin.read()))
    report.filename = name
    return report


def plain(value):
    """Client objects as JSON values."""
    if hasattr(value, "toDict"):
        value = value.toDict()
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value


def differences(left, right, where="$"):
    """Yields a line for each field in which the candidate (right) differs from the reference (left)."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(set(left) | set(right)):
            path = "%s.%s" % (where, key)
            if key not in right:
                yield "%s is missing" % path
            elif key not in left:
                yield "%s is unexpected" % path
            elif key in VOLATILE:
                if (left[key] is None) != (right[key] is None):
                    yield "%s: expected %r, got %r" % (path, left[key], right[key])
            else:
                yield from differences(left[key], right[key], path)
    elif isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            yield "%s: expected %d entries, got %d" % (where, len(left), len(right))
        for index, (a, b) in enumerate(zip(left, right)):
            yield from differences(a, b, "%s[%d]" % (where, index))
    elif isinstance(left, float) and isinstance(right, (int, float)) and not isinstance(right, bool):
        if abs(left - right) > TOLERANCE * max(1.0, abs(left)):
            yield "%s: expected %r, got %r" % (where, left, right)
    elif type(left) is not type(right) or left != right:
        yield "%s: expected %.80r, got %.80r" % (where, left, right)


class Comparison:
    """Runs a step against both servers and counts whether they agree."""

    def __init__(self, reference, candidate, verbose):
        self.clients = {"reference": McritClient(mcrit_server=reference), "candidate": McritClient(mcrit_server=candidate)}
        self.verbose, self.passed, self.failed = verbose, 0, 0

    def verdict(self, name, problems):
        if problems:
            self.failed += 1
            print("FAIL %s: %s%s" % (name, "; ".join(problems[:5]), "" if len(problems) <= 5 else "; and %d more" % (len(problems) - 5)), flush=True)
        else:
            self.passed += 1
            if self.verbose:
                print("ok   %s" % name, flush=True)

    def check(self, name, problem):
        self.verdict(name, [problem] if problem else [])

    def both(self, name, step, compare=True):
        """`step(client, side)` on both servers; the answers by side. With `compare` they must be there and agree."""
        answers = {}
        for side, client in self.clients.items():
            try:
                answers[side] = step(client, side)
            except Exception as error:  # a broken answer may break the client anywhere
                self.verdict(name, ["%s: %s: %s" % (side, type(error).__name__, error)])
                return {"reference": None, "candidate": None}
        if compare:
            self.agree(name, answers)
        return answers

    def agree(self, name, answers):
        """Counts whether both servers answered, and the same."""
        left, right = plain(answers["reference"]), plain(answers["candidate"])
        self.verdict(name, list(differences(left, right)) if left is not None else ["the reference gave no answer"])


def canonical(result):
    """A result as JSON would carry it, so that both servers' answers compare with the same types."""
    return json.loads(json.dumps(plain(result)))


def submit_all(comparison, reports):
    for name, family, version, library in SAMPLES:
        report = load(reports, name)
        report.family, report.version, report.is_library = family, version, library
        answers = comparison.both("submit %s" % name, lambda client, side: client.addReport(report), compare=False)
        entries = {side: answer and answer[0] for side, answer in answers.items()}
        comparison.agree("sample entry of %s" % name, entries)
        comparison.both("hashing of %s" % name, lambda client, side: client.awaitResult(answers[side][1], sleep_time=0.05))
    known = load(reports, SAMPLES[0][0])
    answers = comparison.both("submit a known sample", lambda client, side: client.addReport(known), compare=False)
    for side, answer in answers.items():
        comparison.check("%s: a known sample makes no job" % side, None if answer and answer[1] is None else "answer %r" % (answer,))


def look_around(comparison):
    comparison.both("version", lambda client, side: client.getVersion())
    comparison.both("status", lambda client, side: client.getStatus(with_pichash=True))
    comparison.both("samples", lambda client, side: client.getSamples())
    comparison.both("samples, second page of three", lambda client, side: client.getSamples(start=3, limit=3))
    comparison.both("families", lambda client, side: client.getFamilies())
    comparison.both("one sample", lambda client, side: client.getSampleById(MATCHED))
    comparison.both("sample by sha256", lambda client, side: client.getSampleBySha256(client.getSampleById(2).sha256))
    comparison.both("functions of a sample", lambda client, side: client.getFunctionsBySampleId(MATCHED))
    comparison.both("one function", lambda client, side: client.getFunctionById(7))
    comparison.both("one function with its disassembly", lambda client, side: client.getFunctionById(7, with_xcfg=True))
    unknown = comparison.both("unknown sample", lambda client, side: {"answer": client.getSampleById(4711)}, compare=False)
    for side, found in unknown.items():
        comparison.check("%s: an unknown sample is none" % side, None if found == {"answer": None} else "got %r" % (found,))


def read_result(comparison, name, job_of):
    """Awaits a job on both servers, compares the results as JSON and as the client's object reads them."""
    jobs = comparison.both("%s: request" % name, job_of, compare=False)
    results = comparison.both("%s: result" % name, lambda client, side: canonical(client.awaitResult(jobs[side], sleep_time=0.05)))
    comparison.both("%s: compact result" % name, lambda client, side: canonical(client.getResultForJob(jobs[side], compact=True)))
    comparison.both("%s: job document" % name, lambda client, side: job_fields(client.getJobData(jobs[side])))

    def figures(client, side):
        matching = MatchingResult.fromDict(results[side])
        return {
            "counts": [matching.num_sample_matches, matching.num_family_matches, matching.num_function_matches, matching.num_library_matches],
            "samples": matching.getSampleMatches(),
            "best": matching.getBestSampleMatchesPerFamily(),
            "links": [[m.function_id, m.matched_function_id, m.matched_score, m.matched_link_score] for m in matching.getLinkHuntResults()],
        }

    read = comparison.both("%s: MatchingResult.fromDict" % name, figures)
    for side, numbers in read.items():
        found = bool(numbers and numbers["counts"][0])
        comparison.check("%s: %s finds something" % (name, side), None if found else "no sample matches")


def job_fields(job):
    """What a client reads of a job, without ids and times."""
    return {"parameters": job.parameters, "progress": job.progress, "finished": job.finished_at is not None, "result": job.result is not None}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reference", required=True, help="URL of the reference server")
    parser.add_argument("--candidate", required=True, help="URL of the server under test")
    parser.add_argument("--reports", required=True, help="folder of golden/public/smda")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    comparison = Comparison(args.reference.rstrip("/"), args.candidate.rstrip("/"), args.verbose)
    comparison.both("reset", lambda client, side: client.respawn(), compare=False)
    submit_all(comparison, args.reports)
    look_around(comparison)
    read_result(comparison, "match", lambda client, side: client.requestMatchesForSample(MATCHED))
    read_result(comparison, "match, three bands", lambda client, side: client.requestMatchesForSample(MATCHED, band_matches_required=3, pichash_size=20))
    queried = load(args.reports, QUERIED)
    read_result(comparison, "query", lambda client, side: client.requestMatchesForSmdaReport(queried))
    comparison.both("jobs", lambda client, side: [job_fields(job) for job in client.getQueueData()])
    print("%d passed, %d failed" % (comparison.passed, comparison.failed))
    return 0 if comparison.failed == 0 and comparison.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
