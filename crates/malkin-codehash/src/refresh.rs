//! Makes a report current: what older versions of the disassembler computed differently is computed afresh.

use malkin_report::{Report, cfg, version_gate};

use crate::error::HashError;
use crate::escaper::Escaper;
use crate::function_escaper::SampleContext;
use crate::pichash::{PicScratch, pichash_in};

/// What [`refresh`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Refreshed {
    /// Functions whose PicHash was computed.
    pub pichashes: usize,
    /// Functions whose nesting depth was computed.
    pub nesting_depths: usize,
}

/// Applies the version gate of intake. If the stated version is missing, unreadable or older than the last change for the
/// architecture, nesting depth and PicHash of all functions are computed, the PicHash only with a known architecture and a known
/// image. Otherwise stated values stay, and only missing nesting depths are computed.
///
/// An error leaves the report partly refreshed; it is not to be used then.
pub fn refresh(report: &mut Report) -> Result<Refreshed, HashError> {
    let context = SampleContext::of(report);
    let stale = version_gate::is_stale(report.smda_version.as_deref(), &report.architecture);
    let hashable = context.image.is_some() && Escaper::of(&context.architecture) != Escaper::Raw;
    let mut scratch = PicScratch::default();
    let mut refreshed = Refreshed::default();
    for function in &mut report.functions {
        if stale || function.metadata.nesting_depth.is_none() {
            function.metadata.nesting_depth = Some(cfg::nesting_depth(function));
            refreshed.nesting_depths += 1;
        }
        if stale && hashable {
            function.metadata.pic_hash = pichash_in(function, &context, &mut scratch)?;
            refreshed.pichashes += 1;
        }
    }
    Ok(refreshed)
}

#[cfg(test)]
mod tests {
    use malkin_report::{Architecture, CodeBuilder, Function, Instruction, PicHash, Va};

    use super::*;

    fn report(version: Option<&str>, architecture: Architecture) -> Report {
        let mut code = CodeBuilder::new();
        code.begin_block(Va::new(16));
        code.push(Instruction { offset: Va::new(16), bytes: "c3", mnemonic: "ret", operands: "" }).unwrap();
        let mut function =
            Function { offset: Va::new(16), code: code.finish().unwrap(), ..Function::default() };
        function.blockrefs = vec![(Va::new(16), vec![])];
        function.metadata.pic_hash = Some(PicHash::new(7));
        function.metadata.nesting_depth = Some(9);
        let mut report = Report::empty(architecture);
        report.smda_version = version.map(str::to_owned);
        report.base_addr = Some(0);
        report.binary_size = Some(4096);
        report.functions = vec![function];
        report
    }

    fn check(mut report: Report, pichash: bool, nesting_depth: bool) {
        let done = refresh(&mut report).unwrap();
        let expected =
            Refreshed { pichashes: usize::from(pichash), nesting_depths: usize::from(nesting_depth) };
        assert_eq!(done, expected, "{:?} {}", report.smda_version, report.architecture);
        let metadata = &report.functions[0].metadata;
        assert_eq!(metadata.pic_hash != Some(PicHash::new(7)), pichash);
        assert_eq!(metadata.nesting_depth != Some(9), nesting_depth);
    }

    #[test]
    fn old_reports_get_fresh_values_and_current_ones_keep_theirs() {
        check(report(Some("5.0.1"), Architecture::Intel), false, false);
        check(report(Some("4.3.4"), Architecture::Intel), true, true);
        check(report(None, Architecture::Intel), true, true);
        check(report(Some("4.3.4"), Architecture::Aarch64), false, false);
        check(report(Some("1.2"), Architecture::Other("mips".to_owned())), false, true);
    }

    #[test]
    fn without_image_the_pichash_stays() {
        let mut without = report(None, Architecture::Intel);
        without.binary_size = None;
        check(without, false, true);
    }

    #[test]
    fn a_missing_nesting_depth_is_computed() {
        let mut missing = report(Some("5.0.1"), Architecture::Intel);
        missing.functions[0].metadata.nesting_depth = None;
        assert_eq!(refresh(&mut missing).unwrap(), Refreshed { pichashes: 0, nesting_depths: 1 });
        assert_eq!(missing.functions[0].metadata.nesting_depth, Some(0));
    }
}
