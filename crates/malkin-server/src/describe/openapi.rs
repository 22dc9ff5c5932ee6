//! The description as OpenAPI 3.1.

use serde_json::{Map, Value, json};

use crate::operation::{Api, Kind, Operation, Parameter, RequestBody, Success};
use crate::router::Router;

/// The description, as OpenAPI 3.1.
pub(crate) fn document<H: Copy>(router: &Router<H>, requires_token: bool) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for area in router.areas() {
        for operation in area.operations {
            let path = paths.entry(operation.described_path()).or_insert_with(|| json!({}));
            path[operation.verb.to_lowercase()] = describe(area.group, operation);
        }
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

fn describe<H: Copy>(group: &str, operation: &Operation<H>) -> Value {
    let mut described = json!({
        "operationId": operation.id(),
        "summary": operation.summary,
        "description": description(operation),
        "tags": [group],
        "parameters": parameters(operation),
        "responses": responses(operation),
    });
    if operation.is_open {
        described["security"] = json!([]);
    }
    if let Some(content) = request_body(operation.body) {
        described["requestBody"] = json!({"required": true, "content": content});
    }
    described
}

fn description<H>(operation: &Operation<H>) -> String {
    let mut text = if operation.is_open {
        "Open without a token.".to_owned()
    } else {
        format!("Role, where tokens have roles: {}.", operation.role.as_str())
    };
    if operation.is_ours {
        text.push_str(" Neither MCRIT nor the analyses service has this operation.");
    }
    text
}

fn responses<H>(operation: &Operation<H>) -> Map<String, Value> {
    let (description, media_type, schema) = match operation.success {
        Success::Data => {
            (operation.summary, "application/json", json!({"$ref": "#/components/schemas/Successful"}))
        }
        Success::Json => (operation.summary, "application/json", json!({})),
        Success::Html => ("A page.", "text/html", json!({"type": "string"})),
        Success::Text => ("Text.", "text/plain", json!({"type": "string"})),
        Success::Events => ("Events.", "text/event-stream", json!({"type": "string"})),
    };
    let success = json!({"description": description, "content": {media_type: {"schema": schema}}});
    let refused = json!({"description": "Refused; the body names the cause.",
                         "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refused"}}}});
    let mut responses = Map::new();
    responses.insert(operation.status.to_string(), success);
    if operation.api == Api::Triage {
        responses.insert("422".to_owned(), refused.clone());
    }
    responses.insert("4XX".to_owned(), refused);
    responses
}

/// Parameters of the path, then those of the query.
fn parameters<H>(operation: &Operation<H>) -> Vec<Value> {
    let names = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let of_path = names.map(|name| {
        let (name, schema) = match name.split_once(':') {
            Some((name, "int")) => (name, json!({"type": "integer"})),
            Some((name, _)) => (name, json!({"type": "string", "minLength": 1})),
            None => (name, json!({"type": "string", "minLength": 1})),
        };
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    });
    let of_query = operation.query.iter().map(|parameter| {
        json!({"name": parameter.name, "in": "query", "required": parameter.is_required, "schema": schema(parameter)})
    });
    of_path.chain(of_query).collect()
}

fn schema(parameter: &Parameter) -> Value {
    let mut schema = match parameter.kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Score => json!({"type": "number", "minimum": 0, "maximum": 100}),
        Kind::OneOf(numbers) => json!({"type": "integer", "enum": numbers}),
        Kind::Integer { minimum, maximum, default } => {
            let mut schema = json!({"type": "integer"});
            for (name, bound) in [("minimum", minimum), ("maximum", maximum), ("default", default)] {
                if let Some(bound) = bound {
                    schema[name] = json!(bound);
                }
            }
            schema
        }
    };
    if let Some(note) = parameter.note {
        schema["description"] = json!(note);
    }
    schema
}

fn request_body(body: RequestBody) -> Option<Value> {
    Some(match body {
        RequestBody::None => return None,
        RequestBody::Json => json!({"application/json": {"schema": {"type": "object"}}}),
        RequestBody::Hash => json!({"application/json": {"schema":
            {"type": "object", "required": ["hash"], "properties": {"hash": {"type": "string"}}}}}),
        RequestBody::Text => json!({"text/plain": {"schema": {"type": "string", "minLength": 1}}}),
        RequestBody::Bytes => json!({"application/octet-stream": {"schema":
            {"type": "string", "format": "binary", "minLength": 1}}}),
        RequestBody::Upload => json!({"multipart/form-data": {"schema":
            {"type": "object", "required": ["file"], "properties":
                {"file": {"type": "string", "format": "binary"}, "hint": {"type": "string"}, "model": {"type": "string"}}}}}),
    })
}
