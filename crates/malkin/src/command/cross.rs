//! `malkin cross`: several stored samples side by side, similar ones next to each other.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use malkin_report::SampleId;
use malkin_service::MatchArguments;
use malkin_service::questions;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::{self, Align, Document, Format, Table};
use crate::place::{self, Place};

/// Which share the matrix shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Weight {
    /// Bytes as they are.
    Unweighted,
    /// Bytes times score.
    Score,
    /// Bytes times score, less for functions that many families share.
    Frequency,
    /// Unweighted, without library functions.
    NonlibUnweighted,
    /// By score, without library functions.
    NonlibScore,
    /// By frequency, without library functions.
    NonlibFrequency,
}

impl Weight {
    /// The member of the result.
    fn member(self) -> &'static str {
        match self {
            Self::Unweighted => "unweighted",
            Self::Score => "score_weighted",
            Self::Frequency => "frequency_weighted",
            Self::NonlibUnweighted => "nonlib_unweighted",
            Self::NonlibScore => "nonlib_score_weighted",
            Self::NonlibFrequency => "nonlib_frequency_weighted",
        }
    }
}

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Sample numbers
    #[arg(value_name = "SAMPLE", required = true, num_args = 2..)]
    samples: Vec<u32>,

    /// Which share of the bytes of a sample to show
    #[arg(long, value_enum, default_value_t = Weight::Score)]
    weight: Weight,

    /// Compare only these samples with each other; ignore which other samples share their functions
    #[arg(long)]
    group_only: bool,

    /// Compare with every distinct signature, so that nothing above the threshold is missed
    #[arg(long)]
    exact: bool,

    /// Output format; JSON is the whole result as the API returns it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    #[command(flatten)]
    place: place::Options,
}

/// Asks and prints.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let (result, names) = match options.place.open_to_read()? {
        Place::Local(app) => {
            let mut arguments = MatchArguments::none();
            if options.group_only {
                arguments.sample_group_only(true);
            }
            if options.exact {
                arguments.exact();
            }
            let ids: Vec<SampleId> = options.samples.iter().map(|id| SampleId::new(i64::from(*id))).collect();
            let result = questions::cross(&app.corpus, &ids, &arguments)?;
            let samples = app.corpus.store().samples_by_ids(&ids)?;
            let names =
                samples.into_iter().map(|one| (one.sample_id.to_string(), (one.family, one.filename)));
            (result, names.collect())
        }
        Place::Remote(remote) => {
            let ids: Vec<String> = options.samples.iter().map(u32::to_string).collect();
            let mut path = format!("/matches/sample/cross/{}?", ids.join(","));
            if options.group_only {
                path.push_str("sample_group_only=true&");
            }
            if options.exact {
                path.push_str("exact=true");
            }
            let job = remote.get(path.trim_end_matches(['?', '&']))?;
            let result = remote.await_result(&job)?.to_string().into_bytes();
            let mut names = Names::new();
            for id in ids {
                let sample = remote.get(&format!("/samples/{id}"))?;
                let text = |name: &str| sample[name].as_str().unwrap_or_default().to_owned();
                names.insert(id, (text("family"), text("filename")));
            }
            (result, names)
        }
    };
    if matches!(options.format, Format::Json | Format::Jsonl) {
        output::json_text(&String::from_utf8_lossy(&result))?;
        return Ok(ExitCode::SUCCESS);
    }
    let result: Value = serde_json::from_slice(&result)
        .map_err(|error| Failure::Other(format!("the result cannot be read: {error}")))?;
    let table = matrix(&result[options.weight.member()], &names);
    let mut page = Document::new(options.format);
    page.table(&table);
    output::document(&page)?;
    Ok(ExitCode::SUCCESS)
}

/// Family and file of samples by number.
type Names = BTreeMap<String, (String, String)>;

/// Rows and columns in the order of the clustering.
fn matrix(result: &Value, names: &Names) -> Table {
    let order: Vec<&str> =
        result["clustered_sequence"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut columns = vec![
        ("sample".to_owned(), Align::Right),
        ("family".to_owned(), Align::Left),
        ("file".to_owned(), Align::Left),
    ];
    columns.extend(order.iter().map(|id| ((*id).to_owned(), Align::Right)));
    let mut table = Table::with_names(columns);
    for row in &order {
        let (family, file) = names.get(*row).cloned().unwrap_or_default();
        let mut cells = vec![(*row).to_owned(), family, file];
        cells.extend(order.iter().map(|column| {
            let percent = result["matching_percent"][*row][*column].as_f64().unwrap_or(0.0);
            if row == column { "-".to_owned() } else { format!("{percent:.1}") }
        }));
        table.row(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_matrix_stands_in_the_order_of_the_clustering() {
        let result = json!({
            "matching_percent": {"0": {"0": 100, "2": 1.25}, "2": {"0": 50.0, "2": 100}},
            "clustered_sequence": ["2", "0"],
        });
        let names = Names::from([("0".to_owned(), ("f".to_owned(), "a.exe".to_owned()))]);
        let mut page = Document::plain();
        page.table(&matrix(&result, &names));
        assert_eq!(
            page.as_str(),
            "sample  family  file     2     0\n     2                   -  50.0\n     0  f       a.exe  1.2     -\n"
        );
    }
}
