//! The configuration: read once from defaults, a file, the environment and the command line.
//!
//! Later ones win: default, file, environment, `--set`, a flag of its own. Each value remembers
//! where it was said. Whatever is wrong is collected and told at once; a configuration with one
//! fault is no configuration. Crates below know nothing of this: `serve` hands each its `Settings`.

pub(crate) mod file;
pub(crate) mod keys;
pub(crate) mod problem;
pub(crate) mod suggest;
pub(crate) mod tables;
pub(crate) mod typed;
pub(crate) mod units;

#[cfg(test)]
mod tests;

use file::{Raw, Written};
use keys::{KEYS, Key, Said, Values};
use problem::{Place, Problem, Problems};
use std::io;
use std::path::{Path, PathBuf};
use tables::Tables;
use typed::Typed;

/// The file that is read when none is named and it exists.
pub(crate) const DEFAULT_FILE: &str = "/etc/postrider/postrider.toml";

/// What the configuration is made of, before it is read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// The file named by `--config`.
    pub(crate) file: Option<PathBuf>,
    /// Whether the default file may be unreadable: `queue` and `sendmail` are used by people who
    /// may not see its passwords.
    pub(crate) file_may_be_hidden: bool,
    /// Environment variables.
    pub(crate) environment: Vec<(String, String)>,
    /// `--set KEY=VALUE`, in order.
    pub(crate) sets: Vec<String>,
    /// Flags of their own: key, flag, value.
    pub(crate) flags: Vec<(&'static str, &'static str, String)>,
    /// `--route PATTERN=HOST:PORT`, in order; one replaces the file's route for the same pattern.
    pub(crate) routes: Vec<String>,
}

/// One key, its value, and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// Which.
    pub(crate) key: &'static Key,
    /// The value as written.
    pub(crate) text: String,
    /// Where it was said.
    pub(crate) place: Place,
}

/// A configuration without faults.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The values, typed.
    pub(crate) values: Values,
    /// Routes, users, keys.
    pub(crate) tables: Tables,
    /// All keys, for people.
    pub(crate) settings: Vec<Setting>,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    /// What may be a mistake.
    pub(crate) warnings: Vec<Problem>,
}

impl Sources {
    /// Reads everything. All problems are found, not only the first.
    pub(crate) fn load(&self) -> Result<Config, Problems> {
        let mut problems = Vec::new();
        let mut warnings = Vec::new();
        let mut layers = Layers::default();
        let (path, text) = self.read_file(&mut problems);
        let mut read = Tables::default();
        if let (Some(path), Some(text)) = (&path, text) {
            let folder = path.parent().unwrap_or(Path::new("."));
            let file = file::read(path, &text);
            problems.extend(file.problems);
            layers.written.extend(file.values);
            layers.folder = folder.to_owned();
            read = tables::read(file.entries, folder, &mut problems);
        }
        self.read_environment(&mut layers, &mut warnings);
        self.read_command_line(&mut layers, &mut problems);
        for text in &self.routes {
            match tables::route_flag(text) {
                Ok(route) => {
                    read.routes.retain(|other| other.pattern != route.pattern);
                    read.routes.push(route);
                }
                Err(problem) => problems.push(problem),
            }
        }
        let values = Values::read(&mut layers);
        problems.append(&mut layers.problems);
        match values {
            Some(values) if problems.is_empty() => {
                let config = Config { values, tables: read, settings: layers.settings, file: path, warnings };
                config.check_sense()?;
                Ok(config)
            }
            _ => Err(Problems(problems)),
        }
    }

    fn read_file(&self, problems: &mut Vec<Problem>) -> (Option<PathBuf>, Option<String>) {
        let from_environment = || {
            self.environment.iter().find(|(name, _)| name == "POSTRIDER_CONFIG").map(|(_, path)| PathBuf::from(path))
        };
        let named = self.file.clone().or_else(from_environment);
        let path = named.clone().unwrap_or_else(|| DEFAULT_FILE.into());
        match std::fs::read_to_string(&path) {
            Ok(text) => (Some(path), Some(text)),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => (None, None),
            Err(_) if named.is_none() && self.file_may_be_hidden => (None, None),
            Err(error) => {
                let message = format!("cannot read the configuration {}: {error}", path.display());
                problems.push(Problem::new(Place::Default, "", message));
                (None, None)
            }
        }
    }

