#!/usr/bin/env python3
"""Whether mcrit 1.9.0 imports the .mcrit files Malkin writes, and Malkin those of mcrit, without losing a field; then `malkin migrate`.

    python compare_exports.py --reference URL --candidate URL --malkin PROGRAM --reports FOLDER --exports FOLDER --scratch FOLDER [-v]

Reports of every architecture and real exports are put into one server; what it exports (plain, compressed, a selection) is imported into the other,
and all samples and functions of both are compared. Ids may differ. WARNING: both servers are wiped. One line per difference, last `N passed, N failed`.
"""
import argparse
import glob
import gzip
import http.client
import json
import os
import subprocess
import time
import urllib.parse

REPORTS = ["prog1_gcc_m32_O2", "prog3_gpp_m64_O2", "cli-32.exe", "t64-arm.exe", "ClrLoader_amd64.dll", "library_report", "example_report_3"]
EXPORTS = ["aPLib-1.01_elf_aplib.a", "aPLib-0.36_coff_aplib.lib", "libzlib_1.2.11_msvc14_x86_libzlib", "rust_re_tour_rosetta"]
IDS = {"sample_id", "family_id", "function_id"}  # of the server
PATIENCE = 120  # seconds a job may take
VOLATILE = {"timestamp"}  # MCRIT gives imported samples the time of the import


class Server:
    def __init__(self, url):
        self.url = url
        self.address = urllib.parse.urlparse(url).netloc

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.address, timeout=600)
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        document = json.loads(answer.read())
        if answer.status >= 300:
            raise RuntimeError("%s %s: %d %s" % (method, path, answer.status, str(document)[:300]))
        return document["data"]

    def fill(self, reports, exports):
        self.call("POST", "/respawn")
        for name in REPORTS:
            with gzip.open(os.path.join(reports, name + ".smda.gz")) as fin:
                self.wait(self.call("POST", "/samples", fin.read())["job_id"])
        for name in EXPORTS:
            for path in glob.glob(os.path.join(exports, glob.escape(name) + ".mcrit")):
                with open(path, "rb") as fin:
                    self.call("POST", "/import", fin.read())

    def wait(self, job):
        """Until the signatures are there: an export while they are made fails in MCRIT."""
        deadline = time.monotonic() + PATIENCE
        while not self.call("GET", "/jobs/%s" % job)["result"]:
            if time.monotonic() > deadline:
                raise RuntimeError("job %s has not ended within %d s" % (job, PATIENCE))
            time.sleep(0.02)

    def content(self):
        """All samples by hash, each with its functions in order."""
        content = {}
        for sample in self.call("GET", "/samples").values():
            functions = self.call("GET", "/samples/%d/functions" % sample["sample_id"])
            functions = functions.values() if isinstance(functions, dict) else functions
            functions = [without_ids(function) for function in sorted(functions, key=lambda function: function["function_id"])]
            content[sample["sha256"]] = (without_ids(sample), functions)
        return content


def without_ids(record):
    return {key: value for key, value in record.items() if key not in IDS and key not in VOLATILE}


def as_imported(function, other):
    """A name without labels becomes one by the import, at a time of its own; labels that are exported keep theirs."""
    if function["function_labels"] or not function["function_name"]:
        return function
    now = [label["timestamp"] for label in other["function_labels"]][:1]
    return {**function, "function_labels": [{"username": "mcrit-import", "function_label": function["function_name"], "timestamp": time} for time in now]}


class Tally:
    def __init__(self, verbose):
        self.passed, self.failed, self.verbose = 0, 0, verbose

    def check(self, name, problem):
        if problem:
            self.failed += 1
            print("FAIL %s: %s" % (name, problem), flush=True)
        else:
            self.passed += 1
            if self.verbose:
                print("ok   %s" % name, flush=True)


