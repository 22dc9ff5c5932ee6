"""Random corpora for comparing matchers: families, libraries, versions, planted near-duplicates and what is awkward about them.

A corpus is made of genes. A gene is a function: blocks of real instructions, a signature, a PicHash. Samples take genes of their family, of
libraries and of nobody else, changed a little or not at all. `Corpus.reports` gives them as SMDA reports, whose hashes the servers compute;
`Corpus.export` as a `.mcrit` document whose hashes are made up, which puts scores around the threshold, ties and equal PicHashes at will.
"""
import copy
import hashlib
import json
import random

BASE = 0x400000
SIGNATURE = 64
# Counts of changed positions in a signature. 31 changed positions are the most that match (33 of 64 equal).
CHANGES = [1, 2, 4, 8, 12, 16, 20, 24, 26, 28, 29, 30, 31, 31, 32, 32, 33, 36]


def hash64(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


class Gene:
    """Blocks of instructions (bytes, mnemonic, operands) without addresses, a signature and a PicHash."""

    def __init__(self, blocks, signature, pichash):
        self.blocks, self.signature, self.pichash = blocks, signature, pichash

    def count(self):
        return sum(len(block) for block in self.blocks)


class Corpus:
    def __init__(self, seed, functions, pool):
        self.random = random.Random(seed)
        self.pool = pool
        self.odd = self.random.random() < 0.25  # signatures where none is due, and none where one is due
        self.without = 0.02 if seed % 10 == 9 else 0.0  # share of genes without a PicHash; the reference's memory storage raises for some
        self.alphabet = self.random.choice([256, 256, 256, 4, 16])  # few values make bands collide
        self.samples = []
        self.queries = []
        self._populate(functions)

    # genes

    def _block(self):
        r = self.random
        size = r.choice([1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 10, 12, 14])
        return [r.choice(self.pool) for _ in range(size)]

    def gene(self):
        r = self.random
        small = r.random() < 0.2
        blocks = [self._block() for _ in range(r.choice([1, 1, 2]) if small else r.choice([1, 2, 3, 4, 5, 6, 8, 12]))]
        if small:
            blocks = [block[: r.choice([3, 4, 5])] for block in blocks]
        while r.random() < 0.15 and sum(map(len, blocks)) != 10:  # exactly at the border
            blocks[-1].append(r.choice(self.pool))
        signature = bytes(r.randrange(self.alphabet) for _ in range(SIGNATURE))
        return Gene(blocks, signature, r.getrandbits(64) if r.random() >= self.without else 0)

    def vary(self, gene):
        """A near-duplicate: other bytes, a signature some positions away, most often another PicHash."""
        r = self.random
        blocks = [list(block) for block in gene.blocks]
        for _ in range(r.choice([1, 1, 2, 3, 6])):
            block = r.choice(blocks)
            block[r.randrange(len(block))] = r.choice(self.pool)
        if r.random() < 0.2:
            blocks.append(self._block())
        signature = bytearray(gene.signature)
        for position in r.sample(range(SIGNATURE), r.choice(CHANGES)):
            signature[position] = (signature[position] + r.randrange(1, self.alphabet)) % self.alphabet
        return Gene(blocks, bytes(signature), gene.pichash if r.random() < 0.15 and sum(map(len, blocks)) == gene.count() else r.getrandbits(64))

    # samples

    def _populate(self, functions):
        r = self.random
        num_samples = r.randrange(6, 26)
        families = ["family%d" % number for number in range(r.randrange(2, 8))] + [""]
        libraries = ["library%d" % number for number in range(r.randrange(1, 4))]
        common = [self.gene() for _ in range(r.randrange(10, 60))]
        genes = {name: [self.gene() for _ in range(r.randrange(10, 120))] for name in families + libraries}
        for name in families:  # families that borrow from each other
            if r.random() < 0.5:
                genes[name] += r.sample(genes[r.choice(families)], 5)
        left = functions
        for number in range(num_samples + r.randrange(1, 3)):
            is_library = r.random() < 0.25
            name = r.choice(libraries if is_library else families)
            wanted = max(1, left // max(1, num_samples - number)) if r.random() > 0.05 else 0
            wanted = int(wanted * r.uniform(0.3, 1.7))
            sample = self._sample(number, name, is_library, wanted, genes, common, libraries)
            if number < num_samples:
                self.samples.append(sample)
                left -= len(sample["functions"])
            else:
                self.queries.append(sample)

    def _sample(self, number, name, is_library, wanted, genes, common, libraries):
        r = self.random
        functions, offset = [], BASE + 0x1000
        while len(functions) < wanted:
            choice = r.random()
            if choice < 0.5:
                gene = r.choice(genes[name])
            elif choice < 0.65:
                gene = r.choice(common)
            elif choice < 0.8:
                gene = r.choice(genes[r.choice(libraries)])
            elif choice < 0.9 and functions:
                gene = r.choice(functions)[1]  # twice in one sample
            else:
                gene = self.gene()
            if r.random() < 0.5:
                gene = self.vary(gene)
            functions.append((offset, gene))
            offset += sum(len(text) // 2 for block in gene.blocks for text, _, _ in block) + r.choice([0, 1, 16])
        identity = hashlib.sha256(b"%d %d" % (r.getrandbits(60), number)).hexdigest()
        return {"sha256": identity, "family": name, "version": r.choice(["", "1.0", "2.%d" % number]), "is_library": is_library,
                "filename": "sample%d" % number, "functions": functions, "bitness": r.choice([32, 64]), "size": offset - BASE + 0x1000}

    def _xcfg(self, offset, gene, entries):
        r = random.Random(offset ^ gene.pichash)
        blocks, starts, at = {}, [], offset
        for block in gene.blocks:
            starts.append(at)
            rows = []
            for text, mnemonic, operands in block:
                rows.append([at, text, mnemonic, operands])
                at += len(text) // 2
            blocks[str(starts[-1])] = rows
        refs = {str(start): sorted(r.sample(starts, min(len(starts), r.choice([0, 1, 2])))) for start in starts}
        outrefs = {str(start): [r.choice(entries)] for start in starts if r.random() < 0.3}
        weight = float(at - offset)
        name = "sub_%x" % gene.pichash if r.random() < 0.3 else ""
        return {"offset": offset, "blocks": blocks, "apirefs": {}, "stringrefs": {}, "blockrefs": refs, "inrefs": [], "outrefs": outrefs,
                "is_exported": False,
                "metadata": {"binweight": weight, "characteristics": "-----------", "confidence": 0.5, "function_name": name, "pic_hash": gene.pichash,
                             "nesting_depth": 1, "strongly_connected_components": [[start] for start in starts], "tfidf": -1.0}}

    def report(self, sample):
        entries = [offset for offset, _ in sample["functions"]] or [BASE]
        xcfg = {str(offset): self._xcfg(offset, gene, entries) for offset, gene in sample["functions"]}
        counts = self._statistics(sample)
        return {"architecture": "intel", "abi": "", "base_addr": BASE, "binary_size": sample["size"], "bitness": sample["bitness"],
                "code_areas": [], "code_sections": [], "confidence_threshold": 0.0, "disassembly_errors": {}, "execution_time": 1.0,
                "identified_alignment": 0, "message": "", "status": "ok", "sha256": sample["sha256"], "sha1": "", "md5": "", "smda_version": "5.0.1",
                "statistics": counts, "timestamp": "2024-01-02T03-04-05", "oep": None, "buffer": "", "xheader": "", "pe_header_hash": "",
                "metadata": {"binweight": sum((entry["metadata"]["binweight"] for entry in xcfg.values()), 0.0), "component": "", "family": sample["family"],
                             "filename": sample["filename"], "is_library": sample["is_library"], "is_buffer": False, "language": {},
                             "version": sample["version"]},
                "xcfg": xcfg, "xdata_refs_from": {}, "xdata_refs_to": {}, "xmetadata": {}}

    def _statistics(self, sample):
        genes = [gene for _, gene in sample["functions"]]
        return {"num_functions": len(genes), "num_recursive_functions": 0, "num_leaf_functions": 0,
                "num_basic_blocks": sum(len(gene.blocks) for gene in genes), "num_instructions": sum(gene.count() for gene in genes),
                "num_api_calls": 0, "num_function_calls": 0, "num_failed_functions": 0, "num_failed_instructions": 0}

    @property
    def reports(self):
        return [self.report(sample) for sample in self.samples]

    def export(self, config):
        """A `.mcrit` document; `config` is that of the reference's own export."""
        families, mapping = {"": 0}, {}
        samples, functions, next_id = {}, {}, 0
        for number, sample in enumerate(self.samples):
            family_id = families.setdefault(sample["family"], len(families))
            mapping[str(family_id)] = sample["family"]
            entries = [offset for offset, _ in sample["functions"]] or [BASE]
            rows, weight = {}, 0.0
            for offset, gene in sample["functions"]:
                xcfg = self._xcfg(offset, gene, entries)
                weight += xcfg["metadata"]["binweight"]
                rows[str(next_id)] = self._function(next_id, number, family_id, gene, xcfg)
                next_id += 1
            functions[sample["sha256"]] = rows
            samples[sample["sha256"]] = {
                "architecture": "intel", "base_addr": BASE, "binary_size": sample["size"], "binweight": weight, "bitness": sample["bitness"],
                "component": "", "family_id": family_id, "family": sample["family"], "filename": sample["filename"], "is_library": sample["is_library"],
                "sample_id": number, "sha256": sample["sha256"], "smda_version": "5.0.1", "statistics": self._statistics(sample),
                "timestamp": "2024-01-02T03-04-05", "version": sample["version"]}
        content = {"is_compressed": False, "num_families": len(mapping), "num_samples": len(samples), "num_functions": next_id}
        return {"content": content, "config": copy.deepcopy(config), "family_mapping": mapping, "sample_entries": samples, "function_entries": functions}

    def _function(self, number, sample_id, family_id, gene, xcfg):
        r = random.Random(gene.pichash ^ number)
        count = gene.count()
        hashed = count > 10
        if self.odd and r.random() < 0.05:
            hashed = not hashed
        blocks = []
        for start, rows in xcfg["blocks"].items():
            if len(rows) >= 4:
                value = hash64(json.dumps([row[1:] for row in rows]))
                known = [block for block in blocks if block["hash"] == value]
                if not known:
                    size = sum(len(row[1]) // 2 for row in rows)
                    blocks.append({"offset": int(start), "length": len(rows), "size": size, "hash": value})
        return {"architecture": "intel", "binweight": xcfg["metadata"]["binweight"], "family_id": family_id, "function_id": number,
                "function_name": xcfg["metadata"]["function_name"], "function_labels": [], "matches": {},
                "minhash": gene.signature.hex() if hashed else "", "minhash_shingle_composition": {}, "num_blocks": len(gene.blocks),
                "num_instructions": count, "offset": xcfg["offset"], "pichash": gene.pichash, "picblockhashes": blocks, "sample_id": sample_id,
                "xcfg": xcfg}


def instruction_pool(report):
    """Distinct instructions of an SMDA report: bytes, mnemonic, operands."""
    distinct = {tuple(row[1:4]) for function in report["xcfg"].values() for block in function["blocks"].values() for row in block}
    return sorted(distinct)
