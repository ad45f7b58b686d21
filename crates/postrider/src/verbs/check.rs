//! `postrider check`: the configuration as it holds, each value with its place, or all its faults.

use crate::cli::ConfigArgs;
use crate::config::keys::{KEYS, Reload};
use crate::config::problem::{Place, Problem};
use crate::config::tables::Tables;
use crate::config::{Config, Setting};
use crate::exit::{Exit, Failure};
use serde::Serialize;
use std::fmt::Write as _;

/// The arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(
    about = "Check the configuration: every key, its value, and where it comes from",
    after_help = "\
Examples:
  postrider check                                   the file of the system, if there is one
  postrider check --config postrider.toml           another file
  postrider check --explain                         with what each key is for, and its default
  postrider check --set queue.retry.first=1m --json

Exit codes: 0 the configuration is sound, 78 it has faults (all of them are told), 64 wrong usage."
)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Say what each key is for, its type, its default and its environment variable
    #[arg(long)]
    explain: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let loaded = args.config.sources().load();
    if args.json {
        let report = Report::of(&loaded.as_ref().map_err(|problems| problems.0.as_slice()));
        let text = serde_json::to_string_pretty(&report).map_err(|e| Failure::new(Exit::Failed, e.to_string()))?;
        println!("{text}");
        return Ok(if loaded.is_ok() { Exit::Ok } else { Exit::Config });
    }
    let config = loaded?;
    print!("{}", if args.explain { explained(&config) } else { table(&config) });
    for warning in &config.warnings {
        eprintln!("postrider: warning: {warning}");
    }
    Ok(Exit::Ok)
}

/// One line for each key.
fn table(config: &Config) -> String {
    let mut text = match &config.file {
        Some(path) => format!("# {}\n", path.display()),
        None => "# no configuration file: defaults, environment and flags\n".to_owned(),
    };
    let value_width = config.settings.iter().map(|setting| shown(setting).len()).max().unwrap_or(0).min(40);
    let name_width = KEYS.iter().map(|key| key.name.len()).max().unwrap_or(0);
    for setting in &config.settings {
        let (name, value) = (setting.key.name, shown(setting));
        let _ = writeln!(text, "{name:name_width$}  {value:value_width$}  {}", setting.place);
    }
    text.push_str(&tables(&config.tables));
    text
}

fn tables(tables: &Tables) -> String {
    let mut text = String::new();
    for route in &tables.routes {
        let login = route.login.as_ref().map(|(user, _)| format!(", as {user} (password hidden)"));
        let tls = route.tls.name();
        let (host, port, login) = (&route.host, route.port, login.unwrap_or_default());
        let _ = writeln!(text, "route {} to {host}:{port}, tls {tls}{login}  {}", route.pattern, route.place);
    }
    for user in &tables.users {
        let _ = writeln!(text, "user {} (hash hidden)  {}", user.name, user.place);
    }
    for dkim in &tables.dkim {
        let _ = writeln!(
            text,
            "dkim {} selector {} key {}  {}",
            dkim.domain,
            dkim.selector,
            dkim.key.display(),
            dkim.place
        );
    }
    text
}

/// A paragraph for each key: itself a configuration file that could be used.
fn explained(config: &Config) -> String {
    let mut text = String::new();
    for setting in &config.settings {
        let key = setting.key;
        for line in wrapped(&key.help(), 96) {
            let _ = writeln!(text, "# {line}");
        }
        let several = if key.list { ", several separated by commas" } else { "" };
        let reload = match key.reload {
            Reload::Live => "taken up on reload",
            Reload::Restart => "needs a restart",
        };
        let default = if key.default.is_empty() { "nothing" } else { key.default };
        let _ = writeln!(text, "# It is {}{several}; default {default}; {reload}; ${}", key.kind, key.environment());
        let _ = writeln!(text, "{} = {:?}  # {}\n", key.name, setting.text, setting.place);
    }
    text.push_str(&tables(&config.tables).lines().map(|line| format!("# {line}\n")).collect::<String>());
    text
}

