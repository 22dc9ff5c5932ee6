//! `malkin blocks`: code that some samples have and no other sample has, and a YARA rule made of it.

use std::process::ExitCode;

use clap::Args;
use malkin_report::{BlockNotation, SampleId, UniqueBlock, UniqueBlocks};
use malkin_service::clock::second_time;
use malkin_service::questions;
use malkin_service::{App, BlockArguments, Clock, RuleOptions, YaraRule, yara_rule};
use malkin_store::Page;
use serde_json::{Value, json};

use crate::command::proof::Proof;
use crate::failure::Failure;
use crate::output::{self, Align, Document, Format, Table};
use crate::place::{self, Place};
use crate::remote::Remote;

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Use the samples of this family, given by name or number
    #[arg(long, value_name = "FAMILY", required_unless_present = "samples", conflicts_with = "samples")]
    family: Option<String>,

    /// Use these samples, given by number: 3,5,8
    #[arg(long, value_name = "SAMPLES", value_delimiter = ',')]
    samples: Vec<u32>,

    /// Number of blocks to choose for each sample
    #[arg(long, value_name = "N", default_value_t = 10)]
    covers: u64,

    /// Minimum instructions per block
    #[arg(long, value_name = "N", default_value_t = 0)]
    min_instructions: u64,

    /// Minimum bytes per block in the rule
    #[arg(long, value_name = "N", default_value_t = 0)]
    min_bytes: u64,

    /// Maximum bytes per block in the rule; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_bytes: u64,

    /// Maximum wildcards per block in the rule, in percent of its digits
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u8).range(0..=100))]
    max_wildcards: u8,

    /// Number of blocks that must match, if the rule has that many [default: 7, or the best number found by --check]
    #[arg(long, value_name = "N")]
    hits: Option<u64>,

    /// Test the rule on every stored executable (`submit --keep`, samples uploaded to a server as executables), report hits
    /// and misses, and require as many blocks as still match all samples and nothing else
    #[arg(long)]
    check: bool,

    /// Wrap byte sequences at this column; 0 to never wrap
    #[arg(long, value_name = "COLUMNS", default_value_t = 80)]
    wrap: usize,

    /// Print only the rule
    #[arg(long, conflicts_with = "format")]
    rule: bool,

    /// Output format; JSON is the result as the API returns it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    #[command(flatten)]
    place: place::Options,
}

impl Options {
    fn rule_options(&self) -> RuleOptions {
        RuleOptions {
            min_bytes: self.min_bytes,
            max_bytes: self.max_bytes,
            required_per_sample: self.covers.max(1),
            condition_required: self.hits.unwrap_or(RuleOptions::default().condition_required),
            wrap_at: self.wrap,
            max_wildcards: self.max_wildcards,
            ..RuleOptions::default()
        }
    }
}

