//! Draws a function of an SMDA report: `pictures REPORT.smda.gz ADDRESS OUT.svg [full|compact|condensed]`.

use std::error::Error;

use malkin_pages::flow::{Detail, Flow};
use malkin_pages::flow_svg::{FlowLook, flow_svg};
use malkin_pages::palette::{Look, Theme};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [report, address, out, detail @ ..] = &args[..] else {
        return Err("REPORT ADDRESS OUT [DETAIL]".into());
    };
    let report = malkin_wire::read_report(&malkin_testkit::read_gz(report))?;
    let address = u64::from_str_radix(address.trim_start_matches("0x"), 16)?;
    let detail = match detail.first().map(String::as_str) {
        Some("compact") => Detail::Compact,
        Some("condensed") => Detail::Condensed(None),
        _ => Detail::Full,
    };
    let function = report.functions.iter().find(|function| function.offset.get() == address);
    let flow = Flow::of_function(function.ok_or("no function at this address")?, detail);
    let look = Look { theme: Theme::Light, ..Look::default() };
    std::fs::write(out, flow_svg(&flow, &FlowLook { look, ..FlowLook::default() })?)?;
    Ok(())
}
