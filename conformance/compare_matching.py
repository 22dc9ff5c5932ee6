#!/usr/bin/env python3
"""The genuine mcrit 1.9.0 (memory storage) and a running Malkin answer the same random questions about the same random corpora.

    python compare_matching.py --candidate URL --reader PROGRAM --pool REPORT [--seeds N] [--first N] [--functions N] [-v]

Both answers are compared field by field: types and order exactly, floating point numbers to 1e-9. PROGRAM is the example `read_results` of
malkin-matching: it reads results as the reference's client library does (links, clusters, filters, unique scores, rules, coloured graphs).
WARNING: the candidate is wiped. One line per difference, last `N passed, N failed`.
"""
import argparse
import gzip
import http.client
import json
import logging
import os
import random
import subprocess
import sys
import time
import urllib.parse

logging.disable(logging.CRITICAL)
os.environ.setdefault("TQDM_DISABLE", "1")

from mcrit.config.McritConfig import McritConfig  # noqa: E402
from mcrit.index.MinHashIndex import MinHashIndex  # noqa: E402
from mcrit.matchers.FunctionCfgMatcher import FunctionCfgMatcher  # noqa: E402
from mcrit.matchers.MatcherCross import MatcherCross  # noqa: E402
from mcrit.matchers.MatcherQuery import MatcherQuery  # noqa: E402
from mcrit.matchers.MatcherQueryFunction import MatcherQueryFunction  # noqa: E402
from mcrit.matchers.MatcherSample import MatcherSample  # noqa: E402
from mcrit.matchers.MatcherVs import MatcherVs  # noqa: E402
from mcrit.matchers.MatcherVsGroup import MatcherVsGroup  # noqa: E402
from mcrit.queue.LocalQueue import LocalQueue  # noqa: E402
from mcrit.queue.QueueFactory import QueueFactory  # noqa: E402
from mcrit.storage.FunctionEntry import FunctionEntry  # noqa: E402
from mcrit.storage.MatchingResult import MatchingResult  # noqa: E402
from mcrit.storage.StorageFactory import StorageFactory  # noqa: E402
from mcrit.storage.UniqueBlocksResult import UniqueBlocksResult  # noqa: E402
from mcrit.Worker import Worker  # noqa: E402
from smda.common.SmdaReport import SmdaReport  # noqa: E402

from matching_corpus import Corpus, instruction_pool  # noqa: E402

TOLERANCE = 1e-9
PATIENCE = 120  # seconds a job of the candidate may take
McritConfig.STORAGE_CONFIG.STORAGE_METHOD = StorageFactory.STORAGE_METHOD_MEMORY
McritConfig.QUEUE_CONFIG.QUEUE_METHOD = QueueFactory.QUEUE_METHOD_FAKE
McritConfig.MINHASH_CONFIG.MINHASH_POOL_INDEXING = False
McritConfig.MINHASH_CONFIG.MINHASH_POOL_MATCHING = False


def plain(value):
    return json.loads(json.dumps(value))


class Reference:
    """mcrit in this process, empty."""

    def __init__(self):
        self.index = MinHashIndex()
        self.storage = self.index.getStorage()
        self.worker = Worker(queue=LocalQueue(), storage=self.storage)

    def add_report(self, document):
        entry = self.storage.addSmdaReport(SmdaReport.fromDict(document))
        self.storage.addMinHashes(self.worker.calculateMinHashes(self.storage.getFunctionsBySampleId(entry.sample_id)))

    def colors(self, a, b):
        sides = []
        for number in (a, b):
            entry = self.storage.getFunctionById(number, with_xcfg=True)
            sides += [self.storage.getSampleById(entry.sample_id), FunctionEntry.fromDict(entry.toDict()).toSmdaFunction()]
        try:
            return plain(FunctionCfgMatcher(*sides).getColoredMatches())
        except Exception:  # too many symbols
            return None


class NotOffered(Exception):
    """The reference raises instead of answering, for example for functions without a PicHash in its memory storage."""


def oracle(question, *arguments, **named):
    """The reference's answer. Its tracebacks show its code, so only the name of what it raises is kept."""
    try:
        return question(*arguments, **named)
    except Exception as error:
        raise NotOffered("%s: %s" % (type(error).__name__, error)) from None


