//! A segment out of new samples.

use malkin_codehash::Projection;
use malkin_report::{BlockHash, SampleId};
use sha2::{Digest, Sha256};

use super::Segment;
use super::bands::pack;
use super::encode::{Contents, encode};
use crate::error::IndexError;
use crate::sample::{FunctionIds, IndexedFunction, NewSample, SampleRow, SampleTable};

/// Makes a segment and its table of samples. Refuses repeated samples and functions, and signatures of another length.
pub(crate) fn build(
    samples: &[NewSample<'_>],
    projection: &Projection,
    fingerprint: [u8; 32],
    signature_len: usize,
) -> Result<(Segment, SampleTable), IndexError> {
    let mut order: Vec<&NewSample<'_>> = samples.iter().collect();
    // The image depends on what it holds alone, not on the order in which samples came: equal contents are equal bytes.
    order.sort_by_key(|sample| sample.id);
    if let Some(pair) = order.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(IndexError::SampleExists(pair[0].id));
    }
    let mut collected = Collected::default();
    for sample in order {
        collected.add_sample(sample, signature_len)?;
    }
    collected.finish(projection, fingerprint, signature_len)
}

/// What a function is sorted by: first those with a signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    without: bool,
    signature: &'a [u8],
    pichash: u64,
    digest: u64,
}

#[derive(Default)]
struct Collected<'a> {
    contents: Contents,
    functions: Vec<(Key<'a>, u32)>,
    /// By function number: its blocks.
    blocks: Vec<&'a [BlockHash]>,
}

/// Tells lists of block hashes apart, as well as 64 bits of SHA-256 can: as well as PicHashes tell functions apart. 0 for an
/// empty list. The list is in ascending order without repetitions.
fn digest(blocks: &[u64]) -> u64 {
    if blocks.is_empty() {
        return 0;
    }
    let mut hash = Sha256::new();
    for block in blocks {
        hash.update(block.to_le_bytes());
    }
    let bytes = hash.finalize();
    bytes.first_chunk::<8>().map_or(0, |first| u64::from_le_bytes(*first))
}

impl<'a> Collected<'a> {
    fn add_sample(&mut self, sample: &NewSample<'a>, signature_len: usize) -> Result<(), IndexError> {
        let mut functions: Vec<&IndexedFunction<'a>> = sample.functions.iter().collect();
        functions.sort_by_key(|function| function.id);
        u32::try_from(self.contents.rows.len()).map_err(|_| IndexError::Full)?;
        let function_ids = self.add_ids(sample.id, &functions)?;
        self.contents.rows.push(SampleRow {
            id: sample.id,
            token: sample.token,
            facts: sample.facts,
            first_function: self.contents.num_functions,
            num_functions: u32::try_from(functions.len()).map_err(|_| IndexError::Full)?,
            function_ids,
            live: true,
        });
        let mut blocks = Vec::new();
        for function in functions {
            self.add_function(function, signature_len, &mut blocks)?;
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
        // Ids are any numbers of 64 bits, the greatest too, so the sum is checked.
        // The store numbers functions of a sample consecutively: one number stands for all of them.
        if consecutive {
            return Ok(FunctionIds::From(first));
        }
        let at = u32::try_from(self.contents.listed_ids.len()).map_err(|_| IndexError::Full)?;
        self.contents.listed_ids.extend(functions.iter().map(|function| function.id.get()));
        Ok(FunctionIds::Listed(at))
    }

    fn add_function(
        &mut self,
        function: &IndexedFunction<'a>,
        signature_len: usize,
        blocks: &mut Vec<u64>,
    ) -> Result<(), IndexError> {
        if !function.minhash.is_empty() && function.minhash.len() != signature_len {
            let (expected, found) = (signature_len, function.minhash.len());
            return Err(IndexError::SignatureLength { function: function.id, expected, found });
        }
        blocks.clear();
        blocks.extend(function.blocks.iter().map(|block| block.get()));
        // A hash that occurs twice in a function is found once; the digest is that of the set.
        blocks.sort_unstable();
        blocks.dedup();
        let key = Key {
            without: function.minhash.is_empty(),
            signature: function.minhash,
            pichash: function.pichash.get(),
            digest: digest(blocks),
        };
        self.functions.push((key, self.contents.num_functions));
        self.blocks.push(function.blocks);
        self.contents.num_functions = self.contents.num_functions.checked_add(1).ok_or(IndexError::Full)?;
        Ok(())
    }

    fn finish(
        self,
        projection: &Projection,
        fingerprint: [u8; 32],
        signature_len: usize,
    ) -> Result<(Segment, SampleTable), IndexError> {
        let Self { mut contents, mut functions, blocks } = self;
        // Neighbours share their signature, then their class. Within a class function numbers ascend, so that distances are small.
        functions.sort_unstable();
        let mut pairs = Vec::new();
        let mut bands = vec![Vec::new(); projection.num_bands()];
        for same in functions.chunk_by(|a, b| (a.0.without, a.0.signature) == (b.0.without, b.0.signature)) {
            let signature = same[0].0.signature;
            contents.signature_classes.push(contents.class_pichashes.len() as u32);
            // Functions without a signature are classes too, found by PicHash and blocks; they have no bands.
            if !signature.is_empty() {
                let number = contents.num_signatures(signature_len) as u32;
                contents.signatures.extend_from_slice(signature);
                for (band, key) in bands.iter_mut().zip(projection.keys(signature)) {
                    band.push(pack(key, number));
                }
            }
            for class in same.chunk_by(|a, b| a.0 == b.0) {
                let key = class[0].0;
                let number = contents.begin_class(key.pichash, key.digest);
                contents.functions.extend(class.iter().map(|(_, function)| *function));
                // Functions of one class have the same blocks: those of the first stand for all.
                pairs.extend(blocks[class[0].1 as usize].iter().map(|block| (block.get(), number)));
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        u32::try_from(pairs.len()).map_err(|_| IndexError::Full)?;
        let facts: Vec<_> = contents.rows.iter().map(|row| row.facts).collect();
        let shape = (fingerprint, signature_len, projection.num_bands());
        let image = encode(contents, shape, std::iter::once(pairs), |band| {
            let mut pairs = std::mem::take(&mut bands[band]);
            pairs.sort_unstable();
            pairs
        });
        Segment::made(image, &facts).map_err(IndexError::Image)
    }
}
