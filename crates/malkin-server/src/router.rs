//! Which request is for which operation, by the rules of the API that the path belongs to.
//!
//! A table of our own and no framework's router, because clients see what the originals' frameworks do at the edges:
//!
//! | | MCRIT (`docs/reference/mcrit-api.md` 1.1, 1.2) | triage (`docs/reference/triage-api.md`) |
//! |---|---|---|
//! | a trailing slash | is ignored, and so are further slashes at the start | leads to the path without it (307) |
//! | two patterns match | the first has all verbs | the verbs of both count: `GET /analyses/purge` asks for a record |
//! | an empty segment | is a text | is none |
//! | OPTIONS | lists the verbs, in alphabetical order | is a wrong verb |
//!
//! Not here: the answers to requests without an operation (`server`), and how a path is taken apart (`path`).

use std::cmp::Reverse;

use http::Method;

use crate::operation::{Api, Area, Operation, Success};
use crate::path::{Part, Segment, matches, parse, percent_decode};

/// Verbs in the order in which the triage API lists them.
const TRIAGE_VERBS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

/// All operations by path.
#[derive(Debug)]
pub(crate) struct Router<H: 'static> {
    areas: &'static [Area<H>],
    /// The more literal a pattern, the earlier it stands.
    routes: Vec<Route<H>>,
    /// First segments of the paths of the triage API.
    rooms: Vec<&'static str>,
}

/// The operations of one pattern.
#[derive(Debug)]
struct Route<H: 'static> {
    api: Api,
    pattern: Vec<Part>,
    operations: Vec<&'static Operation<H>>,
}

/// What a request wants.
#[derive(Debug)]
pub(crate) struct Asked<H: 'static> {
    /// Where it leads.
    pub(crate) target: Target<H>,
    /// The API that its path belongs to.
    pub(crate) api: Api,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// Whether it needs no token.
    pub(crate) is_open: bool,
}

/// Where a request leads.
#[derive(Debug)]
pub(crate) enum Target<H: 'static> {
    /// To an operation, with the values of the variable segments of its path.
    Found(&'static Operation<H>, Vec<Segment>),
    /// To the path without its trailing slash.
    Moved,
    /// To the list of the path's verbs.
    Options(String),
    /// Nowhere: the path has only these verbs.
    WrongVerb(String),
    /// Nowhere: there is no such path.
    Unknown,
}

/// What a request is for, as far as pages of other sites are concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// To read a page for people.
    Page,
    /// To read something else.
    Reading,
    /// To have work done or something changed.
    Effects,
}

/// Operations of the patterns that match a path, each with the values of the path.
type Matched<'a, H> = Vec<(&'a Route<H>, Vec<Segment>)>;

impl<H> Router<H> {
    /// Orders the operations of all areas.
    pub(crate) fn new(areas: &'static [Area<H>]) -> Self {
        let mut routes: Vec<Route<H>> = Vec::new();
        for operation in areas.iter().flat_map(|area| area.operations) {
            let pattern = parse(operation.path);
            match routes.iter_mut().find(|route| route.api == operation.api && route.pattern == pattern) {
                Some(route) => route.operations.push(operation),
                None => routes.push(Route { api: operation.api, pattern, operations: vec![operation] }),
            }
        }
        routes.sort_by_key(|route| {
            Reverse(route.pattern.iter().map(|part| part.literalness()).collect::<Vec<_>>())
        });
        let in_triage = routes.iter().filter(|route| route.api == Api::Triage);
        let rooms = in_triage.filter_map(|route| route.pattern.first()?.literal()).collect();
        Self { areas, routes, rooms }
    }

