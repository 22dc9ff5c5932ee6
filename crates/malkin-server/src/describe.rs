//! What the server says about itself: `/openapi.json`, and the same for people at `/docs`.
//!
//! Both are made from one table (`table`), and a test compares the table with the routes that are really there, so that neither
//! can tell of a route that does not exist or keep silent about one that does. The page holds no script and loads nothing.

mod table;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;
use table::{Body, OPERATIONS, Operation, is_text};

/// `GET /openapi.json`
#[expect(clippy::unnecessary_wraps, reason = "a handler")]
pub(crate) fn openapi(app: &App, _: &Call) -> Result<Answer, Answer> {
    Ok(Answer::json(StatusCode::OK, &document(app.requires_token())))
}

/// `GET /docs`
#[expect(clippy::unnecessary_wraps, reason = "a handler")]
pub(crate) fn page(_: &App, _: &Call) -> Result<Answer, Answer> {
    Ok(Answer::html(html().into_bytes()))
}

/// The description, as OpenAPI 3.1.
pub(crate) fn document(requires_token: bool) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path.to_owned()).or_insert_with(|| json!({}));
        path[operation.verb.to_lowercase()] = describe(operation);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Malkin",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Where has this code been seen before? MCRIT's REST API (version 1.9.0) and the triage API of the analyses service.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": {
            "Successful": {
                "type": "object",
                "required": ["status", "data"],
                "properties": {"status": {"const": "successful"}, "data": {}},
            },
            "Refused": {"type": "object", "description": "MCRIT's envelope with `status` failed, its framework's `title`, or the triage API's `detail`."},
        }},
    });
    if requires_token {
        document["components"]["securitySchemes"] =
            json!({"apitoken": {"type": "apiKey", "in": "header", "name": "apitoken"}});
        document["security"] = json!([{"apitoken": []}]);
    }
    document
}

fn describe(operation: &Operation) -> Value {
    let content = |schema: Value| json!({"application/json": {"schema": schema}});
    let refused = json!({"description": "Refused; the body names the cause.",
                         "content": content(json!({"$ref": "#/components/schemas/Refused"}))});
    let success = match operation.is_enveloped() {
        _ if operation.answers_html => {
            json!({"description": "A page.", "content": {"text/html": {"schema": {"type": "string"}}}})
        }
        _ if operation.path.ends_with("/events") => {
            json!({"description": "Events.", "content": {"text/event-stream": {"schema": {"type": "string"}}}})
        }
        _ if operation.answers_text => {
            json!({"description": "Text.", "content": {"text/plain": {"schema": {"type": "string"}}}})
        }
        true => {
            json!({"description": operation.summary, "content": content(json!({"$ref": "#/components/schemas/Successful"}))})
        }
        false => json!({"description": operation.summary, "content": content(json!({}))}),
    };
    let mut responses = Map::new();
    responses.insert(operation.success.to_string(), success);
    if !operation.is_enveloped() {
        responses.insert("422".to_owned(), refused.clone());
    }
    responses.insert("4XX".to_owned(), refused);
    let mut parameters: Vec<Value> = path_names(operation.path)
        .map(|name| {
            let schema = if is_text(name) {
                json!({"type": "string", "minLength": 1})
            } else {
                json!({"type": "integer"})
            };
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        })
        .collect();
    parameters.extend(operation.query.iter().map(|name| json!({"name": name, "in": "query", "required": operation.needs(name), "schema": schema_of(name)})));
    let mut told = json!({
        "operationId": operation.id(),
        "summary": operation.summary,
        "description": format!("Role, where tokens have roles: {}.", operation.role().as_str()),
        "tags": [operation.room()],
        "parameters": parameters,
        "responses": responses,
    });
    if operation.is_open() {
        told["security"] = json!([]);
        told["description"] = json!("Open without a token.");
    }
    let body = match operation.body {
        Body::None => None,
        Body::Json => Some(json!({"application/json": {"schema": {"type": "object"}}})),
        Body::Hash => Some(
            json!({"application/json": {"schema": {"type": "object", "required": ["hash"], "properties": {"hash": {"type": "string"}}}}}),
        ),
        Body::Text => Some(json!({"text/plain": {"schema": {"type": "string", "minLength": 1}}})),
        Body::Bytes => Some(
            json!({"application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}}),
        ),
        Body::Upload => Some(
            json!({"multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": {
            "file": {"type": "string", "format": "binary"}, "hint": {"type": "string"}, "model": {"type": "string"}}}}}),
        ),
    };
    if let Some(content) = body {
        told["requestBody"] = json!({"required": true, "content": content});
    }
    told
}

