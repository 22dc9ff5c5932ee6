//! An immutable part of the index: some samples' signatures, PicHashes and block hashes as sorted arrays in one image.
//!
//! Numbers inside a segment count from 0: samples in ascending order of their ids, functions in ascending order of
//! (sample, function), signatures in ascending order of their bytes. Functions that are equal in everything the index knows
//! (signature, PicHash, block hashes) form a *class*: millions of functions are far fewer classes, so everything but the list
//! of functions itself is kept once for each class. Classes are in ascending order of (signature, PicHash, digest of blocks),
//! those without a signature last; so the functions of one signature are adjacent.

mod bands;
mod buckets;
mod build;
mod combine;
mod encode;
mod image;
mod packed;

use malkin_report::{BlockHash, FunctionId, PicHash};

pub(crate) use bands::BandTable;
pub(crate) use build::build;
pub(crate) use combine::combine;
pub(crate) use image::Image;
pub use image::checksum;

use crate::error::ImageError;
use crate::sample::{FunctionIds, SampleFacts, SampleRow, SampleTable};
use buckets::Split;
use packed::Packed;

/// Numbers of the sections of an image.
mod section {
    pub(super) const SAMPLE_IDS: usize = 0;
    pub(super) const SAMPLE_TOKENS: usize = 1;
    /// First function of each sample, and the number of functions.
    pub(super) const SAMPLE_FUNCTIONS: usize = 2;
    /// Id of the first function, or where the ids are listed.
    pub(super) const SAMPLE_FIRST_IDS: usize = 3;
    /// 1 if the ids are listed, else 0.
    pub(super) const SAMPLE_LISTED: usize = 4;
    pub(super) const LISTED_IDS: usize = 5;
    pub(super) const SIGNATURES: usize = 6;
    /// First class of each signature, and of the classes without one.
    pub(super) const SIGNATURE_CLASSES: usize = 7;
    pub(super) const CLASS_PICHASHES: usize = 8;
    pub(super) const CLASS_DIGESTS: usize = 9;
    /// Where the functions of each class start, and their end.
    pub(super) const CLASS_FUNCTIONS: usize = 10;
    pub(super) const FUNCTIONS: usize = 11;
    pub(super) const PICHASH_BUCKETS: usize = 12;
    /// Classes in ascending order of their PicHash.
    pub(super) const PICHASH_CLASSES: usize = 13;
    pub(super) const BLOCK_BUCKETS: usize = 14;
    /// Where the lists of the first hash of each bucket start.
    pub(super) const BLOCK_LISTS: usize = 15;
    pub(super) const BLOCK_RESTS: usize = 16;
    /// Twice the class, and one more for the last of a hash.
    pub(super) const BLOCK_CLASSES: usize = 17;
    /// Buckets, rests of keys and signatures of each band.
    pub(super) const BANDS: usize = 18;
}

/// Bits of hashes and of band keys.
const HASH_BITS: u32 = 64;
const KEY_BITS: u32 = 32;
/// Functions for which one entry says in which sample to begin looking: samples have some hundreds of functions.
const FUNCTIONS_PER_HINT: u32 = 64;

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Segment {
    image: Image,
    /// First function of each sample, and the number of functions: what finding the sample of a function needs, close together.
    firsts: Vec<u32>,
    /// By function number divided by [`FUNCTIONS_PER_HINT`]: the sample of the first of these functions.
    hints: Vec<u32>,
    /// Number its owner gave it; 0 if it is in memory only.
    label: u64,
    signature_len: usize,
    num_signatures: u32,
    num_classes: u32,
    num_hashes: usize,
    num_block_postings: usize,
}

