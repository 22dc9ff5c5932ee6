//! Login, settings, tokens, import and export.

use std::io::Cursor;
use std::time::Instant;

use http::StatusCode;
use malkin_pages::admin::{ExchangePage, SettingsPage, TokenRow};
use malkin_pages::frame::{Frame, Here, LoginPage};
use malkin_service::clock::second_time;
use malkin_service::{ImportError, Revoked, Role, ServiceError};

use super::{forms, frame, page as render, see_other, store_failed};
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;
use crate::rate::Client;

/// `GET /ui/login?next=`
pub(super) fn login_page(app: &App, call: &Call) -> Result<Answer, Answer> {
    let next = forms::own_path(call.query.last("next").unwrap_or_default());
    if !frame(app, &call.headers, Here::Nowhere, "").is_stranger() {
        return Ok(see_other(next));
    }
    show_login(app, call, next, None)
}

fn show_login(app: &App, call: &Call, next: &str, error: Option<&'static str>) -> Result<Answer, Answer> {
    render(&LoginPage {
        frame: frame(app, &call.headers, Here::Nowhere, "Log in"),
        next: next.to_owned(),
        error,
        is_plain: !is_encrypted(call) && !call.peer.is_loopback(),
    })
}

/// Whether a proxy before this server speaks TLS with the browser.
fn is_encrypted(call: &Call) -> bool {
    call.headers.get("x-forwarded-proto").is_some_and(|value| value == "https")
}

/// `POST /ui/login`: a token becomes a session. Attempts without success are counted like requests without a valid token.
pub(super) fn login(app: &App, call: &Call) -> Result<Answer, Answer> {
    let form = forms::read_any(app, call)?;
    let next = forms::own_path(form.text("next"));
    if !app.requires_token() {
        return Ok(see_other(next));
    }
    if let Some(cookie) = app.sessions.begin(app, form.text("token"), is_encrypted(call)) {
        return Ok(see_other(next).with_header("set-cookie", cookie));
    }
    app.limit(Client::Stranger(call.peer), Instant::now())?;
    let mut answer = show_login(app, call, next, Some("This token is not valid."))?;
    answer.status = StatusCode::UNAUTHORIZED;
    Ok(answer)
}

/// `POST /ui/logout`
pub(super) fn logout(app: &App, call: &Call) -> Result<Answer, Answer> {
    forms::read(app, call)?;
    Ok(see_other("/ui/login").with_header("set-cookie", app.sessions.end(&call.headers)))
}

/// `GET /ui/settings`
pub(super) fn settings(app: &App, call: &Call) -> Result<Answer, Answer> {
    show_settings(app, call, None, None)
}

fn show_settings(
    app: &App,
    call: &Call,
    made: Option<(String, String)>,
    error: Option<String>,
) -> Result<Answer, Answer> {
    let frame: Frame = frame(app, &call.headers, Here::Settings, "Settings");
    let tokens = if frame.may_admin { app.service.tokens.all() } else { Vec::new() };
    let settings = app.settings();
    let limit = settings.rate_limit.map_or("none".to_owned(), |limit| format!("{limit} requests a second"));
    render(&SettingsPage {
        tokens: tokens
            .into_iter()
            .map(|token| TokenRow {
                name: token.name,
                role: token.role.as_str(),
                created: second_time(token.created_at),
            })
            .collect(),
        made,
        error,
        settings: vec![
            ("Version", env!("CARGO_PKG_VERSION").to_owned()),
            ("Largest upload", malkin_pages::size_text(settings.body_limit as u64)),
            ("Rate limit", limit),
            ("Connections for each address", settings.connections_per_address.to_string()),
        ],
        frame,
    })
}

/// `POST /ui/tokens`
pub(super) fn add_token(app: &App, call: &Call) -> Result<Answer, Answer> {
    let form = forms::read(app, call)?;
    let name = form.text("name").trim();
    let Some(role) = Role::from_text(form.text("role")) else {
        return show_settings(app, call, None, Some("Choose a role.".to_owned()));
    };
    // From the first token on every request needs one: the first must be able to make others.
    if !app.requires_token() && role != Role::Admin {
        let message = "The first token must have the role admin: from then on every request needs a token.";
        return show_settings(app, call, None, Some(message.to_owned()));
    }
    match app.service.tokens.add(name, role) {
        Ok(text) => {
            let was_open = frame(app, &call.headers, Here::Settings, "").is_stranger();
            let answer = show_settings(app, call, Some((name.to_owned(), text.clone())), None)?;
            // Whoever closes the server by its first token stays inside.
            let cookie = was_open.then(|| app.sessions.begin(app, &text, is_encrypted(call))).flatten();
            Ok(match cookie {
                Some(cookie) => answer.with_header("set-cookie", cookie),
                None => answer,
            })
        }
        Err(ServiceError::Store(error)) => Err(store_failed(app, call, &error)),
        Err(error) => show_settings(app, call, None, Some(format!("No token was made: {error}."))),
    }
}