/// Names between braces.
fn path_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// Type of a query parameter by its name; a name means the same everywhere.
fn schema_of(name: &str) -> Value {
    match name {
        "start"
        | "limit"
        | "minhash_score"
        | "pichash_size"
        | "band_matches_required"
        | "min_instructions"
        | "covers_required" => {
            json!({"type": "integer"})
        }
        "top" | "max_num_families" | "min_num_samples" | "max_num_samples" | "function_offset" => {
            json!({"type": "integer", "minimum": 0})
        }
        "unique_only" | "exclude_own_family" | "exclude_library" | "exclude_pic" | "func_unique" => {
            json!({"type": "boolean"})
        }
        _ if name.ends_with("_min_score") || name.ends_with("_max_score") => {
            json!({"type": "number", "minimum": 0, "maximum": 100})
        }
        "time_limit" => {
            json!({"type": "integer", "minimum": 0, "description": "seconds the comparison may take"})
        }
        "page" => json!({"type": "integer", "minimum": 1, "default": 1}),
        "page_size" => json!({"type": "integer", "minimum": 1, "maximum": 200, "default": 20}),
        "bitness" => json!({"type": "integer", "enum": [32, 64]}),
        "is_dump" | "exact" | "partial" | "leave_out_self" | "afresh" | "similarity" | "compact"
        | "compress" | "ascending" | "is_ascending" | "keep_samples" => json!({"type": "boolean"}),
        _ if name.starts_with("with_") || name.starts_with("force_") || name.ends_with("_only") => {
            json!({"type": "boolean"})
        }
        _ => json!({"type": "string"}),
    }
}

pub(crate) fn html() -> String {
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
    let mut rooms: Vec<&str> = Vec::new();
    for operation in OPERATIONS {
        if !rooms.contains(&operation.room()) {
            rooms.push(operation.room());
        }
    }
    for room in rooms {
        let rows = OPERATIONS.iter().filter(|operation| operation.room() == room).map(|operation| {
            let query = match operation.query {
                [] => String::new(),
                names => format!("<br><span class=\"q\">?{}</span>", escape(&names.join("&"))),
            };
            format!(
                "<tr><td><code>{}</code></td><td><code>{}</code>{query}</td><td>{}</td></tr>",
                operation.verb,
                escape(operation.path),
                escape(operation.summary)
            )
        });
        page.push_str("<h2>");
        page.push_str(room);
        page.push_str("</h2><table>");
        page.extend(rows);
        page.push_str("</table>");
    }
    page.push_str("</body></html>");
    page
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::route::Part;

    /// A path as the table writes it, whatever its variable parts are called.
    fn shape(path: &str) -> String {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
        parts.collect::<Vec<_>>().join("/")
    }

    #[test]
    fn every_route_is_described_and_every_description_is_a_route() {
        let mut routes: BTreeSet<String> = crate::api::ROUTES
            .iter()
            .flat_map(|route| {
                let parts = route.pattern.iter().map(|part| match part {
                    Part::Is(text) => format!("/{text}"),
                    Part::Int | Part::Text | Part::Rest => "/{}".to_owned(),
                });
                let path = parts.collect::<String>();
                let path = if path.is_empty() { "/".to_owned() } else { path };
                route.verbs.iter().map(move |(verb, _)| format!("{verb} {path}"))
            })
            .collect();
        routes.extend(crate::triage::ROUTES.iter().map(|route| shape(route)));
        let told: BTreeSet<String> = OPERATIONS
            .iter()
            .map(|operation| format!("{} {}", operation.verb, shape(operation.path)))
            .collect();
        assert_eq!(told.len(), OPERATIONS.len());
        assert_eq!(routes.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new(), "not described");
        assert_eq!(told.difference(&routes).collect::<Vec<_>>(), Vec::<&String>::new(), "no such route");
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let names: BTreeSet<String> = OPERATIONS.iter().map(Operation::id).collect();
        assert_eq!(names.len(), OPERATIONS.len());
        assert!(names.contains("list_analyses_analyses_get"));
    }

    #[test]
    fn the_page_loads_nothing() {
        let page = html();
        assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
    }
}