impl Segment {
    /// Reads an image. `facts` returns for each sample, by id and token, what it is now, or that it is gone.
    pub(crate) fn open(
        bytes: Vec<u8>,
        label: u64,
        facts: &mut dyn FnMut(malkin_report::SampleId, u64) -> Option<SampleFacts>,
    ) -> Result<(Self, SampleTable), ImageError> {
        let image = Image::open(bytes)?;
        let head = *image.facts();
        if image.num_sections() != section::BANDS + 3 * head.bands as usize {
            return Err(ImageError::Damaged("the number of sections is not that of the bands"));
        }
        let signature_len = head.signature_len as usize;
        let signatures = image.raw(section::SIGNATURES).len();
        if signature_len == 0 || !signatures.is_multiple_of(signature_len) {
            return Err(ImageError::Damaged("the signatures are not of one length"));
        }
        let num_signatures = narrow(signatures / signature_len)?;
        if image.packed(section::SIGNATURE_CLASSES).len() != num_signatures as usize + 1 {
            return Err(ImageError::Damaged("not every signature has its classes"));
        }
        let classes = image.packed(section::CLASS_PICHASHES).len();
        if image.packed(section::CLASS_FUNCTIONS).len() != classes + 1
            || image.packed(section::CLASS_DIGESTS).len() != classes
        {
            return Err(ImageError::Damaged("not every class has its functions"));
        }
        if image.packed(section::FUNCTIONS).len() != head.functions as usize {
            return Err(ImageError::Damaged("the number of functions is not that of the header"));
        }
        let class_starts = image.packed(section::SIGNATURE_CLASSES);
        let function_starts = image.packed(section::CLASS_FUNCTIONS);
        if !class_starts.ascends_within(classes) || !function_starts.ascends_within(head.functions as usize) {
            return Err(ImageError::Damaged("the classes overlap"));
        }
        let rows = rows(&image, facts)?;
        let mut firsts: Vec<u32> = rows.iter().map(|row| row.first_function).collect();
        firsts.push(head.functions);
        let segment = Self {
            hints: hints(&firsts, head.functions),
            firsts,
            label,
            signature_len,
            num_signatures,
            num_classes: narrow(classes)?,
            num_hashes: image.packed(section::PICHASH_CLASSES).len(),
            num_block_postings: image.packed(section::BLOCK_CLASSES).len(),
            image,
        };
        Ok((segment, SampleTable::new(rows)))
    }

    /// A segment of an image this program has just made, with its samples' facts in the order of their ids.
    fn made(image: Vec<u8>, facts: &[SampleFacts]) -> Result<(Self, SampleTable), ImageError> {
        let mut facts = facts.iter().copied();
        Self::open(image, 0, &mut |_, _| facts.next())
    }

    pub(crate) fn labelled(self, label: u64) -> Self {
        Self { label, ..self }
    }

    pub(crate) fn image(&self) -> &Image {
        &self.image
    }

    pub(crate) fn label(&self) -> u64 {
        self.label
    }

    pub(crate) fn num_functions(&self) -> u32 {
        self.image.facts().functions
    }

    pub(crate) fn num_signatures(&self) -> u32 {
        self.num_signatures
    }

    /// Classes with a PicHash: as good as the number of distinct PicHashes.
    pub(crate) fn num_pichashes(&self) -> usize {
        self.num_hashes
    }

    pub(crate) fn num_blocks(&self) -> usize {
        self.image.packed(section::BLOCK_RESTS).len()
    }

    pub(crate) fn num_block_postings(&self) -> usize {
        self.num_block_postings
    }

    pub(crate) fn signature(&self, number: u32) -> &[u8] {
        let at = number as usize * self.signature_len;
        self.signatures().get(at..at + self.signature_len).unwrap_or_default()
    }

    /// All signatures in a row.
    pub(crate) fn signatures(&self) -> &[u8] {
        self.image.raw(section::SIGNATURES)
    }