/// `POST /ui/tokens/revoke`
pub(super) fn revoke_token(app: &App, call: &Call) -> Result<Answer, Answer> {
    let form = forms::read(app, call)?;
    let keep_an_admin = app.configured_token().is_none();
    let revoked = app.service.tokens.revoke(form.text("name"), keep_an_admin);
    match revoked.map_err(|error| store_failed(app, call, &error))? {
        Revoked::Done => Ok(see_other("/ui/settings")),
        Revoked::Unknown => show_settings(app, call, None, Some("There is no such token.".to_owned())),
        Revoked::KeptLastAdmin => {
            let message =
                "This is the last token of an admin: nobody could make another one. Make one first.";
            show_settings(app, call, None, Some(message.to_owned()))
        }
    }
}

/// `GET /ui/exchange`
pub(super) fn exchange(app: &App, call: &Call) -> Result<Answer, Answer> {
    show_exchange(app, call, call.query.last("imported").map(str::to_owned), None)
}

fn show_exchange(
    app: &App,
    call: &Call,
    imported: Option<String>,
    error: Option<String>,
) -> Result<Answer, Answer> {
    let counts = app.service.corpus.counts().map_err(|error| store_failed(app, call, &error))?;
    // The text of the address is not shown: three numbers are read from it.
    let imported = imported.and_then(|text| {
        let numbers: Vec<u64> = text.split('-').map(str::parse).collect::<Result<_, _>>().ok()?;
        let [samples, functions, skipped] = numbers.as_slice() else { return None };
        Some(format!("{samples} samples with {functions} functions were imported; {skipped} samples were known already."))
    });
    render(&ExchangePage {
        frame: frame(app, &call.headers, Here::Exchange, "Import and export"),
        imported,
        error,
        samples: counts.samples,
    })
}

/// `GET /ui/exchange/export?samples=&family=`
pub(super) fn export(app: &App, call: &Call) -> Result<Answer, Answer> {
    let samples = match (call.query.last("samples"), call.query.last("family")) {
        (Some(list), _) => {
            let ids: Vec<malkin_report::SampleId> = list
                .split([',', ' '])
                .filter_map(|id| id.trim().parse().ok())
                .map(malkin_report::SampleId::new)
                .collect();
            Some(ids)
        }
        (None, Some(family)) => {
            let id = malkin_report::FamilyId::new(family.parse().unwrap_or(i64::MIN));
            let samples = app.service.corpus.store().samples_of_family(id);
            let samples = samples.map_err(|error| store_failed(app, call, &error))?;
            Some(samples.into_iter().map(|sample| sample.sample_id).collect())
        }
        (None, None) => None,
    };
    let answer = crate::api::export_file(app, samples.as_deref())?;
    Ok(answer
        .with_header("content-disposition", "attachment; filename=\"malkin.mcrit\"".to_owned())
        .with_header("cache-control", "no-store".to_owned()))
}

/// `POST /ui/exchange/import`
pub(super) fn import(app: &App, call: &Call) -> Result<Answer, Answer> {
    let form = forms::read(app, call)?;
    let refuse = |message: String| super::failed(app, &call.headers, StatusCode::BAD_REQUEST, &message);
    let Some((_, bytes)) = form.file("file").filter(|(_, bytes)| !bytes.is_empty()) else {
        return Err(refuse("Choose a file that is not empty.".to_owned()));
    };
    let imported = app.service.corpus.import(Cursor::new(bytes.clone())).map_err(|error| match error {
        ImportError::Store(error) => store_failed(app, call, &error),
        other => refuse(format!("The file was not imported to its end: {other}.")),
    })?;
    let Some(done) = imported else {
        return Err(refuse(
            "The hashes of this file were made in another way and cannot be compared with those here."
                .to_owned(),
        ));
    };
    let path = format!("/ui/exchange?imported={}-{}-{}", done.samples, done.functions, done.samples_skipped);
    Ok(forms::then(call, &path))
}
