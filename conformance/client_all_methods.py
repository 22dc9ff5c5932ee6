#!/usr/bin/env python3
"""Call every public method of the genuine McritClient 1.9.0 on two servers and compare what they answer.

    python client_all_methods.py --reference URL --candidate URL --reports FOLDER --inputs FOLDER [-v]

Which methods there are is asked of the class itself; one that was never called is a failure. WARNING: both servers are wiped.
One line per failing step, last `N passed, N failed`.
"""
import argparse
import functools
import gzip
import inspect
import os
import re
import sys

from client_first_light import Comparison, canonical, job_fields, load
from mcrit.client.McritClient import McritClient
from smda.common.SmdaReport import SmdaReport

SAMPLES = [
    ("prog1_gcc_m32_O0", "prog1", "O0", False),
    ("prog1_gcc_m32_O2", "prog1", "O2", False),
    ("prog2_gcc_m32_O0", "prog2", "O0", False),
    ("prog2_gcc_m32_O2", "", "", False),
    ("library_report", "lib", "1", True),
]
QUERIED = "prog1_gcc_m64_O2"
PUBLIC = [name for name, _ in inspect.getmembers(McritClient, inspect.isfunction) if not name.startswith("_")]
called = set()


def note_calls():
    """Every public method remembers that it was called."""
    for name in PUBLIC:
        def wrapped(method, name):
            @functools.wraps(method)
            def call(*arguments, **named):
                called.add(name)
                return method(*arguments, **named)
            return call
        setattr(McritClient, name, wrapped(getattr(McritClient, name), name))