/// Asks and prints.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let place = options.place.open_to_read()?;
    let json = match &place {
        Place::Local(app) => ask_engine(options, app)?,
        Place::Remote(remote) => ask_server(options, remote)?,
    };
    let as_json = matches!(options.format, Format::Json | Format::Jsonl) && !options.rule;
    if as_json && !options.check {
        output::json_text(&String::from_utf8_lossy(&json))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (result, notation) = malkin_wire::unique_blocks_from_json(&json)
        .map_err(|error| Failure::Other(format!("the result cannot be read: {error}")))?;
    let now = second_time(Clock::System.now());
    let date = now.split('T').next().unwrap_or_default();
    let mut rule = yara_rule(&result, notation, &options.rule_options(), date);
    let proof = if options.check && !rule.blocks.is_empty() {
        let proof = Proof::of(&rule, &result, &place)?;
        let hits = options.hits.or(proof.best()).unwrap_or(RuleOptions::default().condition_required);
        rule = rule.requiring(hits.min(rule.blocks.len() as u64), &rule.name.clone());
        Some((proof, hits.min(rule.blocks.len() as u64)))
    } else {
        None
    };
    if as_json {
        let result: Value = serde_json::from_slice(&json).unwrap_or_default();
        let proof = proof.as_ref().map(|(proof, hits)| proof.to_json(*hits));
        output::json(&json!({"result": result, "rule": rule.text, "proof": proof}))?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.rule && rule.blocks.is_empty() {
        return Err(Failure::Other(
            "no block is suitable for a rule: none is unique to these samples".to_owned(),
        ));
    }
    let found = proof.map(|(proof, hits)| proof.lines(hits)).unwrap_or_default();
    if options.rule {
        for line in &found {
            output::note(line);
        }
        let mut page = Document::plain();
        page.code("yara", &rule.text);
        output::document(&page)?;
    } else {
        output::document(&page(&result, notation, &rule, &found, options.format))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn ask_engine(options: &Options, app: &App) -> Result<Vec<u8>, Failure> {
    let mut arguments = BlockArguments::none();
    arguments.covers_required(options.covers);
    arguments.min_instructions(options.min_instructions);
    let samples = match &options.family {
        None => options.samples.iter().map(|id| SampleId::new(i64::from(*id))).collect(),
        Some(wanted) => {
            let families = app.corpus.store().families(Page::default())?;
            let names = families.iter().map(|family| (family.family_id.get(), family.family_name.as_str()));
            let id = family_number(wanted, names)?;
            let samples = app.corpus.store().samples_of_family(malkin_report::FamilyId::new(id))?;
            samples.iter().map(|sample| sample.sample_id).collect::<Vec<_>>()
        }
    };
    let result = questions::unique_blocks(&app.corpus, &samples, &arguments)?;
    Ok(malkin_wire::unique_blocks_to_json(&result, BlockNotation::Hex))
}

fn ask_server(options: &Options, remote: &Remote) -> Result<Vec<u8>, Failure> {
    let what = match &options.family {
        None => {
            let ids: Vec<String> = options.samples.iter().map(u32::to_string).collect();
            format!("samples/{}", ids.join(","))
        }
        Some(wanted) => {
            let families = remote.get("/families")?;
            let families = families.as_object().into_iter().flat_map(serde_json::Map::values);
            let names = families.filter_map(|family| {
                Some((family["family_id"].as_i64()?, family["family_name"].as_str().unwrap_or_default()))
            });
            format!("family/{}", family_number(wanted, names)?)
        }
    };
    let path = format!(
        "/uniqueblocks/{what}?covers_required={}&min_instructions={}",
        options.covers, options.min_instructions
    );
    let job: Value = remote.get(&path)?;
    Ok(remote.await_result(&job)?.to_string().into_bytes())
}

/// The number of a family given by name or number; a name goes first.
fn family_number<'a>(wanted: &str, families: impl Iterator<Item = (i64, &'a str)>) -> Result<i64, Failure> {
    let number = wanted.parse::<i64>().ok();
    let mut by_number = None;
    for (id, name) in families {
        if name == wanted {
            return Ok(id);
        }
        by_number = by_number.or((number == Some(id)).then_some(id));
    }
    by_number.ok_or_else(|| Failure::Other(format!("no such family: {wanted}")))
}

fn page(
    result: &UniqueBlocks,
    notation: BlockNotation,
    rule: &YaraRule,
    proof: &[String],
    format: Format,
) -> Document {
    let statistics = &result.statistics;
    let mut page = Document::new(format);
    page.line(&format!(
        "{} blocks occur in these {} samples and nowhere else; the {} chosen ones cover {} of the samples",
        statistics.unique_blocks_overall,
        statistics.by_sample.len(),
        rule.blocks.len(),
        rule.num_samples_covered
    ));
    page.blank();
    page.table(&samples(result, rule));
    if rule.blocks.is_empty() {
        return page;
    }
    page.blank();
    page.table(&chosen(result, notation, rule));
    if let [first, rest @ ..] = proof {
        page.blank();
        page.line(first);
        for line in rest {
            page.item(line);
        }
    }
    page.blank();
    page.code("yara", &rule.text);
    page
}

fn samples(result: &UniqueBlocks, rule: &YaraRule) -> Table {
    let mut table = Table::new(&[
        ("sample", Align::Right),
        ("blocks", Align::Right),
        ("in these only", Align::Right),
        ("in this only", Align::Right),
        ("chosen", Align::Right),
    ]);
    for sample in &result.statistics.by_sample {
        let is_chosen = |block: &&UniqueBlock| {
            rule.blocks.contains(&block.hash) && block.samples.contains(&sample.sample_id)
        };
        table.row(vec![
            sample.sample_id.to_string(),
            sample.total_blocks.to_string(),
            sample.characteristic_blocks.to_string(),
            sample.unique_blocks.to_string(),
            result.blocks.iter().filter(is_chosen).count().to_string(),
        ]);
    }
    table
}

fn chosen(result: &UniqueBlocks, notation: BlockNotation, rule: &YaraRule) -> Table {
    let mut table = Table::new(&[
        ("block", Align::Left),
        ("samples", Align::Right),
        ("instructions", Align::Right),
        ("bytes", Align::Right),
        ("wildcards %", Align::Right),
        ("score", Align::Right),
        ("function", Align::Right),
        ("at", Align::Right),
    ]);
    let blocks = rule.blocks.iter().filter_map(|hash| result.blocks.iter().find(|block| block.hash == *hash));
    for block in blocks {
        let digits = block.escaped_sequence.bytes().filter(|byte| *byte != b' ').count();
        let wild = block.escaped_sequence.bytes().filter(|byte| *byte == b'?').count();
        table.row(vec![
            notation.name(block.hash).to_string(),
            block.samples.len().to_string(),
            block.length.to_string(),
            (digits / 2).to_string(),
            format!("{:.0}", 100.0 * wild as f64 / digits.max(1) as f64),
            format!("{:.1}", block.score),
            block.function_id.to_string(),
            block.offset.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_before_a_number() {
        let families = [(0, ""), (1, "emotet"), (2, "1")];
        assert_eq!(family_number("emotet", families.into_iter()).ok(), Some(1));
        assert_eq!(family_number("1", families.into_iter()).ok(), Some(2));
        assert_eq!(family_number("2", families.into_iter()).ok(), Some(2));
        assert!(family_number("7", families.into_iter()).is_err());
        assert!(family_number("other", families.into_iter()).is_err());
    }
}
