//! `malkin token`: named tokens of a server, each with a role.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use malkin_service::clock::second_time;
use malkin_service::{Revoked, Role};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{self, Align, Document, Format, Table};
use crate::place::{self, Place};

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Create a token and print it; it cannot be shown again.
    Add {
        /// Unique name of the person or program that will use it
        name: String,

        /// What the token allows
        #[arg(long, value_enum, default_value_t = Kind::Reader)]
        role: Kind,

        #[command(flatten)]
        place: place::Options,
    },
    /// List the names and roles of all tokens.
    List {
        /// Output format
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,

        #[command(flatten)]
        place: place::Options,
    },
    /// Revoke a token; requests with it are refused from then on.
    Revoke {
        /// Name of the token
        name: String,

        #[command(flatten)]
        place: place::Options,
    },
    /// Delete all tokens of a data directory; its server is then open to everyone unless it has --token.
    Disable {
        /// Data directory of the embedded store
        #[arg(long, value_name = "DIR", env = "MALKIN_DATA", default_value = "malkin-data")]
        data: PathBuf,
    },
}

/// A role on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Read everything and run comparisons
    Reader,
    /// Also add and change samples, families and analyses
    Contributor,
    /// Also delete, reset, maintain, and manage tokens
    Admin,
}

impl From<Kind> for Role {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Reader => Self::Reader,
            Kind::Contributor => Self::Contributor,
            Kind::Admin => Self::Admin,
        }
    }
}

/// Manages.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    match &options.what {
        What::Add { name, role, place } => add(name, Role::from(*role), place),
        What::List { format, place } => list(*format, place),
        What::Revoke { name, place } => revoke(name, place),
        What::Disable { data } => disable(data),
    }
}

fn add(name: &str, role: Role, place: &place::Options) -> Result<ExitCode, Failure> {
    let token = match place.open()? {
        Place::Local(app) => app.tokens.add(name, role)?,
        Place::Remote(remote) => {
            let body = json!({"name": name, "role": role.as_str()}).to_string();
            let made = remote.post("/tokens", body.as_bytes())?;
            made["token"].as_str().unwrap_or_default().to_owned()
        }
    };
    output::note(&format!(
        "{name} ({}): send it as the header apitoken; it is not stored and not shown again",
        role.as_str()
    ));
    output::line(&token)?;
    Ok(ExitCode::SUCCESS)
}

fn list(format: Format, place: &place::Options) -> Result<ExitCode, Failure> {
    let mut were_used = false;
    let tokens: Value = match place.open()? {
        Place::Local(app) => {
            were_used = app.tokens.are_required();
            let tokens = app.tokens.all().into_iter().map(|token| {
                json!({"name": token.name, "role": token.role.as_str(), "created_at": second_time(token.created_at)})
            });
            tokens.collect()
        }
        Place::Remote(remote) => remote.get("/tokens")?,
    };
    let rows = tokens.as_array().map(Vec::as_slice).unwrap_or_default();
    if matches!(format, Format::Json | Format::Jsonl) {
        if format == Format::Json {
            output::json(&tokens)?;
        } else {
            rows.iter().try_for_each(output::json)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if rows.is_empty() {
        output::note(if were_used {
            "all tokens are revoked: a server without --token refuses every request until `malkin token add` creates one or `malkin token disable` opens the server to every client"
        } else {
            "there are no tokens: without --token the server gives every client full access"
        });
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&[("name", Align::Left), ("role", Align::Left), ("made", Align::Left)]);
    for token in rows {
        table.row(
            ["name", "role", "created_at"]
                .map(|key| token[key].as_str().unwrap_or_default().to_owned())
                .to_vec(),
        );
    }
    let mut page = Document::new(format);
    page.table(&table);
    output::document(&page)?;
    Ok(ExitCode::SUCCESS)
}

fn revoke(name: &str, place: &place::Options) -> Result<ExitCode, Failure> {
    match place.open()? {
        Place::Local(app) => {
            if app.tokens.revoke(name, false)? == Revoked::Unknown {
                return Err(Failure::Other(format!("no such token: {name:?}")));
            }
            if app.tokens.all().is_empty() {
                output::note(
                    "no tokens are left: a server without --token refuses every request until `malkin token add` creates one or `malkin token disable` opens the server to every client",
                );
            }
        }
        Place::Remote(remote) => {
            remote.delete(&format!("/tokens/{}", crate::remote::escaped(name)))?;
        }
    }
    output::note(&format!("{name} is revoked"));
    Ok(ExitCode::SUCCESS)
}

fn disable(data: &Path) -> Result<ExitCode, Failure> {
    let (app, _store) = place::open_local(data, "a malkin command")?;
    let count = app.tokens.forget_all()?;
    output::note(&format!(
        "{count} tokens deleted: without --token the server gives every client full access"
    ));
    Ok(ExitCode::SUCCESS)
}
