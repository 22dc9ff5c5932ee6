//! `malkin graph`: the flow graph of a stored function as SVG. The layout and the picture are `malkin-pages`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use malkin_pages::flow::{Detail, Flow};
use malkin_pages::flow_svg::{FlowLook, flow_svg};
use malkin_pages::graph::CONDENSE_ABOVE;
use malkin_report::{SampleId, Va};
use malkin_store::FunctionQuery;
use serde_json::Value;

use crate::failure::Failure;
use crate::output;
use crate::place::{self, Place};

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Number of the sample and entry address of the function, for example 7:0x401000
    #[arg(value_name = "SAMPLE:ADDRESS", value_parser = function)]
    function: (SampleId, Va),

    /// Write to this file [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Draw every block of a function with more than 400 blocks, instead of folding loops and chains
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    place: place::Options,
}

/// Reads `SAMPLE:ADDRESS`; the address is hexadecimal with `0x`, decimal otherwise.
fn function(text: &str) -> Result<(SampleId, Va), String> {
    let (sample, address) = text.split_once(':').ok_or("expected SAMPLE:ADDRESS, for example 7:0x401000")?;
    let sample = sample.parse().map_err(|_| format!("{sample:?} is not the number of a sample"))?;
    let number = address
        .strip_prefix("0x")
        .map_or_else(|| address.parse().ok(), |digits| u64::from_str_radix(digits, 16).ok());
    let address = number.ok_or_else(|| format!("{address:?} is not an address"))?;
    Ok((SampleId::new(sample), Va::new(address)))
}

/// Draws the function.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let (sample, address) = options.function;
    let missing = || Failure::Other(format!("sample {sample} has no function at {:#x}", address.get()));
    let (name, code) = match options.place.open_to_read()? {
        Place::Local(app) => {
            let functions = app.corpus.store().functions(&FunctionQuery::OfSample(sample))?;
            let entry =
                functions.into_iter().find(|function| function.offset == address).ok_or_else(missing)?;
            (entry.function_name, app.corpus.disassembly(entry.function_id)?)
        }
        Place::Remote(remote) => {
            let functions = remote.get(&format!("/samples/{sample}/functions"))?;
            let mut functions = functions.as_object().into_iter().flatten().map(|(_, function)| function);
            let entry = functions.find(|function| function["offset"] == address.get()).ok_or_else(missing)?;
            let name = entry["function_name"].as_str().unwrap_or_default().to_owned();
            let found = remote.get(&format!("/functions/{}?with_xcfg=true", entry["function_id"]))?;
            (
                name,
                Some(&found["xcfg"])
                    .filter(|code| code["blocks"].is_object())
                    .map(|code: &Value| code.to_string().into_bytes()),
            )
        }
    };
    let code =
        code.ok_or_else(|| Failure::Other("the disassembly of this function is not stored".to_owned()))?;
    let code = malkin_wire::function_from_json(&code)
        .map_err(|error| Failure::Other(format!("the stored disassembly cannot be read: {error}")))?;
    let is_large = code.num_blocks() > CONDENSE_ABOVE;
    let detail = if is_large && !options.all { Detail::Condensed(Some(address)) } else { Detail::Full };
    let mut flow = Flow::of_function(&code, detail);
    if !name.is_empty() {
        flow.title = format!("function {:#x} {name}", address.get());
    }
    let svg = flow_svg(&flow, &FlowLook::default()).map_err(|error| Failure::Other(error.to_string()))?;
    if is_large && !options.all {
        output::note(&format!("note: {} blocks; loops and chains are folded, see --all", code.num_blocks()));
    }
    match &options.output {
        None => output::json_text(&svg)?,
        Some(path) => std::fs::write(path, svg)
            .map_err(|error| Failure::Other(format!("cannot write {}: {error}", path.display())))?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_by_sample_and_address() {
        assert_eq!(function("7:0x401000"), Ok((SampleId::new(7), Va::new(0x40_1000))));
        assert_eq!(function("0:4096"), Ok((SampleId::new(0), Va::new(4096))));
        for wrong in ["7", "x:1", "7:", "7:0xzz", ":"] {
            assert!(function(wrong).is_err(), "{wrong}");
        }
    }
}
