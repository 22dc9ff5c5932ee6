//! The description as a page for people. It holds no script and loads nothing.

use crate::router::Router;

/// The page.
pub(crate) fn html<H: Copy>(router: &Router<H>) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Malkin API</title><style>\
         body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}\
         h2{margin-top:2rem;border-bottom:1px solid #ccc}table{border-collapse:collapse;width:100%}\
         td{padding:.3rem .6rem;border-bottom:1px solid #eee;vertical-align:top}td:first-child{white-space:nowrap;width:5rem}\
         code{font-family:ui-monospace,monospace}.q{color:#555;font-size:.9em}\
         @media(prefers-color-scheme:dark){body{background:#161616;color:#e6e6e6}.q{color:#aaa}td{border-color:#333}}\
         </style></head><body><h1>Malkin</h1><p>MCRIT&#39;s REST API (version 1.9.0) and the triage API. Machines read \
         <a href=\"/openapi.json\">/openapi.json</a>.</p>",
    );
    let mut groups: Vec<&str> = Vec::new();
    for area in router.areas() {
        if !groups.contains(&area.group) {
            groups.push(area.group);
        }
    }
    for group in groups {
        let areas = router.areas().iter().filter(|area| area.group == group);
        let rows = areas.flat_map(|area| area.operations).map(|operation| {
            let names: Vec<&str> = operation.query.iter().map(|parameter| parameter.name).collect();
            let query = match names.as_slice() {
                [] => String::new(),
                names => format!("<br><span class=\"q\">?{}</span>", escape(&names.join("&"))),
            };
            format!(
                "<tr><td><code>{}</code></td><td><code>{}</code>{query}</td><td>{}</td></tr>",
                operation.verb,
                escape(&operation.described_path()),
                escape(operation.summary) + if operation.is_ours { " (ours)" } else { "" }
            )
        });
        page.push_str("<h2>");
        page.push_str(group);
        page.push_str("</h2><table>");
        page.extend(rows);
        page.push_str("</table>");
    }
    page.push_str("</body></html>");
    page
}