class Candidate:
    """A server of ours by its address."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urllib.parse.urlparse(url).netloc, timeout=PATIENCE)

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        document = json.loads(answer.read())
        if answer.status >= 300:
            raise RuntimeError("%s %s: %d %s" % (method, path, answer.status, str(document)[:300]))
        return document["data"]

    def job(self, method, path, body=None, compact=False):
        number = self.call(method, path, body)
        for wait in range(PATIENCE * 100):
            job = self.call("GET", "/jobs/%s" % number)
            if job["result"]:
                return self.call("GET", "/jobs/%s/result%s" % (number, "?compact=true" if compact else ""))
            if job["attempts_left"] == 0 or job.get("terminated"):
                raise RuntimeError("%s: %s" % (path, str(job.get("last_error"))[-300:]))
            time.sleep(0.01)
        raise RuntimeError("%s: no result within %d s" % (path, PATIENCE))


class Reader:
    """The example program: one question, one answer."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, question):
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def differences(left, right, where="$"):
    """Yields a line for each field in which the candidate (right) differs from the reference (left)."""
    if isinstance(left, dict) and isinstance(right, dict):
        if list(left) != list(right):
            if set(left) == set(right):
                yield "%s: order of the keys differs" % where
            for key in sorted(set(left) ^ set(right)):
                yield "%s.%s is %s" % (where, key, "missing" if key in left else "unexpected")
        for key in left:
            if key in right:
                yield from differences(left[key], right[key], "%s.%s" % (where, key))
    elif isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            yield "%s: expected %d entries, got %d" % (where, len(left), len(right))
        for index, (a, b) in enumerate(zip(left, right)):
            yield from differences(a, b, "%s[%d]" % (where, index))
    elif type(left) is not type(right):
        yield "%s: expected %.80r, got %.80r" % (where, left, right)
    elif isinstance(left, float):
        if abs(left - right) > TOLERANCE * max(1.0, abs(left)):
            yield "%s: expected %r, got %r" % (where, left, right)
    elif left != right:
        yield "%s: expected %.80r, got %.80r" % (where, left, right)


def without_job(result):
    """What a run tells of itself is not compared. The sum over no function is the integer 0 in Python and 0.0 with us."""
    result = plain(result)
    if isinstance(result.get("info"), dict):
        result["info"].pop("job", None)
        for sample in [result["info"]["sample"], result.get("other_sample_info"), *result.get("other_sample_infos", [])]:
            if sample:
                sample["binweight"] = float(sample["binweight"])
    return result


