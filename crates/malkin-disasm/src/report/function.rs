//! One function of the report: text of its code, edges, references, scores.

use malkin_codehash::{SampleContext, pichash};
use malkin_report::cfg::{nesting_depth, strongly_connected_components};
use malkin_report::{CodeBuilder, Function, FunctionMetadata, Instruction, Va};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value};

use super::hex::push_hex;
use super::listing::Listing;
use super::score::{MnemonicCounter, characteristics, confidence, rounded};
use crate::flow::Findings;
use crate::flow::bitmap::Bitmap;
use crate::flow::blocks::BlockRun;
use crate::flow::functions::Stored;
use crate::flow::work::{DataReference, Row};

/// References of the whole image, arranged for look-up by function.
#[derive(Debug)]
pub(super) struct References {
    /// Function start to the sources of edges that lead there.
    incoming: FxHashMap<u64, Vec<u64>>,
    /// Edges that the function of their source did not record, by source and target.
    loose: Vec<(u64, u64)>,
    /// Instruction and API text, ascending.
    apis: Vec<(u64, String)>,
}

impl References {
    pub(super) fn new<K: Copy>(findings: &Findings<'_, K>) -> Self {
        let view = &findings.view;
        let all = findings.functions.all();
        let mut starts = Bitmap::new(view.data.len());
        for stored in all.iter().filter(|stored| stored.alive) {
            if let Some(offset) = view.offset(stored.start) {
                starts.set(offset);
            }
        }
        let mut incoming: FxHashMap<u64, Vec<u64>> = FxHashMap::default();
        let mut loose = findings.functions.loose_edges().to_vec();
        for &(from, to) in all.iter().flat_map(|stored| &stored.edges).chain(&loose) {
            if view.offset(to).is_some_and(|offset| starts.get(offset)) {
                incoming.entry(to).or_default().push(from);
            }
        }
        for sources in incoming.values_mut() {
            sources.sort_unstable();
            sources.dedup();
        }
        loose.sort_unstable();
        let by_instruction = findings.apis.by_instruction();
        let mut apis: Vec<(u64, String)> =
            by_instruction.into_iter().map(|(source, name)| (source, name.to_text())).collect();
        apis.sort_unstable();
        Self { incoming, loose, apis }
    }

    /// Data references of all instructions, in both directions.
    pub(super) fn data<K: Copy>(
        findings: &Findings<'_, K>,
    ) -> (malkin_report::DataRefs, malkin_report::DataRefs) {
        let all = findings.functions.all();
        let own = all.iter().flat_map(|stored| &stored.data);
        let references: Vec<DataReference> = own.chain(findings.functions.loose_data()).copied().collect();
        let forward = references.iter().map(|reference| (i128::from(reference.from), reference.target()));
        let backward = references.iter().map(|reference| (reference.target(), i128::from(reference.from)));
        (grouped(forward.collect()), grouped(backward.collect()))
    }

    /// Edges of an instruction, ascending.
    fn targets(&self, own: &[(u64, u64)], from: u64, out: &mut Vec<u64>) {
        out.clear();
        for edges in [own, &self.loose] {
            let start = edges.partition_point(|edge| edge.0 < from);
            out.extend(edges[start..].iter().take_while(|edge| edge.0 == from).map(|edge| edge.1));
        }
        if out.len() > 1 {
            out.sort_unstable();
            out.dedup();
        }
    }
}

fn grouped(mut pairs: Vec<(i128, i128)>) -> malkin_report::DataRefs {
    pairs.sort_unstable();
    pairs.dedup();
    let mut groups: malkin_report::DataRefs = Vec::new();
    for (key, value) in pairs {
        match groups.last_mut() {
            Some((last, values)) if *last == key => values.push(value),
            _ => groups.push((key, vec![value])),
        }
    }
    groups
}

/// Makes functions of what was stored.
pub(super) struct Assembler<'r, 'a, L: Listing> {
    findings: &'r Findings<'a, L::Kind>,
    listing: &'r mut L,
    references: &'r References,
    context: SampleContext,
    counter: MnemonicCounter,
    builder: CodeBuilder,
    bytes: String,
    mnemonic: String,
    operands: String,
}