fn shown(setting: &Setting) -> &str {
    if setting.text.is_empty() { "-" } else { &setting.text }
}

/// Breaks a text at spaces so that no line is longer than `width`, if it can be helped.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            if line.is_empty() {
                line.push_str(word);
            } else if line.len() + 1 + word.len() <= width {
                line.push(' ');
                line.push_str(word);
            } else {
                lines.push(word.to_owned());
            }
        }
    }
    lines
}

/// The JSON form, `postrider.check/1`.
#[derive(Debug, Serialize)]
struct Report<'a> {
    schema: &'static str,
    ok: bool,
    file: Option<String>,
    keys: Vec<KeyReport<'a>>,
    routes: Vec<String>,
    users: Vec<&'a str>,
    dkim: Vec<String>,
    problems: &'a [Problem],
    warnings: &'a [Problem],
}

#[derive(Debug, Serialize)]
struct KeyReport<'a> {
    name: &'static str,
    /// As it would be written; absent when the configuration has faults.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a Place>,
    kind: &'static str,
    list: bool,
    default: &'static str,
    environment: String,
    reloadable: bool,
    help: String,
}

impl<'a> Report<'a> {
    fn of(loaded: &Result<&'a Config, &'a [Problem]>) -> Self {
        let config = loaded.as_ref().ok();
        let keys = KEYS.iter().map(|key| {
            let setting = config.and_then(|config| config.settings.iter().find(|setting| setting.key.name == key.name));
            KeyReport {
                name: key.name,
                value: setting.map(|setting| setting.text.as_str()),
                place: setting.map(|setting| &setting.place),
                kind: key.kind,
                list: key.list,
                default: key.default,
                environment: key.environment(),
                reloadable: key.reload == Reload::Live,
                help: key.help(),
            }
        });
        let tables = config.map(|config| &config.tables);
        let route = |route: &crate::config::tables::Route| format!("{}={}:{}", route.pattern, route.host, route.port);
        Self {
            schema: "postrider.check/1",
            ok: config.is_some(),
            file: config.and_then(|config| config.file.as_ref()).map(|path| path.display().to_string()),
            keys: keys.collect(),
            routes: tables.map(|t| t.routes.iter().map(route).collect()).unwrap_or_default(),
            users: tables.map(|t| t.users.iter().map(|user| user.name.as_str()).collect()).unwrap_or_default(),
            dkim: tables
                .map(|t| t.dkim.iter().map(|dkim| format!("{} {}", dkim.domain, dkim.selector)).collect())
                .unwrap_or_default(),
            problems: loaded.as_ref().err().copied().unwrap_or_default(),
            warnings: config.map(|config| config.warnings.as_slice()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn every_key_is_shown_with_its_value_and_place() {
        let sources = Sources {
            sets: vec!["queue.retry.first=60s".into()],
            routes: vec!["*=127.0.0.1:2600".into()],
            ..Sources::default()
        };
        let text = table(&sources.load().unwrap());
        let line = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("queue.retry.first"), "queue.retry.first 60s --set");
        assert_eq!(line("queue.expire"), "queue.expire 5d default");
        assert_eq!(line("tls.key"), "tls.key - default");
        assert_eq!(line("route"), "route * to [127.0.0.1]:2600, tls opportunistic --route *=127.0.0.1:2600");
        assert!(KEYS.iter().all(|key| !line(key.name).is_empty()));
    }

    #[test]
    fn the_explanation_is_itself_a_configuration() {
        let defaults = Sources::default().load().unwrap();
        let folder = std::env::temp_dir().join(format!("postrider-check-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("explained.toml");
        std::fs::write(&path, explained(&defaults)).unwrap();
        let again = Sources { file: Some(path), ..Sources::default() }.load().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        assert_eq!(again.values, defaults.values);
    }
}