    /// All operations, as their files group them.
    pub(crate) fn areas(&self) -> &'static [Area<H>] {
        self.areas
    }

    /// What a request wants. `path` is as it stands in the request line, still percent-encoded.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Asked<H> {
        // Escapes are undone before the path is taken apart, so that an escaped slash separates like any other.
        let decoded = percent_decode(path);
        let first = decoded.strip_prefix('/').and_then(|path| path.split('/').next());
        let api =
            if first.is_some_and(|first| self.rooms.contains(&first)) { Api::Triage } else { Api::Mcrit };
        let (matched, is_moved) = match api {
            Api::Mcrit => (self.in_mcrit(&decoded), false),
            Api::Triage => self.in_triage(&decoded),
        };
        let verb = if method == Method::HEAD { "GET" } else { method.as_str() };
        let found = matched.iter().find_map(|(route, values)| {
            let operation = route.operations.iter().find(|operation| operation.verb == verb)?;
            Some((*operation, values))
        });
        let operation = found.map(|(operation, _)| operation);
        let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
        let purpose = match operation {
            Some(operation) if operation.has_effects => Purpose::Effects,
            Some(operation) if operation.success == Success::Html && method == Method::GET => Purpose::Page,
            None if !is_safe => Purpose::Effects,
            _ => Purpose::Reading,
        };
        let target = match found {
            _ if is_moved => Target::Moved,
            Some((operation, values)) if method != Method::HEAD || operation.answers_head => {
                Target::Found(operation, values.clone())
            }
            _ => without_operation(api, method, &matched),
        };
        Asked { target, api, purpose, is_open: operation.is_some_and(|operation| operation.is_open) }
    }

    /// The first pattern that matches, and no other.
    fn in_mcrit(&self, path: &str) -> Matched<'_, H> {
        let path = path.strip_suffix('/').unwrap_or(path).trim_start_matches('/');
        let segments: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
        let found = self.of(Api::Mcrit).find_map(|route| Some((route, matches(&route.pattern, &segments)?)));
        found.into_iter().collect()
    }

    /// All patterns that match, and whether they do so without the trailing slash only.
    fn in_triage(&self, path: &str) -> (Matched<'_, H>, bool) {
        let all = |path: &str| -> Matched<'_, H> {
            let segments: Vec<&str> = path.split('/').skip(1).collect();
            let has_empty = segments.iter().any(|segment| segment.is_empty());
            let routes = self.of(Api::Triage).filter(|_| !has_empty);
            routes.filter_map(|route| Some((route, matches(&route.pattern, &segments)?))).collect()
        };
        let matched = all(path);
        match path.strip_suffix('/') {
            Some(without) if matched.is_empty() => {
                let matched = all(without);
                let is_moved = !matched.is_empty();
                (matched, is_moved)
            }
            _ => (matched, false),
        }
    }

    fn of(&self, api: Api) -> impl Iterator<Item = &Route<H>> {
        self.routes.iter().filter(move |route| route.api == api)
    }
}