    /// Functions that carry a signature, class by class, ascending in each.
    pub(crate) fn functions_of(&self, number: u32) -> impl Iterator<Item = u32> + use<'_> {
        let classes =
            self.image.packed(section::SIGNATURE_CLASSES).range(number as usize, self.num_classes as usize);
        self.functions_of_classes(classes)
    }

    /// Functions of neighbouring classes.
    fn functions_of_classes(&self, classes: std::ops::Range<usize>) -> impl Iterator<Item = u32> + use<'_> {
        let functions = self.image.packed(section::FUNCTIONS);
        let starts = self.image.packed(section::CLASS_FUNCTIONS);
        let range = if classes.is_empty() {
            0..0
        } else {
            starts.get(classes.start) as usize..starts.get(classes.end) as usize
        };
        let last = self.num_functions().saturating_sub(1);
        functions.slice(range).map(move |function| (function as u32).min(last))
    }

    /// Functions with a PicHash, class by class. None for 0.
    pub(crate) fn with_pichash(&self, pichash: PicHash) -> impl Iterator<Item = u32> + use<'_> {
        let hash = pichash.get();
        let classes = self.image.packed(section::PICHASH_CLASSES);
        let hashes = self.image.packed(section::CLASS_PICHASHES);
        let bucket = match self.split(section::PICHASH_BUCKETS, HASH_BITS) {
            Some(split) if hash != 0 => {
                self.image.packed(section::PICHASH_BUCKETS).range(split.bucket(hash), classes.len())
            }
            _ => 0..0,
        };
        let equal = equal_range(bucket, hash, |at| hashes.get(classes.get(at) as usize));
        classes
            .slice(equal)
            .flat_map(move |class| self.functions_of_classes(class as usize..class as usize + 1))
    }

    /// Functions with a basic block of this hash, class by class.
    pub(crate) fn with_block(&self, block: BlockHash) -> impl Iterator<Item = u32> + use<'_> {
        let classes = self.classes_with_block(block.get());
        classes.flat_map(move |class| self.functions_of_classes(class as usize..class as usize + 1))
    }

    fn classes_with_block(&self, hash: u64) -> impl Iterator<Item = u64> + use<'_> {
        let rests = self.image.packed(section::BLOCK_RESTS);
        let classes = self.image.packed(section::BLOCK_CLASSES);
        let found = self.split(section::BLOCK_BUCKETS, HASH_BITS).and_then(|split| {
            let bucket = self.image.packed(section::BLOCK_BUCKETS).range(split.bucket(hash), rests.len());
            let at = equal_range(bucket.clone(), split.rest(hash), |at| rests.get(at)).next()?;
            // Lists carry no lengths: those before it in the bucket are passed over.
            let mut list = self.image.packed(section::BLOCK_LISTS).get(split.bucket(hash)) as usize;
            let mut before = at - bucket.start;
            while before > 0 && list < classes.len() {
                before -= (classes.get(list) & 1) as usize;
                list += 1;
            }
            Some(list)
        });
        let mut list = found.map_or(0..0, |list| list..classes.len());
        std::iter::from_fn(move || {
            let item = classes.get(list.next()?);
            if item & 1 == 1 {
                list = 0..0;
            }
            Some(item >> 1)
        })
    }

    /// Pairs of block hash and class whose hashes begin with the `bits` bits `piece`, in ascending order.
    fn each_block(&self, piece: u64, bits: u32, mut visit: impl FnMut(u64, u32)) {
        let Some(split) = self.split(section::BLOCK_BUCKETS, HASH_BITS) else {
            return;
        };
        let [buckets, lists, rests, classes] =
            [section::BLOCK_BUCKETS, section::BLOCK_LISTS, section::BLOCK_RESTS, section::BLOCK_CLASSES]
                .map(|number| self.image.packed(number));
        let wanted = |hash: u64| hash.checked_shr(HASH_BITS - bits).unwrap_or(0) == piece;
        let range = match split.bits().checked_sub(bits) {
            Some(more) => (piece as usize) << more..(piece as usize + 1) << more,
            // Few enough hashes to compare all of them.
            None => 0..split.buckets(),
        };
        for bucket in range {
            let mut list = lists.get(bucket) as usize;
            for at in buckets.range(bucket, rests.len()) {
                let hash = split.join(bucket, rests.get(at));
                while list < classes.len() {
                    let item = classes.get(list);
                    list += 1;
                    if wanted(hash) {
                        visit(hash, (item >> 1) as u32);
                    }
                    if item & 1 == 1 {
                        break;
                    }
                }
            }
        }
    }

    /// The table of a band.
    #[inline]
    pub(crate) fn band(&self, band: usize) -> Option<BandTable<'_>> {
        let first = section::BANDS + 3 * band;
        Some(BandTable::new(
            self.split(first, KEY_BITS)?,
            [self.image.packed(first), self.image.packed(first + 1), self.image.packed(first + 2)],
        ))
    }

    #[inline]
    fn split(&self, number: usize, key_bits: u32) -> Option<Split> {
        Split::stored(self.image.section(number).parameter, key_bits)
    }

    /// Position in the table of samples of the sample a function belongs to. `near` is where to look first.
    #[inline]
    pub(crate) fn row_of(&self, function: u32, near: usize) -> usize {
        let holds = |bounds: &[u32]| bounds[0] <= function && function < bounds[1];
        if self.firsts.get(near..near + 2).is_some_and(holds) {
            return near;
        }
        let mut at =
            self.hints.get((function / FUNCTIONS_PER_HINT) as usize).map_or(0, |hint| *hint as usize);
        while self.firsts.get(at + 1).is_some_and(|next| *next <= function) {
            at += 1;
        }
        at
    }

    /// Number of a function that belongs to the sample of `row`.
    pub(crate) fn function_id(&self, row: &SampleRow, function: u32) -> FunctionId {
        let ordinal = function.wrapping_sub(row.first_function);
        FunctionId::new(match row.function_ids {
            FunctionIds::From(first) => first.wrapping_add(i64::from(ordinal)),
            FunctionIds::Listed(at) => {
                self.image.packed(section::LISTED_IDS).get(at as usize + ordinal as usize) as i64
            }
        })
    }

    /// Bytes apart from the signatures themselves.
    pub(crate) fn overhead_bytes(&self) -> usize {
        self.image.bytes().len() - self.signature_bytes()
            + (self.hints.capacity() + self.firsts.capacity()) * size_of::<u32>()
    }

    /// Bytes of the signatures.
    pub(crate) fn signature_bytes(&self) -> usize {
        self.signatures().len()
    }

    /// Packed numbers of a section, for merging.
    fn packed(&self, number: usize) -> Packed<'_> {
        self.image.packed(number)
    }
}