impl<'r, 'a, L: Listing> Assembler<'r, 'a, L> {
    pub(super) fn new(
        findings: &'r Findings<'a, L::Kind>,
        listing: &'r mut L,
        references: &'r References,
        context: SampleContext,
    ) -> Self {
        let counter = MnemonicCounter::new(&listing.weights(), L::mnemonics());
        Self {
            findings,
            listing,
            references,
            context,
            counter,
            builder: CodeBuilder::new(),
            bytes: String::new(),
            mnemonic: String::new(),
            operands: String::new(),
        }
    }

    /// The function, unless its code exceeds what a report can hold.
    pub(super) fn assemble(&mut self, stored: &Stored<L::Kind>) -> Option<Function> {
        self.builder.clear();
        let mut weight = 0u64;
        for block in &stored.blocks {
            let rows = rows_of(stored, *block);
            self.builder.begin_block(Va::new(self.address(*rows.first()?)));
            for &row in rows {
                weight += u64::from(row.length);
                self.write(row)?;
            }
        }
        let code = self.builder.take().ok()?;
        let candidate = self.findings.candidates.get(stored.start);
        let tfidf = self.counter.finish();
        let blockrefs = self.block_edges(stored);
        let image = self.findings.view.image;
        let mut function = Function {
            offset: Va::new(stored.start),
            code,
            apirefs: self.api_references(stored),
            stringrefs: Value::Object(Map::new()),
            outrefs: self.outgoing(stored),
            inrefs: self
                .references
                .incoming
                .get(&stored.start)
                .into_iter()
                .flatten()
                .map(|&from| Va::new(from))
                .collect(),
            is_exported: image.exports.contains(&stored.start),
            architecture_metadata: Value::Object(Map::new()),
            metadata: FunctionMetadata {
                binweight: weight as f64,
                characteristics: candidate.map(characteristics),
                confidence: candidate.map(|candidate| confidence(candidate, tfidf)),
                function_name: image.symbols.get(&stored.start).cloned().unwrap_or_default(),
                pic_hash: None,
                nesting_depth: None,
                strongly_connected_components: strongly_connected_components(&blockrefs),
                tfidf: candidate.map(|_| rounded(tfidf)),
            },
            blockrefs,
        };
        function.metadata.nesting_depth = Some(nesting_depth(&function));
        function.metadata.pic_hash = pichash(&function, &self.context).ok().flatten();
        Some(function)
    }

    fn address(&self, row: Row<L::Kind>) -> u64 {
        self.findings.view.base + u64::from(row.offset)
    }

    fn write(&mut self, row: Row<L::Kind>) -> Option<()> {
        let start = row.offset as usize;
        let code = self.findings.view.data.get(start..start + usize::from(row.length))?;
        self.bytes.clear();
        self.mnemonic.clear();
        self.operands.clear();
        push_hex(code, &mut self.bytes);
        let spelling = self.listing.write(row, &mut self.mnemonic, &mut self.operands)?;
        self.counter.add(&self.mnemonic, spelling);
        let instruction = Instruction {
            offset: Va::new(self.address(row)),
            bytes: &self.bytes,
            mnemonic: &self.mnemonic,
            operands: &self.operands,
        };
        self.builder.push(instruction).ok()
    }

    /// Edges of the last instruction of every block to other blocks.
    fn block_edges(&self, stored: &Stored<L::Kind>) -> Vec<(Va, Vec<Va>)> {
        let mut heads: Vec<u64> = Vec::with_capacity(stored.blocks.len());
        let first_rows = stored.blocks.iter().filter_map(|block| stored.rows.get(block.first as usize));
        heads.extend(first_rows.map(|row| self.address(*row)));
        let mut targets = Vec::new();
        let mut edges = Vec::with_capacity(heads.len());
        for (block, &head) in stored.blocks.iter().zip(&heads) {
            let Some(last) = rows_of(stored, *block).last() else { continue };
            self.references.targets(&stored.edges, self.address(*last), &mut targets);
            let inside = targets.iter().filter(|target| heads.binary_search(target).is_ok());
            edges.push((Va::new(head), inside.map(|&target| Va::new(target)).collect()));
        }
        edges
    }