class Round:
    """One corpus and its questions."""

    def __init__(self, seed, functions, pool, candidate, reader, verbose):
        self.seed, self.verbose = seed, verbose
        self.candidate, self.reader = candidate, reader
        self.random = random.Random("questions %d" % seed)
        self.as_reports = seed % 4 == 3
        self.corpus = Corpus(seed, functions // 2 if self.as_reports else functions, pool)
        self.passed, self.failed, self.tuples, self.not_offered = 0, 0, 0, []

    def verdict(self, name, left, right):
        found = list(differences(left, right))
        if found:
            self.failed += 1
            print("FAIL seed %d, %s: %s%s" % (self.seed, name, "; ".join(found[:4]), "" if len(found) <= 4 else "; and %d more" % (len(found) - 4)))
            sys.stdout.flush()
        else:
            self.passed += 1
            if self.verbose:
                print("ok   seed %d, %s" % (self.seed, name), flush=True)

    def load(self):
        self.reference = Reference()
        self.candidate.call("POST", "/respawn")
        if self.as_reports:
            for report in self.corpus.reports:
                self.reference.add_report(plain(report))
                self.candidate.call("POST", "/samples", report)
        else:
            document = self.corpus.export(self.reference.index.getExportData()["config"])
            self.reference.index.addImportData(plain(document))
            self.candidate.call("POST", "/import", document)
        self.samples = sorted(self.reference.storage.getSamples(0, 0), key=lambda sample: sample.sample_id)
        ids = [sample.sample_id for sample in self.samples]
        self.functions = {number: self.reference.storage.getFunctionsBySampleId(number) for number in ids}
        self.ids = ids

    def play(self):
        self.load()
        questions = [(self.one_vs_all,)] * 3 + [(self.vs,)] * 2 + [(self.vs_group,)] * 2 + [(self.cross, False), (self.cross, True)]
        questions += [(self.function_pair, alike) for alike in (False, True)] * 3 + [(self.unique_blocks,)]
        questions += [(self.query, sample) for sample in self.corpus.queries] + [(self.query_function,)] * 3
        for question, *arguments in questions:
            try:
                question(*arguments)
            except NotOffered as error:
                self.not_offered.append(str(error))

    # questions

    def parameters(self):
        """The same as keyword arguments of the reference's matchers and as our query string."""
        r, ours, theirs = self.random, [], {}
        if r.random() < 0.3:
            theirs["minhash_threshold"] = r.choice([0, 30, 80, 100])
            ours.append("minhash_score=%d" % theirs["minhash_threshold"])
        if r.random() < 0.5:
            theirs["pichash_size"] = r.choice([0, 1, 5, 9, 10, 11, 12, 30])
            ours.append("pichash_size=%d" % theirs["pichash_size"])
        if r.random() < 0.6:
            theirs["band_matches_required"] = r.choice([0, 1, 1, 2, 3, 5, 20])
            ours.append("band_matches_required=%d" % theirs["band_matches_required"])
        r.shuffle(ours)
        return theirs, "?" + "&".join(ours)

    def compared(self, name, left, right):
        left, right = without_job(left), without_job(right)
        self.tuples += sum(len(function["matches"]) for function in left["matches"].get("functions", []))
        self.verdict(name, left, right)
        return left

    def one_vs_all(self):
        sample = self.random.choice(self.ids)
        theirs, ours = self.parameters()
        expected = oracle(MatcherSample(self.reference.worker, **theirs).getMatchesForSample, sample)
        name = "sample %d%s" % (sample, ours)
        path = "/matches/sample/%d%s" % (sample, ours)
        expected = self.compared(name, expected, self.candidate.job("GET", path))
        compact = plain(expected)
        compact["matches"].pop("functions")
        self.verdict(name + ", compact", compact, without_job(self.candidate.job("GET", path, compact=True)))
        self.read(name, expected, sample)

    def vs(self):
        a, b = self.random.sample(self.ids, 2)
        theirs, ours = self.parameters()
        expected = oracle(MatcherVs(self.reference.worker, **theirs).getMatchesForSample, a, b)
        self.compared("vs %d %d%s" % (a, b, ours), expected, self.candidate.job("GET", "/matches/sample/%d/%d%s" % (a, b, ours)))

    def vs_group(self):
        """Our server compares with a group as part of a cross comparison; the job of one sample is asked for by its place among them."""
        group = self.random.sample(self.ids, min(len(self.ids), self.random.randrange(2, 6)))
        theirs, ours = self.parameters()
        path = "/matches/sample/cross/%s%s&sample_group_only=true" % (",".join(map(str, group)), ours)
        self.candidate.job("GET", path)
        jobs = self.candidate.call("GET", "/jobs?limit=%d&filter=getMatchesForSampleVsGroup" % (len(group) + 5))
        for job in jobs[: len(group)]:
            params = json.loads(job["payload"]["params"]) if isinstance(job["payload"]["params"], str) else job["payload"]["params"]
            sample, others = params["0"], params["1"]
            expected = oracle(MatcherVsGroup(self.reference.worker, **theirs).getMatchesForSample, sample, others)
            self.compared("vs group %d %s%s" % (sample, others, ours), expected, self.candidate.call("GET", "/jobs/%s/result" % job["_id"]["$oid"] if isinstance(job["_id"], dict) else "/jobs/%s/result" % job["_id"]))

    def cross(self, group_only):
        group = self.random.sample(self.ids, min(len(self.ids), self.random.randrange(2, 7)))
        theirs, ours = self.parameters()
        results = []
        for sample in group:
            if group_only:
                others = [other for other in group if other != sample]
                result = oracle(MatcherVsGroup(self.reference.worker, **theirs).getMatchesForSample, sample, others)
            else:
                result = oracle(MatcherSample(self.reference.worker, **theirs).getMatchesForSample, sample)
            result["matches"].pop("functions")
            results.append(plain(result))
        expected = plain(oracle(MatcherCross().create_result, results))
        path = "/matches/sample/cross/%s%s%s" % (",".join(map(str, group)), ours, "&sample_group_only=true" if group_only else "")
        self.verdict("cross %s" % path, expected, self.candidate.job("GET", path))

    def function_pair(self, alike):
        every = [function for functions in self.functions.values() for function in functions]
        by_hash = {}
        for function in every:
            by_hash.setdefault(function.pichash, []).append(function)
        groups = [functions for functions in by_hash.values() if len(functions) > 1]
        pool = self.random.choice(groups) if groups and alike else every
        a, b = self.random.choice(pool), self.random.choice(pool)
        expected = plain(oracle(self.reference.index.getMatchesFunctionVs, a.function_id, b.function_id))
        name = "functions %d %d" % (a.function_id, b.function_id)
        answer = self.candidate.call("GET", "/matches/function/%d/%d" % (a.function_id, b.function_id))
        self.verdict(name, expected["match_entry"], answer["match_entry"])
        sides = []
        for side in "ab":
            sample, function = answer["sample_entry_" + side], answer["function_entry_" + side]
            context = {key: sample[key] for key in ("architecture", "base_addr", "binary_size", "bitness")}
            sides.append(dict(context, function=function["xcfg"]))
        colors = self.reader.ask({"op": "colors", "a": sides[0], "b": sides[1]})
        self.verdict(name + ", colours", sorted_keys(self.reference.colors(a.function_id, b.function_id)), sorted_keys(colors))

    def unique_blocks(self):
        """All samples: the reference's memory storage fails for a part of the corpus."""
        options = self.random.choice([{}, {"covers_required": 3}, {"min_instructions": 6}, {"covers_required": 1, "min_instructions": 5}])
        expected = plain(oracle(self.reference.worker.getUniqueBlocks, self.ids, **options))
        query = urllib.parse.urlencode(options)
        answer = self.candidate.job("GET", "/uniqueblocks/samples/%s?%s" % (",".join(map(str, self.ids)), query))
        decimal = plain(answer)  # the keys of the reference's memory storage are decimal, those of its MongoDB storage are not
        decimal["unique_blocks"] = {str(int(key, 16)): block for key, block in answer["unique_blocks"].items()}
        decimal["yara_rule"] = [int(key, 16) for key in answer["yara_rule"]]
        self.verdict("unique blocks %s" % options, expected, decimal)
        for _ in range(3):
            r = self.random
            rule = {name: r.choice(values) for name, values in [("min_ins", [0, 4, 6]), ("max_ins", [0, 0, 9]), ("min_bytes", [0, 12]), ("max_bytes", [0, 0, 40]), ("required_per_sample", [1, 3, 10]), ("condition_required", [1, 7]), ("wrap_at", [0, 40, 80])]}
            text = UniqueBlocksResult.fromDict(plain(expected)).generateYaraRule(**rule)
            lines = ['        date = "DATE"' if line.startswith("        date = ") else line for line in text.split("\n")]
            self.verdict("rule %s" % rule, "\n".join(lines), self.reader.ask({"op": "rule", "result": expected, "options": rule}))

    def query(self, sample):
        document = self.corpus.report(sample)
        theirs, ours = self.parameters()
        expected = oracle(MatcherQuery(self.reference.worker, **theirs).getMatchesForSmdaReport, SmdaReport.fromDict(plain(document)))
        answer = self.candidate.job("POST", "/query%s" % ours, document)
        expected = self.compared("query %s%s" % (sample["filename"], ours), expected, answer)
        self.read("query %s%s" % (sample["filename"], ours), expected, None)

    def query_function(self):
        known = self.random.random() < 0.5
        sample = self.random.choice(self.corpus.samples if known else self.corpus.queries)
        report = self.corpus.report(sample)
        large = [key for key, function in report["xcfg"].items() if sum(map(len, function["blocks"].values())) > 10]
        if not large:
            return
        key = self.random.choice(large)
        document = dict(report, xcfg={key: report["xcfg"][key]})
        options, query = self.random.choice([({}, "?"), ({"band_matches_required": 1}, "?band_matches_required=1"), ({"band_matches_required": 4}, "?band_matches_required=4")])
        if self.random.random() < 0.5:
            options, query = dict(options, exclude_self_matches=True), query + "&leave_out_self=true"
        expected = oracle(MatcherQueryFunction(self.reference.worker, **options).getMatchesForSmdaFunction, SmdaReport.fromDict(plain(document)))
        answer = self.candidate.call("POST", "/query/function%s" % query, document)
        self.compared("query function %s@%s%s" % (sample["filename"], key, query), expected, answer)

    # reading

    def read(self, name, result, sample):
        """Links, clusters, unique scores and filters of a result, as the client library reads them."""
        r = self.random
        reading = MatchingResult.fromDict(plain(result))
        scores = {str(one.sample_id): plain(reading.getUniqueFamilyMatchInfoForSample(one.sample_id)) for one in reading.sample_matches}
        self.verdict(name + ", unique scores", sorted_keys(scores), sorted_keys(self.reader.ask({"op": "unique", "result": result})))
        if sample is not None:
            self.links(name, result, sample)
        for _ in range(3):
            chosen = r.sample(FILTERS, r.choice([1, 1, 2, 4]))
            options = {key: r.choice(values) for key, values in chosen}
            if "function_offset" in options:
                options["function_offset"] = r.choice([function["offset"] for function in result["matches"]["functions"]] or [1])
            reading = MatchingResult.fromDict(plain(result))
            reading.setFilterValues({"filter_" + key: value for key, value in options.items()})
            oracle(reading.applyFilterValues)
            expected = {"samples": [one.sample_id for one in reading.filtered_sample_matches],
                        "best": [one.sample_id for one in reading.getBestSampleMatchesPerFamily()],
                        "matches": [[one.function_id, one.matched_sample_id, one.matched_function_id] for one in reading.filtered_function_matches]}
            self.verdict("%s, filters %s" % (name, options), expected, self.reader.ask({"op": "filter", "result": result, "options": options}))

    def links(self, name, result, sample):
        r = self.random
        options = {}
        if r.random() < 0.7:
            choices = [("min_score", [60, 90]), ("min_lib_score", [70, 100]), ("min_size", [30, 100]), ("min_offset", [0x402000]), ("max_offset", [0x409000]),
                       ("unpenalized_family_count", [1, 2, 5]), ("exclude_family_ids", [[1], [1, 2]]), ("exclude_sample_ids", [[0, 3]]), ("strongest_per_family", [False])]
            options = {key: r.choice(values) for key, values in r.sample(choices, r.choice([1, 2, 3]))}
        reading = MatchingResult.fromDict(plain(result))
        links = reading.getLinkHuntResults(**options)
        functions = self.functions[sample]
        clusters = reading.clusterLinkHuntResult(functions, links)
        rows = [[[one.function_id, one.matched_family_id, one.matched_sample_id, one.matched_function_id], one.offset, one.matched_score, one.matched_link_score, one.matched_unique] for one in links]
        calls = []
        for function in functions:
            xcfg = self.reference.storage.getFunctionById(function.function_id, with_xcfg=True).xcfg
            calls.append([function.offset, [target for targets in xcfg["outrefs"].values() for target in targets]])
        answer = self.reader.ask({"op": "links", "result": result, "options": options, "functions": calls})
        order = lambda row: (-row[3], row[0])  # noqa: E731 - equal links stand in any order in the reference
        self.verdict("%s, links %s" % (name, options), plain(sorted(rows, key=order)), sorted(answer["links"], key=order))
        expected = [[one["family_id"], sorted(link.offset for link in one["links"]), sorted(link.offset for link in one["unique_matches"]), float(one["score"]), one["max_score"]] for one in clusters]
        self.verdict("%s, clusters %s" % (name, options), plain(sorted(expected, key=lambda row: row[:2])), sorted(answer["clusters"], key=lambda row: row[:2]))


FILTERS = [("unique_only", [True]), ("direct_min_score", [1.0, 10, 50]), ("direct_nonlib_min_score", [1, 20]), ("frequency_min_score", [1, 10]),
           ("frequency_nonlib_min_score", [2, 10]), ("exclude_own_family", [True]), ("family_name", ["family", "1", "Library"]), ("exclude_library", [True]),
           ("library_min_score", [60, 90]), ("max_num_families", [1, 2]), ("min_num_samples", [2, 4]), ("max_num_samples", [1, 3]),
           ("function_min_score", [60, 100]), ("function_max_score", [70, 99]), ("function_offset", [None]), ("exclude_pic", [True]), ("func_unique", [True])]


def sorted_keys(value):
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return value


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--candidate", required=True)
    parser.add_argument("--reader", required=True)
    parser.add_argument("--pool", required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--functions", type=int, default=3000)
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    with gzip.open(args.pool, "rb") as report:
        pool = instruction_pool(json.loads(report.read()))
    candidate, reader = Candidate(args.candidate), Reader(args.reader)
    passed = failed = functions = tuples = 0
    silent = []
    for seed in range(args.first, args.first + args.seeds):
        game = Round(seed, args.functions, pool, candidate, reader, args.verbose)
        game.play()
        passed, failed = passed + game.passed, failed + game.failed
        functions += sum(len(sample["functions"]) for sample in game.corpus.samples)
        tuples += game.tuples
        silent += game.not_offered
    print("%d corpora, %d functions, %d matches between functions compared" % (args.seeds, functions, tuples))
    if silent:
        print("%d questions the reference raises for (%s)" % (len(silent), ", ".join(sorted(set(silent)))))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.tracebacklimit = 0
    sys.exit(main())
