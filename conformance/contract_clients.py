#!/usr/bin/env python3
"""The endpoints and fields that MCRITweb and the IDA plugin depend on, on the genuine server and on ours.

    python contract_clients.py --reference URL --candidate URL --reports FOLDER [-v]

One table for both: what the genuine server does not have is no requirement, so it checks the table. A `*` stands for every member of a list or object,
of which there has to be at least one. WARNING: both servers are wiped. One line per failing step, last `N passed, N failed`.
"""
import argparse
import gzip
import http.client
import json
import os
import sys
import time
import urllib.parse

SAMPLE = ["sample_id", "family_id", "family", "version", "component", "filename", "sha256", "architecture", "bitness", "base_addr", "binary_size", "binweight",
          "is_library", "smda_version", "statistics", "timestamp"]
FAMILY = ["family_id", "family_name", "num_samples", "num_functions", "num_library_samples"]
FUNCTION = ["function_id", "family_id", "sample_id", "architecture", "binweight", "offset", "num_instructions", "num_blocks", "function_name", "pichash", "minhash",
            "picblockhashes", "function_labels"]
JOB = ["_id.$oid", "number", "payload.method", "payload.params", "payload.descriptor", "created_at.$date", "attempts_left", "last_error", "result", "all_dependencies",
       "terminated", "priority", "locked_by"]
MATCHING = ["info.sample.sample_id", "matches.aggregation.minhash", "matches.aggregation.pichash", "matches.samples.*.matched.percent.score_weighted",
            "matches.samples.*.family", "matches.samples.*.sample_id", "matches.functions.*.num_bytes", "matches.functions.*.offset", "matches.functions.*.fid",
            "matches.functions.*.matches"]
CROSS = ["%s.%s" % (weight, field) for weight in ("unweighted", "score_weighted", "frequency_weighted", "nonlib_unweighted", "nonlib_score_weighted", "nonlib_frequency_weighted")
         for field in ("clustered_sequence", "matching_matches.0.1", "matching_percent.1.0")]


def under(prefix, fields):
    return ["%s.%s" % (prefix, field) for field in fields]


# Name, client, verb, path, body, fields of `data`. A path that begins with `job:` names a job, whose result is looked at.
TABLE = [
    ("status", "web", "GET", "/status", None, under("status", ["num_samples", "num_families", "num_functions", "num_pichashes", "num_bands", "db_state"])),
    ("version", "both", "GET", "/version", None, ["version"]),
    ("families", "both", "GET", "/families", None, under("*", FAMILY)),
    ("family", "web", "GET", "/families/1?with_samples=True", None, FAMILY + under("samples.*", SAMPLE)),
    ("samples", "both", "GET", "/samples?start=0&limit=10", None, under("*", SAMPLE)),
    ("sample", "both", "GET", "/samples/0", None, SAMPLE),
    ("functions of a sample", "both", "GET", "/samples/0/functions", None, under("*", FUNCTION)),
    ("functions", "web", "GET", "/functions?start=0&limit=5", None, under("*", FUNCTION)),
    ("function with code", "both", "GET", "/functions/3?with_xcfg=True", None, FUNCTION + ["xcfg.blocks.*", "xcfg.offset"]),
    ("functions by number", "web", "POST", "/functions", "1,2,3", under("*", FUNCTION)),
    ("labels", "IDA", "POST", "/functions?with_label_only=True", "ALL", under("*", ["offset", "function_labels.*.function_label", "function_labels.*.username"])),
    ("two functions", "web", "GET", "/matches/function/3/60", None,
     under("function_entry_a", FUNCTION) + under("function_entry_b", FUNCTION) + under("sample_entry_a", SAMPLE) + under("sample_entry_b", SAMPLE)
     + under("match_entry", ["fid", "num_bytes", "offset", "matches"])),
    ("match", "both", "GET", "job:/matches/sample/0", None, MATCHING),
    ("match of two", "web", "GET", "job:/matches/sample/0/1", None, MATCHING + under("other_sample_info", SAMPLE)),
    ("cross", "web", "GET", "job:/matches/sample/cross/0,1", None, CROSS),
    ("query", "web", "POST", "job:/query", "REPORT", MATCHING),
    ("query of a function", "IDA", "POST", "/query/function", "FUNCTION", MATCHING),
    ("unique blocks", "web", "GET", "job:/uniqueblocks/samples/0", None,
     ["statistics.by_sample_id.*", "statistics.num_samples", "yara_rule"] + under("unique_blocks.*", ["samples", "length", "score", "instructions", "escaped_sequence"])),
    ("unique blocks of a family", "web", "GET", "job:/uniqueblocks/family/1", None, ["statistics.by_sample_id.*", "unique_blocks", "yara_rule"]),
    ("jobs for the plugin", "IDA", "GET", "/jobs/?filter=Matches", None, under("*", JOB)),
    ("jobs for the pages", "web", "GET", "/jobs?start=0&limit=5&method=getMatchesForSample&state=finished", None, under("*", JOB + ["started_at.$date", "finished_at.$date"])),
    ("statistics of jobs", "web", "GET", "/jobs/stats/?with_refresh=True", None, ["getMatchesForSample.finished"]),
    ("search of families", "web", "GET", "/search/families?query=pro&limit=5", None, ["search_results.*.family_name", "cursor.forward", "cursor.backward", "id_match"]),
    ("search of samples", "web", "GET", "/search/samples?query=pro&limit=5", None, ["search_results.*.sha256", "cursor.forward", "cursor.backward", "id_match", "sha_match"]),
    ("search of functions", "web", "GET", "/search/functions?query=num_instructions:>3&limit=5", None, ["search_results.*.offset", "cursor.forward", "cursor.backward", "id_match"]),
    ("export", "web", "GET", "/export/0?compress=True", None, ["content.is_compressed", "config.version", "family_mapping.*", "sample_entries.*", "function_entries.*"]),
]