/// Where a request leads whose path has no operation for its verb.
fn without_operation<H>(api: Api, method: &Method, matched: &Matched<'_, H>) -> Target<H> {
    let operations = matched.iter().flat_map(|(route, _)| &route.operations);
    let mut verbs: Vec<&str> = operations.map(|operation| operation.verb).collect();
    match api {
        _ if verbs.is_empty() => Target::Unknown,
        Api::Mcrit => {
            verbs.sort_unstable();
            if method == Method::OPTIONS {
                return Target::Options(verbs.join(", "));
            }
            verbs.push("OPTIONS");
            Target::WrongVerb(verbs.join(", "))
        }
        Api::Triage => {
            verbs.sort_by_key(|verb| TRIAGE_VERBS.iter().position(|known| known == verb));
            verbs.dedup();
            Target::WrongVerb(verbs.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use malkin_service::Role;

    use super::*;

    /// Variable patterns stand first: the order of rows does not matter.
    const AREAS: &[Area<u8>] = &[Area {
        group: "all",
        operations: &[
            Operation::get("/jobs/{job_id}", Role::Reader, 4, ""),
            Operation::get("/jobs/stats", Role::Reader, 3, ""),
            Operation::get("/", Role::Reader, 0, "").success(Success::Html),
            Operation::get("/jobs", Role::Reader, 2, ""),
            Operation::delete("/jobs", Role::Admin, 1, ""),
            Operation::get("/samples/{sample_id:int}", Role::Reader, 5, "").effects(),
            Operation::delete("/tokens/{name:rest}", Role::Admin, 6, ""),
            Operation::get("/docs", Role::Reader, 7, "").head().open(),
            Operation::get("/records/{id}", Role::Reader, 8, "").triage(),
            Operation::delete("/records/{id}", Role::Reader, 9, "").triage(),
            Operation::post("/records/purge", Role::Admin, 10, "").triage(),
            Operation::get("/records", Role::Reader, 11, "").triage().open(),
        ],
    }];

    fn asked(verb: &str, path: &str) -> Asked<u8> {
        Router::new(AREAS).find(&Method::from_bytes(verb.as_bytes()).unwrap(), path)
    }

    fn found(verb: &str, path: &str) -> Option<(u8, Vec<Segment>)> {
        match asked(verb, path).target {
            Target::Found(operation, values) => Some((operation.handler, values)),
            _ => None,
        }
    }

    fn text(text: &str) -> Vec<Segment> {
        vec![Segment::Text(text.to_owned())]
    }

    #[test]
    fn paths_lead_to_handlers() {
        assert_eq!(found("GET", "/"), Some((0, vec![])));
        for path in ["/jobs", "/jobs/", "//jobs", "///jobs", "/%2Fjobs", "/jobs%2F"] {
            assert_eq!(found("GET", path), Some((2, vec![])), "{path}");
        }
        assert_eq!(found("GET", "/jobs/stats/"), Some((3, vec![])));
        assert_eq!(found("GET", "/jobs/a%20b"), Some((4, text("a b"))));
        for path in ["/jobs//", "/jobs/%2F"] {
            assert_eq!(found("GET", path), Some((4, text(""))), "{path}");
        }
        assert_eq!(found("GET", "/samples/-5"), Some((5, vec![Segment::Int(-5)])));
        for (path, name) in
            [("/tokens/a%2Fb", "a/b"), ("/tokens/a/b/", "a/b"), ("/tokens/%2Fa", "/a"), ("/tokens/a", "a")]
        {
            assert_eq!(found("DELETE", path), Some((6, text(name))), "{path}");
        }
        for path in [
            "/Jobs",
            "/jobs/a%2Fb",
            "/jobs///",
            "/jobs/stats//",
            "/samples/abc",
            "/samples/",
            "/nope",
            "/tokens",
        ] {
            assert!(matches!(asked("GET", path).target, Target::Unknown), "{path}");
        }
    }

    #[test]
    fn wrong_verbs_list_the_others() {
        let allow = |verb: &str, path: &str| match asked(verb, path).target {
            Target::Options(allow) => format!("options {allow}"),
            Target::WrongVerb(allow) => allow,
            other => format!("{other:?}"),
        };
        assert_eq!(allow("OPTIONS", "/jobs"), "options DELETE, GET");
        assert_eq!(allow("PUT", "/jobs"), "DELETE, GET, OPTIONS");
        assert_eq!(allow("HEAD", "/jobs"), "DELETE, GET, OPTIONS");
        // The first pattern has all verbs.
        assert_eq!(allow("DELETE", "/jobs/stats"), "GET, OPTIONS");
        assert_eq!(allow("OPTIONS", "/records/x"), "GET, DELETE");
        assert_eq!(allow("PUT", "/records/purge"), "GET, POST, DELETE");
    }

    #[test]
    fn the_triage_api_has_rules_of_its_own() {
        assert_eq!(found("GET", "/records/purge"), Some((8, text("purge"))));
        assert_eq!(found("DELETE", "/records/purge"), Some((9, text("purge"))));
        assert_eq!(found("POST", "/records/purge"), Some((10, vec![])));
        let moved = asked("GET", "/records/");
        assert!(matches!(moved.target, Target::Moved) && moved.is_open && moved.api == Api::Triage);
        assert!(matches!(asked("POST", "/records/x/").target, Target::Moved));
        for path in ["/records/a/b", "/records/a%2Fb", "/records//"] {
            let asked = asked("GET", path);
            assert!(matches!(asked.target, Target::Unknown) && asked.api == Api::Triage, "{path}");
        }
        assert_eq!(asked("GET", "/recordsx").api, Api::Mcrit);
    }

    #[test]
    fn rows_say_who_may_ask_and_why() {
        assert_eq!(found("HEAD", "/docs"), Some((7, vec![])));
        assert!(
            asked("HEAD", "/docs").is_open
                && !asked("POST", "/docs").is_open
                && !asked("GET", "/jobs").is_open
        );
        for (verb, path, purpose) in [
            ("GET", "/", Purpose::Page),
            ("HEAD", "/", Purpose::Reading),
            ("GET", "/jobs", Purpose::Reading),
            ("GET", "/samples/7", Purpose::Effects),
            ("HEAD", "/samples/7", Purpose::Effects),
            ("DELETE", "/jobs", Purpose::Effects),
            ("OPTIONS", "/jobs", Purpose::Reading),
            ("GET", "/nope", Purpose::Reading),
            ("PATCH", "/nope", Purpose::Effects),
        ] {
            assert_eq!(asked(verb, path).purpose, purpose, "{verb} {path}");
        }
    }
}
