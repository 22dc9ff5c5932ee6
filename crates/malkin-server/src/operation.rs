//! What an operation of the API is: one row states everything about it, and whatever needs to know reads that row.
//!
//! The router (`router`), roles (`access`), lanes (`lane`), the refusal of foreign pages (`site`), both descriptions (`describe`)
//! and the list in `docs/api.md` come from these rows. The rows stand beside their handlers; `operations` lists the files.

mod parameter;

use malkin_service::Role;

use crate::lane::Lane;
pub(crate) use parameter::{Kind, LIMIT, Parameter, START};

/// The original whose rules an operation follows: how its path is read, and how refusals look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Api {
    /// MCRIT 1.9.0 (`docs/reference/mcrit-api.md`); operations of our own as well, unless they are for triage.
    Mcrit,
    /// The analyses service (`docs/reference/triage-api.md`).
    Triage,
}

/// What the body of a request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RequestBody {
    /// None.
    None,
    /// A JSON object.
    Json,
    /// A JSON object with a hash.
    Hash,
    /// Text.
    Text,
    /// Any bytes.
    Bytes,
    /// A form with a file.
    Upload,
}

/// What a success looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Success {
    /// MCRIT's envelope.
    Data,
    /// JSON without envelope.
    Json,
    /// A page for people.
    Html,
    /// Text.
    Text,
    /// Server-sent events.
    Events,
}

/// An operation: a verb on a path, with a handler of type `H`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation<H> {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub(crate) verb: &'static str,
    /// The path with its variable segments in braces: `{name}` is any text, `{name:int}` an integer, `{name:rest}` the rest of
    /// the path, slashes included.
    pub(crate) path: &'static str,
    /// Whose rules it follows.
    pub(crate) api: Api,
    /// What it does, in a line.
    pub(crate) summary: &'static str,
    /// Whether neither original has it.
    pub(crate) is_ours: bool,
    /// Parameters of the query.
    pub(crate) query: &'static [Parameter],
    /// What it reads.
    pub(crate) body: RequestBody,
    /// Status of a success.
    pub(crate) status: u16,
    /// What a success looks like.
    pub(crate) success: Success,
    /// The least role that may ask.
    pub(crate) role: Role,
    /// Whether it needs no token at all.
    pub(crate) is_open: bool,
    /// Whether it has work done or something changed. A verb other than `GET` always counts as if it had.
    pub(crate) has_effects: bool,
    /// Whether `HEAD` is answered, as `GET` without a body.
    pub(crate) answers_head: bool,
    /// Where its handler runs.
    pub(crate) lane: Lane,
    /// The name of the original, if it has a description.
    original_id: Option<&'static str>,
    /// What answers it.
    pub(crate) handler: H,
}

/// Operations that are described together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area<H: 'static> {
    /// Name of the group.
    pub(crate) group: &'static str,
    /// Its rows; several areas may belong to one group.
    pub(crate) operations: &'static [Operation<H>],
}

impl<H: Copy> Operation<H> {
    /// An operation that reads and has no effects.
    pub(crate) const fn get(path: &'static str, role: Role, handler: H, summary: &'static str) -> Self {
        Self {
            verb: "GET",
            path,
            api: Api::Mcrit,
            summary,
            is_ours: false,
            query: &[],
            body: RequestBody::None,
            status: 200,
            success: Success::Data,
            role,
            is_open: false,
            has_effects: false,
            answers_head: false,
            lane: Lane::Quick,
            original_id: None,
            handler,
        }
    }

    const fn change(self, verb: &'static str) -> Self {
        Self { verb, has_effects: true, ..self }
    }

    /// `POST`.
    pub(crate) const fn post(path: &'static str, role: Role, handler: H, summary: &'static str) -> Self {
        Self::get(path, role, handler, summary).change("POST")
    }

    /// `PUT`.
    pub(crate) const fn put(path: &'static str, role: Role, handler: H, summary: &'static str) -> Self {
        Self::get(path, role, handler, summary).change("PUT")
    }

    /// `DELETE`.
    pub(crate) const fn delete(path: &'static str, role: Role, handler: H, summary: &'static str) -> Self {
        Self::get(path, role, handler, summary).change("DELETE")
    }

    /// With parameters of the query.
    pub(crate) const fn query(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    /// With a body.
    pub(crate) const fn body(self, body: RequestBody) -> Self {
        Self { body, ..self }
    }

    /// A success is 202: the work was queued.
    pub(crate) const fn accepted(self) -> Self {
        Self { status: 202, ..self }
    }

    /// A success is not in MCRIT's envelope.
    pub(crate) const fn success(self, success: Success) -> Self {
        Self { success, ..self }
    }

    /// Of the triage API.
    pub(crate) const fn triage(self) -> Self {
        Self { api: Api::Triage, success: Success::Json, ..self }
    }

    /// Neither original has it.
    pub(crate) const fn ours(self) -> Self {
        Self { is_ours: true, ..self }
    }

    /// Needs no token.
    pub(crate) const fn open(self) -> Self {
        Self { is_open: true, ..self }
    }

    /// A `GET` that has work done: MCRIT starts jobs that way.
    pub(crate) const fn effects(self) -> Self {
        Self { has_effects: true, ..self }
    }

    /// `HEAD` is answered.
    pub(crate) const fn head(self) -> Self {
        Self { answers_head: true, ..self }
    }

    /// Runs in this lane.
    pub(crate) const fn lane(self, lane: Lane) -> Self {
        Self { lane, ..self }
    }

    /// Known to clients of the original under this name.
    pub(crate) const fn original_id(self, id: &'static str) -> Self {
        Self { original_id: Some(id), ..self }
    }
}

impl<H> Operation<H> {
    /// A name that no other operation has: the original's, or else verb and path.
    pub(crate) fn id(&self) -> String {
        if let Some(id) = self.original_id {
            return id.to_owned();
        }
        let path = self.described_path();
        let words: Vec<&str> = path.split(['/', '{', '}', '.']).filter(|word| !word.is_empty()).collect();
        let words = if words.is_empty() { "root".to_owned() } else { words.join("_") };
        format!("{}_{words}", self.verb.to_lowercase())
    }

    /// The path as descriptions write it, variable segments by name alone.
    pub(crate) fn described_path(&self) -> String {
        self.path.replace(":int}", "}").replace(":rest}", "}")
    }
}