def difference(source, target):
    """The first difference between two contents, in words."""
    if set(source) != set(target):
        return "%d samples, expected %d" % (len(target), len(source))
    for sha256, (sample, functions) in source.items():
        other, others = target[sha256]
        for field in sorted(set(sample) | set(other)):
            if sample.get(field) != other.get(field):
                return "sample %s: %s is %.60r, expected %.60r" % (sha256[:12], field, other.get(field), sample.get(field))
        if len(functions) != len(others):
            return "sample %s: %d functions, expected %d" % (sha256[:12], len(others), len(functions))
        for function, other in zip(functions, others):
            function = as_imported(function, other)
            for field in sorted(set(function) | set(other)):
                if function.get(field) != other.get(field):
                    return "sample %s, function at 0x%x: %s is %.60r, expected %.60r" % (
                        sha256[:12], function["offset"], field, other.get(field), function.get(field))
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("reference", "candidate", "malkin", "reports", "exports", "scratch"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    reference, candidate = Server(options.reference), Server(options.candidate)
    tally = Tally(options.v)
    os.makedirs(options.scratch, exist_ok=True)

    def carry(name, body, expected, target):
        target.call("POST", "/respawn")
        report = target.call("POST", "/import", body)
        functions = sum(len(functions) for _, functions in expected.values())
        counts = (report["num_samples_imported"], report["num_functions_imported"], report["num_samples_skipped"])
        wanted = (len(expected), functions, 0)
        tally.check(name + ": report of the import", None if counts == wanted else "says %r, expected %r" % (counts, wanted))
        tally.check(name + ": %d samples, %d functions" % (len(expected), functions), difference(expected, target.content()))
        again = target.call("POST", "/import", body)
        tally.check(name + ": a second time", None if again["num_samples_imported"] == 0 else "imports %d samples" % again["num_samples_imported"])

    candidate.fill(options.reports, options.exports)
    content = candidate.content()
    tally.check("corpus", None if len(content) > len(REPORTS) and any(functions for _, functions in content.values()) else "is empty")
    for name, flags in (("plain", []), ("compressed", ["--compress"])):
        path = os.path.join(options.scratch, name + ".mcrit")
        subprocess.run([options.malkin, "export", "--server", candidate.url, "-o", path, *flags], check=True, stderr=subprocess.DEVNULL)
        with open(path, "rb") as fin:
            carry("malkin export, %s, into mcrit" % name, fin.read(), content, reference)
    some = sorted(sample["sample_id"] for sample in candidate.call("GET", "/samples").values())[1::3]
    chosen = {candidate.call("GET", "/samples/%d" % number)["sha256"] for number in some}
    selection = json.dumps(candidate.call("GET", "/export/%s?compress=true" % ",".join(map(str, some))))
    carry("a selection into mcrit", selection, {sha256: entry for sha256, entry in content.items() if sha256 in chosen}, reference)

    reference.fill(options.reports, options.exports)
    content = reference.content()
    for compress in ("false", "true"):
        body = json.dumps(reference.call("GET", "/export?compress=" + compress))
        carry("mcrit's export, compress=%s, into malkin" % compress, body, content, candidate)

    def migrate(name):
        command = [options.malkin, "migrate", "--from", reference.url, "--server", candidate.url]
        done = subprocess.run(command, capture_output=True, text=True)
        tally.check(name, "status %d: %s" % (done.returncode, done.stderr[-300:]) if done.returncode else difference(content, candidate.content()))
        return done.stdout + done.stderr

    candidate.call("POST", "/respawn")
    migrate("malkin migrate, all of mcrit")
    # As after an interruption: some are there, and only the rest is asked for.
    kept = sorted(sample["sample_id"] for sample in candidate.call("GET", "/samples").values())[2::3]
    for number in kept:
        candidate.wait(candidate.call("DELETE", "/samples/%d" % number))
    said = migrate("malkin migrate, the rest of mcrit")
    wanted = "%d of %d samples are already present" % (len(content) - len(kept), len(content))
    tally.check("malkin migrate asks for the rest alone", None if wanted in said else "%r is not in %r" % (wanted, said[-300:]))
    print("%d passed, %d failed" % (tally.passed, tally.failed))
    raise SystemExit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