class Script:
    def __init__(self, comparison, reports, inputs):
        self.comparison, self.both = comparison, comparison.both
        self.reports, self.inputs = reports, inputs

    def binary(self, name):
        with gzip.open(os.path.join(self.inputs, name)) as fin:
            return fin.read()

    def job(self, name, ask, shape=canonical):
        """Asks for a job on both servers, awaits it, compares what `shape` leaves of the results."""
        jobs = self.both(name + ": job", ask, compare=False)
        for side, job in jobs.items():
            self.comparison.check("%s: %s names a job" % (name, side), None if isinstance(job, str) and len(job) == 24 else "got %.80r" % (job,))
        self.both(name, lambda client, side: shape(client.awaitResult(jobs[side], sleep_time=0.02)))
        return jobs

    def submit(self):
        for name, family, version, is_library in SAMPLES:
            report = load(self.reports, name)
            report.family, report.version, report.is_library = family, version, is_library
            answers = self.both("addReport %s" % name, lambda client, side: client.addReport(report), compare=False)
            self.both("awaitResult of %s" % name, lambda client, side: client.awaitResult(answers[side][1], sleep_time=0.02))

    def state(self, name):
        """Everything a client can list, after `name`."""
        self.both(name + ": samples", lambda client, side: client.getSamples())
        self.both(name + ": families", lambda client, side: client.getFamilies())
        self.both(name + ": status", lambda client, side: client.getStatus(with_pichash=False))

    def look(self):
        for number in (0, 1, 77):
            self.both("is there a %d" % number, lambda client, side: [client.isSampleId(number), client.isFunctionId(number), client.isFamilyId(number)])
        self.both("getFamily", lambda client, side: client.getFamily(1, with_samples=True))
        self.both("getFamily alone", lambda client, side: client.getFamily(1, with_samples=False))
        self.both("getSamplesByFamilyId", lambda client, side: client.getSamplesByFamilyId(1))
        self.both("getSampleById", lambda client, side: client.getSampleById(4))
        self.both("getSampleBySha256", lambda client, side: client.getSampleBySha256(client.getSampleById(1).sha256))
        self.both("getFunctions", lambda client, side: client.getFunctions(start=3, limit=7))
        self.both("getFunctionsBySampleId", lambda client, side: client.getFunctionsBySampleId(1))
        self.both("getFunctionsByIds", lambda client, side: client.getFunctionsByIds([2, 1, 4711, 9]))
        self.both("getFunctionsByIds, labels", lambda client, side: client.getFunctionsByIds([1, 2, 3], with_label_only=True))
        self.both("getFunctionById", lambda client, side: client.getFunctionById(5, with_xcfg=True))
        self.both("getVersion", lambda client, side: client.getVersion())
        self.both("getStatus", lambda client, side: client.getStatus(with_pichash=True))

    def search(self):
        for noun in ("families", "samples", "functions"):
            for term, named in (("prog", {}), ("", {"limit": 2}), ("sub_", {"limit": 3, "is_ascending": False}), ("nothing-of-that-name", {})):
                def look(client, side):
                    answer = getattr(client, "search_" + noun)(term, **named)
                    answer = canonical(answer)
                    answer.pop("cursor", None)  # opaque, and each server's own
                    return answer
                self.both("search_%s %r %r" % (noun, term, named), look)

        def pages(client, side):
            found, cursor = [], None
            for _ in range(5):
                answer = client.search_functions("", cursor=cursor, limit=7, sort_by="num_instructions")
                found += list(answer["search_results"])
                cursor = answer["cursor"]["forward"]
            return found
        self.both("search_functions page by page", pages)

    def match(self):
        self.job("requestMatchesForSample", lambda client, side: client.requestMatchesForSample(0), without_times)
        self.job("requestMatchesForSample, forced", lambda client, side: client.requestMatchesForSample(0, minhash_threshold=70, pichash_size=20, band_matches_required=3, force_recalculation=True), without_times)
        self.job("requestMatchesForSampleVs", lambda client, side: client.requestMatchesForSampleVs(0, 1), without_times)
        self.job("requestMatchesCross", lambda client, side: client.requestMatchesCross([0, 1, 2]))
        self.job("requestMatchesCross, group", lambda client, side: client.requestMatchesCross([0, 2], sample_group_only=True))
        queried = load(self.reports, QUERIED)
        self.job("requestMatchesForSmdaReport", lambda client, side: client.requestMatchesForSmdaReport(queried), without_times)
        self.both("getMatchFunctionVs", lambda client, side: client.getMatchFunctionVs(3, 60))
        # Large enough to have a signature.
        function = next(function for function in self.comparison.clients["reference"].getFunctionsBySampleId(0) if function.num_instructions > 20)

        def single():
            report = load(self.reports, SAMPLES[0][0])
            report.xcfg = {offset: code for offset, code in report.xcfg.items() if offset == function.offset}
            return report
        self.both("getMatchesForSmdaFunction", lambda client, side: without_times(canonical(client.getMatchesForSmdaFunction(single()))))
        self.both("getMatchesForSmdaFunction, others", lambda client, side: without_times(canonical(client.getMatchesForSmdaFunction(single(), exclude_self_matches=True))))
        number = lambda value: int(value, 16) if isinstance(value, str) else value  # noqa: E731
        pichash, block = number(function.pichash), number(function.picblockhashes[0]["hash"])
        for summary in (False, True):
            self.both("getMatchesForPicHash, %r" % summary, lambda client, side: client.getMatchesForPicHash(pichash, summary=summary))
            self.both("getMatchesForPicBlockHash, %r" % summary, lambda client, side: client.getMatchesForPicBlockHash(block, summary=summary))
        self.job("requestUniqueBlocksForSamples", lambda client, side: client.requestUniqueBlocksForSamples([0, 1], min_instructions=4))
        self.job("requestUniqueBlocksForFamily", lambda client, side: client.requestUniqueBlocksForFamily(1, covers_required=3))

    def binaries(self, binary):
        for locally in (True, False):
            self.job("requestMatchesForUnmappedBinary, %r" % locally, lambda client, side: client.requestMatchesForUnmappedBinary(binary, disassemble_locally=locally), without_times)
            self.job("requestMatchesForMappedBinary, %r" % locally, lambda client, side: client.requestMatchesForMappedBinary(binary, 0x400000, disassemble_locally=locally), without_times)
        answers = self.both("addBinarySample", lambda client, side: client.addBinarySample(binary, filename="small", family="added", version="b"), compare=False)
        for side, answer in answers.items():
            client = self.comparison.clients[side]
            job = answer[1] if isinstance(answer, tuple) else answer
            self.comparison.check("addBinarySample: %s names a job" % side, None if isinstance(job, str) else "got %.80r" % (answer,))
            if isinstance(job, str):
                client.awaitResult(job, sleep_time=0.02)
        self.state("addBinarySample")

    def jobs(self):
        self.both("getQueueData", lambda client, side: [without_ids(job_fields(job)) for job in client.getQueueData(start=0, limit=200)])
        self.both("getQueueData, filtered", lambda client, side: [job_fields(job) for job in client.getQueueData(method="getMatchesForSample", state="finished", ascending=True)])
        self.both("getQueueStatistics", lambda client, side: client.getQueueStatistics())
        self.both("getJobCount", lambda client, side: client.getJobCount())

        def by_result(client, side):
            job = next(job for job in client.getQueueData(method="getMatchesForSample") if job.result)
            data = client.getJobData(job.job_id)
            return [job_fields(data), job_fields(client.getJobForResult(job.result)), without_times(canonical(client.getResult(job.result))),
                    without_times(canonical(client.getResult(job.result, compact=True))), without_times(canonical(client.getResultForJob(job.job_id)))]
        self.both("a job by its result", by_result)

        def delete(client, side):
            job = client.getQueueData(method="getMatchesForSample")[0]
            return [client.deleteJob(job.job_id), client.getJobData(job.job_id) is None]
        self.both("deleteJob", delete)
        self.both("deleteQueueData", lambda client, side: client.deleteQueueData(method="getMatchesForSampleVs"))
        self.both("deleteQueueData, by time", lambda client, side: client.deleteQueueData(created_before="2001-01-01"))

    def change(self):
        def settled(client):
            for job in client.getQueueData():
                client.awaitResult(job.job_id, sleep_time=0.02)

        def changed(name, change):
            self.both(name, lambda client, side: [canonical(change(client)) is not None, settled(client)])
            self.state(name)
        changed("modifySample", lambda client: client.modifySample(3, family_name="named", version="9", component="loader", is_library=True))
        changed("modifyFamily", lambda client: client.modifyFamily(2, family_name="renamed", is_library=True))
        changed("modifyFamily, merged", lambda client: client.modifyFamily(2, family_name="prog1"))
        changed("deleteSample", lambda client: client.deleteSample(2))
        changed("deleteFamily, kept", lambda client: client.deleteFamily(1, keep_samples=True))
        changed("deleteFamily", lambda client: client.deleteFamily(3))

    def exchange(self):
        exported = self.both("getExportData", lambda client, side: client.getExportData(compress_data=False), compare=False)
        self.comparison.agree("getExportData: families", {side: list(export["family_mapping"].items()) for side, export in exported.items()})
        self.both("getExportData, some", lambda client, side: sorted(client.getExportData([0, 1], compress_data=True)["sample_entries"]))
        self.both("respawn", lambda client, side: client.respawn(), compare=False)
        # Crosswise: each server imports what the other one exported.
        other = {"reference": "candidate", "candidate": "reference"}
        self.both("addImportData", lambda client, side: client.addImportData(exported[other[side]]))
        self.state("addImportData")

    def maintain(self):
        for name in ("completeMinhashes", "rebuildIndex", "rebuildPicBlockHashIndex", "recalculatePicHashes", "recalculateMinHashes", "repairMinHashes", "recomputeFamilyStats"):
            self.job(name, lambda client, side: getattr(client, name)(), shape=lambda result: [result])
        self.state("maintenance")

    def identify(self):
        def as_somebody(client, side):
            client.setUsername("analyst")
            client.setApitoken("")
            report = load(self.reports, "prog3_gpp_m64_O2")
            entry, job = client.addReport(report)
            client.awaitResult(job, sleep_time=0.02)
            labels = [function.function_labels for function in client.getFunctionsBySampleId(entry.sample_id)]
            return [[label.username, label.function_label] for function in labels for label in function]
        self.both("setUsername, setApitoken", as_somebody)


def without_ids(job):
    return {**job, "parameters": re.sub("[0-9a-f]{24}", "ID", job["parameters"])}


def without_times(result):
    if isinstance(result, dict) and isinstance(result.get("info"), dict):
        result = {**result, "info": {**result["info"], "job": None}}
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("reference", "candidate", "reports", "inputs"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    note_calls()
    comparison = Comparison(args.reference.rstrip("/"), args.candidate.rstrip("/"), args.verbose)
    script = Script(comparison, args.reports, args.inputs)
    script.both("respawn", lambda client, side: client.respawn(), compare=False)
    script.submit()
    script.look()
    script.search()
    script.match()
    binaries = sorted(name for name in os.listdir(args.inputs) if ".exe" in name or ".elf" in name or "elf" in name)
    script.binaries(script.binary(binaries[0]))
    script.jobs()
    script.change()
    script.exchange()
    script.maintain()
    script.identify()
    missing = sorted(set(PUBLIC) - called)
    comparison.check("all %d methods were called" % len(PUBLIC), "never: %s" % ", ".join(missing) if missing else None)
    print("%d passed, %d failed" % (comparison.passed, comparison.failed))
    return 0 if comparison.failed == 0 and comparison.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