class Server:
    def __init__(self, url):
        self.address = urllib.parse.urlparse(url).netloc

    def ask(self, verb, path, body=None):
        connection = http.client.HTTPConnection(self.address, timeout=120)
        connection.request(verb, path.replace(" ", "%20").replace(">", "%3E"), body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        document = json.loads(answer.read())
        if answer.status not in (200, 202) or document["status"] != "successful":
            raise ValueError("%d %.200s" % (answer.status, document))
        return document["data"]

    def job(self, verb, path, body=None):
        number = self.ask(verb, path, body)
        for _ in range(3000):
            job = self.ask("GET", "/jobs/%s" % number)
            if job["result"]:
                return self.ask("GET", "/results/%s" % job["result"])
            if job["attempts_left"] == 0 or job["terminated"]:
                raise ValueError("the job failed: %.200s" % job["last_error"])
            time.sleep(0.02)
        raise ValueError("the job does not end")


def missing(value, path):
    """The part of a path that is not there, or None."""
    head, _, rest = path.partition(".")
    if head == "*":
        members = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(members, list) or not members:
            return "* (no member)"
        return next((found for found in (missing(member, rest) for member in members) if found), None) if rest else None
    if not isinstance(value, dict) or head not in value:
        return head
    found = missing(value[head], rest) if rest else None
    return found and "%s.%s" % (head, found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("reference", "candidate", "reports"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("-v", action="store_true")
    args = parser.parse_args()
    reports = []
    for name in ("prog1_gcc_m32_O0", "prog1_gcc_m32_O2", "prog1_gcc_m64_O2"):
        with gzip.open(os.path.join(args.reports, name + ".smda.gz")) as fin:
            reports.append(json.loads(fin.read()))
        reports[-1]["metadata"].update(family="prog", filename=name)
    large = max(reports[0]["xcfg"], key=lambda key: sum(map(len, reports[0]["xcfg"][key]["blocks"].values())))
    bodies = {"REPORT": json.dumps(reports[2]), "FUNCTION": json.dumps(dict(reports[0], xcfg={large: reports[0]["xcfg"][large]}))}
    passed = failed = 0

    def verdict(name, problem):
        nonlocal passed, failed
        passed, failed = passed + (not problem), failed + bool(problem)
        if problem:
            print("FAIL %s: %s" % (name, problem), flush=True)
        elif args.v:
            print("ok   %s" % name, flush=True)

    for side, url in (("reference", args.reference), ("candidate", args.candidate)):
        server = Server(url)
        server.ask("POST", "/respawn")
        for report in reports[:2]:
            number = server.ask("POST", "/samples", json.dumps(report))["job_id"]
            while not server.ask("GET", "/jobs/%s" % number)["result"]:
                time.sleep(0.02)
        labelled = ",".join(str(function["function_id"]) for function in server.ask("GET", "/functions?start=0&limit=0").values() if function["function_labels"])
        for name, client, verb, path, body, fields in TABLE:
            body = labelled if body == "ALL" else bodies.get(body, body)
            try:
                data = server.job(verb, path[4:], body) if path.startswith("job:") else server.ask(verb, path, body)
                absent = [field for field in fields if missing(data, field)]
                problem = absent and "%s: without %s" % (side, ", ".join(absent[:5]))
            except (ValueError, KeyError, TypeError) as error:
                problem = "%s: %s: %s" % (side, type(error).__name__, error)
            verdict("%s (%s), %s" % (name, client, side), problem)
        # Tuples that the plugin unpacks, and the text by which it finds the job of a sample.
        function = next(iter(server.ask("GET", "/samples/0/functions").values()))
        value = function["pichash"]
        pichash = value if isinstance(value, str) else "%016x" % value
        found = server.ask("GET", "/query/pichash/%s" % pichash)
        verdict("pichash tuples, %s" % side, None if found and all(len(one) == 3 for one in found) else "got %.80r" % found)
        summary = server.ask("GET", "/query/pichash/%s/summary" % pichash)
        verdict("pichash summary, %s" % side, None if set(summary) == {"families", "samples", "functions"} else "got %r" % summary)
        blocks = next(function for function in server.ask("GET", "/samples/0/functions").values() if function["picblockhashes"])["picblockhashes"]
        value = blocks[0]["hash"]
        found = server.ask("GET", "/query/picblockhash/%s" % (value if isinstance(value, str) else "%016x" % value))
        verdict("picblockhash tuples, %s" % side, None if found and all(len(one) == 4 for one in found) else "got %.80r" % found)
        jobs = server.ask("GET", "/jobs?method=getMatchesForSample")
        named = sorted(json.loads(job["payload"]["params"])["0"] for job in jobs)
        verdict("jobs name their samples, %s" % side, None if set(named) == {0, 1} else "got %r" % named)
        job = jobs[0]
        dates = [job[name]["$date"] for name in ("created_at", "started_at", "finished_at")]
        verdict("dates are sliced, %s" % side, None if all(date[4] == "-" and date[10] == "T" and date[13] == ":" for date in dates) else "got %r" % dates)
    print("%d passed, %d failed" % (passed, failed))
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