/// Positions of a range, sorted by what `value` says, at which it says `wanted`.
#[inline]
pub(crate) fn equal_range(
    range: std::ops::Range<usize>,
    wanted: u64,
    value: impl Fn(usize) -> u64,
) -> std::ops::Range<usize> {
    /// Up to here walking is faster than halving.
    const WALK: usize = 16;
    let point = |mut low: usize, mut high: usize, above: &dyn Fn(u64) -> bool| {
        while high - low > WALK {
            let middle = usize::midpoint(low, high);
            if above(value(middle)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        while low < high && !above(value(low)) {
            low += 1;
        }
        low
    };
    let from = point(range.start, range.end, &|found| found >= wanted);
    let to = point(from, range.end, &|found| found > wanted);
    from..to
}

fn narrow(number: usize) -> Result<u32, ImageError> {
    u32::try_from(number).map_err(|_| ImageError::Damaged("a count is beyond 32 bits"))
}

fn rows(
    image: &Image,
    facts: &mut dyn FnMut(malkin_report::SampleId, u64) -> Option<SampleFacts>,
) -> Result<Vec<SampleRow>, ImageError> {
    let [ids, tokens, firsts, first_ids, listed] = [
        section::SAMPLE_IDS,
        section::SAMPLE_TOKENS,
        section::SAMPLE_FUNCTIONS,
        section::SAMPLE_FIRST_IDS,
        section::SAMPLE_LISTED,
    ]
    .map(|number| image.packed(number));
    let count = ids.len();
    if [tokens.len(), first_ids.len(), listed.len()] != [count; 3] || firsts.len() != count + 1 {
        return Err(ImageError::Damaged("the table of samples has gaps"));
    }
    if firsts.get(count) != u64::from(image.facts().functions) || firsts.get(0) != 0 {
        return Err(ImageError::Damaged("the samples do not hold all functions"));
    }
    let mut rows: Vec<SampleRow> = Vec::with_capacity(count);
    for at in 0..count {
        let id = malkin_report::SampleId::new(ids.get(at) as i64);
        let (first_function, end) = (firsts.get32(at), firsts.get32(at + 1));
        if end < first_function || rows.last().is_some_and(|before| before.id >= id) {
            return Err(ImageError::Damaged("the samples are not in order"));
        }
        let token = tokens.get(at);
        let now = facts(id, token);
        rows.push(SampleRow {
            id,
            token,
            facts: now.unwrap_or_default(),
            first_function,
            num_functions: end - first_function,
            function_ids: match listed.get(at) {
                0 => FunctionIds::From(first_ids.get(at) as i64),
                _ => FunctionIds::Listed(first_ids.get(at) as u32),
            },
            live: now.is_some(),
        });
    }
    Ok(rows)
}

fn hints(firsts: &[u32], functions: u32) -> Vec<u32> {
    let mut hints = Vec::with_capacity(functions.div_ceil(FUNCTIONS_PER_HINT) as usize);
    let mut row = 0;
    for function in (0..functions).step_by(FUNCTIONS_PER_HINT as usize) {
        while firsts.get(row + 1).is_some_and(|next| *next <= function) {
            row += 1;
        }
        hints.push(row as u32);
    }
    hints
}