    /// Edges that leave the function but not the image. The entry counts as outside.
    fn outgoing(&self, stored: &Stored<L::Kind>) -> Vec<(Va, Vec<Va>)> {
        let loose = &self.references.loose;
        let first = loose.partition_point(|edge| edge.0 < stored.borders.0);
        let left_behind = loose[first..].iter().take_while(|edge| edge.0 < stored.borders.1).count();
        if left_behind == 0 {
            return self.outgoing_of(stored, &stored.edges);
        }
        let mut edges = [stored.edges.as_slice(), &loose[first..first + left_behind]].concat();
        edges.sort_unstable();
        edges.dedup();
        self.outgoing_of(stored, &edges)
    }

    /// As [`Self::outgoing`], of edges in ascending order.
    fn outgoing_of(&self, stored: &Stored<L::Kind>, edges: &[(u64, u64)]) -> Vec<(Va, Vec<Va>)> {
        let view = &self.findings.view;
        let in_blocks = InBlocks::new(stored, view.base);
        let mut outgoing: Vec<(Va, Vec<Va>)> = Vec::new();
        let mut row = 0;
        for &(from, to) in edges {
            while stored.rows.get(row).is_some_and(|row| self.address(*row) < from) {
                row += 1;
            }
            // Nearly every edge leads to the next instruction.
            let next = stored.rows.get(row + 1).is_some_and(|next| self.address(*next) == to);
            if next && in_blocks.only.is_none() && to != stored.start {
                continue;
            }
            let leaves = view.contains(to) && (to == stored.start || !in_blocks.has(to));
            if leaves && in_blocks.has(from) {
                match outgoing.last_mut() {
                    Some((last, targets)) if last.get() == from => targets.push(Va::new(to)),
                    _ => outgoing.push((Va::new(from), vec![Va::new(to)])),
                }
            }
        }
        outgoing
    }

    fn api_references(&self, stored: &Stored<L::Kind>) -> Vec<(Va, String)> {
        let apis = &self.references.apis;
        let first = apis.partition_point(|(source, _)| *source < stored.borders.0);
        let candidates = apis[first..].iter().take_while(|(source, _)| *source < stored.borders.1);
        let mut in_blocks = None;
        let mut references = Vec::new();
        for (source, text) in candidates {
            let known = in_blocks.get_or_insert_with(|| InBlocks::new(stored, self.findings.view.base));
            if known.has(*source) {
                references.push((Va::new(*source), text.clone()));
            }
        }
        references
    }
}

/// Instructions that are in some block of a function. Nearly always that is all of them.
struct InBlocks<'a, K> {
    rows: &'a [Row<K>],
    base: u64,
    only: Option<FxHashSet<u64>>,
}

impl<'a, K: Copy> InBlocks<'a, K> {
    fn new(stored: &'a Stored<K>, base: u64) -> Self {
        let mut covered = 0;
        let complete = stored.blocks.iter().all(|block| {
            let gapless = block.first as usize <= covered;
            covered = covered.max(block.first as usize + block.count as usize);
            gapless
        }) && covered == stored.rows.len();
        let only = (!complete).then(|| {
            let rows = stored.blocks.iter().flat_map(|block| rows_of(stored, *block));
            rows.map(|row| base + u64::from(row.offset)).collect()
        });
        Self { rows: &stored.rows, base, only }
    }

    fn has(&self, address: u64) -> bool {
        if let Some(only) = &self.only {
            return only.contains(&address);
        }
        let offset = address.checked_sub(self.base).and_then(|offset| u32::try_from(offset).ok());
        offset.is_some_and(|offset| self.rows.binary_search_by_key(&offset, |row| row.offset).is_ok())
    }
}

fn rows_of<K>(stored: &Stored<K>, block: BlockRun) -> &[Row<K>] {
    stored.rows.get(block.span()).unwrap_or_default()
}
