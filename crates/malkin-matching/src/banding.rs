//! What an exact comparison found that banding would have missed, counted while the result is made.

use malkin_report::{BandingReport, MatchFlags, Missed, SampleId};

use crate::hits::Hit;
use crate::parameters::MatchParameters;

/// Counts; without effect when the comparison is not exact.
pub(crate) struct Banding {
    report: Option<BandingReport>,
    /// By rank of the foreign sample.
    samples: Vec<Missed>,
}

impl Banding {
    pub(crate) fn new(parameters: &MatchParameters, samples: usize) -> Self {
        let required = parameters.band_matches_required;
        let report = (parameters.exact && required > 0)
            .then(|| BandingReport { band_matches_required: required, ..BandingReport::default() });
        let samples = if report.is_some() { vec![Missed::default(); samples] } else { Vec::new() };
        Self { report, samples }
    }

    /// Counts the matches of one own function, in order, so that those with one sample stand together.
    pub(crate) fn add(&mut self, hits: &[Hit], rank: impl Fn(&Hit) -> u32) {
        let Some(report) = &mut self.report else { return };
        let (mut pairs, mut missed) = (0, 0);
        for hits in hits.chunk_by(|a, b| a.function.sample == b.function.sample) {
            if hits.iter().any(|hit| hit.flags.contains(MatchFlags::PICHASH)) {
                continue;
            }
            let is_missed = u64::from(hits.iter().all(|hit| !hit.banded));
            let sample = &mut self.samples[rank(&hits[0]) as usize];
            sample.found += 1;
            sample.missed += is_missed;
            pairs += 1;
            missed += is_missed;
        }
        report.matches.found += pairs;
        report.matches.missed += missed;
        report.own_functions.found += u64::from(pairs > 0);
        report.own_functions.missed += u64::from(pairs > 0 && pairs == missed);
    }

    /// The report, with samples in the order given.
    pub(crate) fn into_report(self, order: impl Iterator<Item = (u32, SampleId)>) -> Option<BandingReport> {
        let mut report = self.report?;
        let counted = order.map(|(rank, id)| (id, self.samples[rank as usize]));
        report.samples = counted.filter(|(_, missed)| missed.found > 0).collect();
        Some(report)
    }
}