    fn read_environment(&self, layers: &mut Layers, warnings: &mut Vec<Problem>) {
        for (name, value) in &self.environment {
            let place = Place::Environment { name: name.clone() };
            if let Some(key) = KEYS.iter().find(|key| key.environment() == *name) {
                layers.written.push(Written { name: key.name.to_owned(), raw: Raw::One(value.clone()), place });
            } else if name.starts_with("POSTRIDER_") && name != "POSTRIDER_CONFIG" {
                // Only a warning: container platforms put variables of their own beside ours.
                let known: Vec<_> = KEYS.iter().map(Key::environment).collect();
                let lower: Vec<_> = known.iter().map(|name| name.to_ascii_lowercase()).collect();
                if let Some(near) = suggest::nearest(name, lower.iter().map(String::as_str)) {
                    let message = format!("this is not used; did you mean {}?", near.to_ascii_uppercase());
                    warnings.push(Problem::new(place, "", message));
                }
            }
        }
    }

    fn read_command_line(&self, layers: &mut Layers, problems: &mut Vec<Problem>) {
        for set in &self.sets {
            let place = Place::Flag { name: "--set".to_owned() };
            match set.split_once('=').map(|(name, value)| (name.trim(), value)) {
                Some((name, value)) if Key::named(name).is_some() => {
                    layers.written.push(Written { name: name.to_owned(), raw: Raw::One(value.to_owned()), place });
                }
                Some((name, _)) => problems.push(Problem::new(place, name, file::unknown(name))),
                None => problems.push(Problem::new(place, set, "write --set KEY=VALUE")),
            }
        }
        for (name, flag, value) in &self.flags {
            let place = Place::Flag { name: (*flag).to_owned() };
            layers.written.push(Written { name: (*name).to_owned(), raw: Raw::One(value.clone()), place });
        }
    }
}

impl Config {
    /// What is well formed and still makes no sense together.
    fn check_sense(&self) -> Result<(), Problems> {
        let mut problems = Vec::new();
        let mut fault = |name: &str, message: &str| {
            let place = self.place(name).cloned().unwrap_or(Place::Default);
            problems.push(Problem::new(place, name, message));
        };
        let values = &self.values;
        if values.tls_certificate.is_some() != values.tls_key.is_some() {
            let given = if values.tls_certificate.is_some() { "tls.certificate" } else { "tls.key" };
            fault(given, "tls.certificate and tls.key are given together or not at all");
        }
        if values.retry_first > values.retry_max {
            fault("queue.retry.first", "the first wait is longer than queue.retry.max");
        }
        if values.retry_first.is_zero() {
            fault("queue.retry.first", "a wait of nothing would try in a loop: write at least 1s");
        }
        if let Some(network) = values.smtp_networks.iter().find(|network| network.to_string().ends_with("/0")) {
            let message = format!("{network} is everybody: this would be an open relay");
            fault("smtp.networks", &message);
        }
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
    }

    /// Where a key was said.
    pub(crate) fn place(&self, name: &str) -> Option<&Place> {
        self.settings.iter().find(|setting| setting.key.name == name).map(|setting| &setting.place)
    }
}

/// Everything said about keys, weakest first.
#[derive(Debug, Default)]
struct Layers {
    written: Vec<Written>,
    folder: PathBuf,
    settings: Vec<Setting>,
    problems: Vec<Problem>,
}

impl Said for Layers {
    fn value<T: Typed>(&mut self, key: &'static Key) -> Option<T> {
        let default =
            Written { name: key.name.to_owned(), raw: Raw::One(key.default.to_owned()), place: Place::Default };
        let mut holds = None;
        // All that was said is read, also what is overridden: a fault is told even if it does no harm today.
        for written in std::iter::once(&default).chain(self.written.iter().filter(|written| written.name == key.name)) {
            let mut text = match &written.raw {
                Raw::One(text) => text.clone(),
                Raw::Many(texts) if key.list => texts.join(", "),
                Raw::Many(_) => {
                    let message = format!("this takes one value, {}, not a list", key.kind);
                    self.problems.push(Problem::new(written.place.clone(), key.name, message));
                    continue;
                }
            };
            // Paths in the file start at the file's own folder, wherever the program is started.
            if key.kind == PathBuf::KIND && !text.is_empty() && matches!(written.place, Place::File { .. }) {
                text = self.folder.join(&text).display().to_string();
            }
            match T::parse(&text) {
                Ok(value) => holds = Some((value, Setting { key, text, place: written.place.clone() })),
                Err(message) => self.problems.push(Problem::new(written.place.clone(), key.name, message)),
            }
        }
        let (value, setting) = holds?;
        self.settings.push(setting);
        Some(value)
    }
}
