//! A segment out of new samples.

use malkin_codehash::Projection;
use malkin_report::SampleId;

use super::{BandTable, HashPostings, Posting, Segment, bands::pack};
use crate::error::IndexError;
use crate::sample::{FunctionIds, IndexedFunction, NewSample, SampleRow, SampleTable};

/// Makes a segment and its table of samples. Refuses repeated samples and functions, and signatures of another length.
pub(crate) fn build(
    samples: &[NewSample<'_>],
    projection: &Projection,
    signature_len: usize,
) -> Result<(Segment, SampleTable), IndexError> {
    let mut order: Vec<&NewSample<'_>> = samples.iter().collect();
    order.sort_by_key(|sample| sample.id);
    if let Some(pair) = order.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(IndexError::SampleExists(pair[0].id));
    }
    let mut collected = Collected::default();
    for sample in order {
        collected.add_sample(sample, signature_len)?;
    }
    collected.finish(projection, signature_len)
}

#[derive(Default)]
struct Collected<'a> {
    rows: Vec<SampleRow>,
    listed_ids: Vec<i64>,
    signatures: Vec<(&'a [u8], Posting)>,
    pichashes: Vec<(u64, Posting)>,
    blocks: Vec<(u64, u32)>,
    num_functions: u32,
}

impl<'a> Collected<'a> {
    fn add_sample(&mut self, sample: &NewSample<'a>, signature_len: usize) -> Result<(), IndexError> {
        let mut functions: Vec<&IndexedFunction<'a>> = sample.functions.iter().collect();
        functions.sort_by_key(|function| function.id);
        let row = u32::try_from(self.rows.len()).map_err(|_| IndexError::Full)?;
        let function_ids = self.add_ids(sample.id, &functions)?;
        self.rows.push(SampleRow {
            id: sample.id,
            facts: sample.facts,
            first_function: self.num_functions,
            num_functions: u32::try_from(functions.len()).map_err(|_| IndexError::Full)?,
            function_ids,
            live: true,
        });
        for function in functions {
            self.add_function(
                Posting { sample: row, function: self.num_functions },
                function,
                signature_len,
            )?;
            self.num_functions = self.num_functions.checked_add(1).ok_or(IndexError::Full)?;
        }
        Ok(())
    }

    /// Remembers the numbers of a sample's functions, which are in ascending order.
    fn add_ids(
        &mut self,
        sample: SampleId,
        functions: &[&IndexedFunction<'_>],
    ) -> Result<FunctionIds, IndexError> {
        if let Some(pair) = functions.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(IndexError::DuplicateFunction { sample, function: pair[0].id });
        }
        let first = functions.first().map_or(0, |function| function.id.get());
        let consecutive =
            functions.windows(2).all(|pair| pair[0].id.get().checked_add(1) == Some(pair[1].id.get()));
        if consecutive {
            return Ok(FunctionIds::From(first));
        }
        let at = u32::try_from(self.listed_ids.len()).map_err(|_| IndexError::Full)?;
        self.listed_ids.extend(functions.iter().map(|function| function.id.get()));
        Ok(FunctionIds::Listed(at))
    }

    fn add_function(
        &mut self,
        posting: Posting,
        function: &IndexedFunction<'a>,
        signature_len: usize,
    ) -> Result<(), IndexError> {
        if !function.minhash.is_empty() {
            if function.minhash.len() != signature_len {
                let (expected, found) = (signature_len, function.minhash.len());
                return Err(IndexError::SignatureLength { function: function.id, expected, found });
            }
            self.signatures.push((function.minhash, posting));
        }
        if function.pichash.get() != 0 {
            self.pichashes.push((function.pichash.get(), posting));
        }
        self.blocks.extend(function.blocks.iter().map(|block| (block.get(), posting.function)));
        Ok(())
    }

    fn finish(
        mut self,
        projection: &Projection,
        signature_len: usize,
    ) -> Result<(Segment, SampleTable), IndexError> {
        self.signatures.sort_unstable();
        self.pichashes.sort_unstable();
        self.blocks.sort_unstable();
        self.blocks.dedup();
        // The number of functions bounds everything else but the blocks.
        u32::try_from(self.blocks.len()).map_err(|_| IndexError::Full)?;

        let (mut signatures, mut starts, mut end) = (Vec::new(), vec![0], 0);
        let mut bands = vec![Vec::new(); projection.num_bands()];
        for (number, group) in self.signatures.chunk_by(|a, b| a.0 == b.0).enumerate() {
            let signature = group[0].0;
            signatures.extend_from_slice(signature);
            end += group.len();
            starts.push(end as u32);
            for (band, key) in bands.iter_mut().zip(projection.keys(signature)) {
                band.push(pack(key, number as u32));
            }
        }
        signatures.shrink_to_fit();
        starts.shrink_to_fit();
        let bands = bands
            .into_iter()
            .map(|mut pairs| {
                pairs.sort_unstable();
                BandTable::from_sorted(&pairs)
            })
            .collect();
        let segment = Segment {
            signature_len,
            signatures,
            starts,
            postings: self.signatures.iter().map(|(_, posting)| *posting).collect(),
            pichashes: HashPostings::from_sorted(&self.pichashes),
            blocks: HashPostings::from_sorted(&self.blocks),
            bands,
            listed_ids: self.listed_ids,
            num_functions: self.num_functions,
        };
        Ok((segment, SampleTable::new(self.rows)))
    }
}
