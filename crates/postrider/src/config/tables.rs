//! The tables that may be repeated: routes, users, DKIM keys.

use super::file::{Entry, Raw, Written};
use super::problem::{Place, Problem};
use super::suggest::nearest;
use super::typed::{HostPort, Typed};
use postrider_delivery::{Pattern, TlsMode};
use postrider_inbound::Users;
use postrider_smtp::{Domain, Host};
use std::fmt;
use std::path::{Path, PathBuf};

/// The longest secret read from a file, in octets.
const SECRET_BYTES_MAX: u64 = 4096;

/// Something never to be printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// The secret itself, for whoever must use it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// `[[route]]`: mail for some domains goes to one host, whatever DNS says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// Which domains.
    pub(crate) pattern: Pattern,
    /// The host.
    pub(crate) host: Host,
    /// Its port.
    pub(crate) port: u16,
    /// What is asked of TLS.
    pub(crate) tls: TlsMode,
    /// User and password for AUTH.
    pub(crate) login: Option<(String, Secret)>,
    /// Where it was written.
    pub(crate) place: Place,
}

/// `[[user]]`: who may relay with a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    /// The name given in AUTH.
    pub(crate) name: String,
    /// What is kept of the password: an argon2 hash, or SCRAM keys.
    pub(crate) hash: Secret,
    /// Where it was written.
    pub(crate) place: Place,
}

/// `[[dkim]]`: a key to sign with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dkim {
    /// Mail from this domain is signed.
    pub(crate) domain: Domain,
    /// The selector under which the public key is published.
    pub(crate) selector: String,
    /// The private key, PEM.
    pub(crate) key: PathBuf,
    /// Where it was written.
    pub(crate) place: Place,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tables {
    /// Routes, in the order they are tried.
    pub(crate) routes: Vec<Route>,
    /// Users.
    pub(crate) users: Vec<User>,
    /// DKIM keys.
    pub(crate) dkim: Vec<Dkim>,
}

/// Reads entries of a file; `folder` is where relative paths start.
pub(crate) fn read(entries: Vec<Entry>, folder: &Path, problems: &mut Vec<Problem>) -> Tables {
    let mut tables = Tables::default();
    for entry in entries {
        let mut fields = Fields { entry, folder, asked: Vec::new(), problems };
        match fields.entry.table {
            "route" => {
                let route = route(&mut fields).and_then(|route| fields.first_of(&tables.routes, route));
                tables.routes.extend(route);
            }
            "user" => tables.users.extend(user(&mut fields)),
            _ => tables.dkim.extend(dkim(&mut fields)),
        }
        fields.refuse_others();
    }
    tables
}

/// Reads `PATTERN=HOST:PORT`, as `--route` takes it.
pub(crate) fn route_flag(text: &str) -> Result<Route, Problem> {
    let place = Place::Flag { name: format!("--route {text}") };
    let Some((pattern, target)) = text.split_once('=') else {
        return Err(Problem::new(place, "", "write PATTERN=HOST:PORT, such as \"*=127.0.0.1:2600\""));
    };
    let read = Pattern::parse(pattern).and_then(|pattern| Ok((pattern, HostPort::parse(target)?)));
    match read {
        Ok((pattern, HostPort { host, port })) => {
            Ok(Route { pattern, host, port: port.unwrap_or(25), tls: TlsMode::Opportunistic, login: None, place })
        }
        Err(message) => Err(Problem::new(place, "", message)),
    }
}

fn route(fields: &mut Fields<'_>) -> Option<Route> {
    let pattern = fields.required::<Pattern>("pattern");
    let host = fields.required::<HostPort>("host");
    let user = fields.optional::<String>("user");
    let password = fields.secret("password", "password_file");
    let tls = fields.optional::<TlsMode>("tls");
    let port = fields.optional::<u16>("port");
    let place = fields.entry.place.clone();
    let login = match (user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        (Some(_), None) => return fields.fault("a route with a user needs password or password_file"),
        (None, Some(_)) => return fields.fault("a route with a password needs a user"),
    };
    // A password goes over verified TLS unless the operator says otherwise.
    let tls = tls.unwrap_or(if login.is_some() { TlsMode::Verify } else { TlsMode::Opportunistic });
    let HostPort { host, port: inline_port } = host?;
    let port = port.or(inline_port).unwrap_or(match (tls, &login) {
        (TlsMode::Implicit, _) => 465,
        (_, Some(_)) => 587,
        (_, None) => 25,
    });
    let in_clear = matches!(tls, TlsMode::None | TlsMode::Opportunistic);
    let local = matches!(host, Host::Literal(ip) if ip.is_loopback());
    if login.is_some() && in_clear && !local {
        return fields.fault("the password could go over the network in clear: write tls = \"verify\" or \"required\"");
    }
    Some(Route { pattern: pattern?, host, port, tls, login, place })
}

fn user(fields: &mut Fields<'_>) -> Option<User> {
    let name = fields.required::<String>("name");
    let hash = fields.required::<String>("hash").and_then(|hash| {
        let wrong = "this is neither an argon2 hash, which `postrider passwd` makes, nor SCRAM-SHA-256 keys";
        let checked = Users::new([("", hash.as_str())]).map(|_| Secret(hash.clone())).map_err(|_| wrong.to_owned());
        fields.checked("hash", checked)
    });
    Some(User { name: name?, hash: hash?, place: fields.entry.place.clone() })
}

fn dkim(fields: &mut Fields<'_>) -> Option<Dkim> {
    let domain = fields.required::<Domain>("domain");
    let selector = fields.required::<String>("selector");
    let key = fields.required::<PathBuf>("key").map(|path| fields.folder.join(path));
    Some(Dkim { domain: domain?, selector: selector?, key: key?, place: fields.entry.place.clone() })
}

/// One entry being read: remembers which fields were asked for, so that all others are unknown.
struct Fields<'a> {
    entry: Entry,
    folder: &'a Path,
    asked: Vec<&'static str>,
    problems: &'a mut Vec<Problem>,
}

impl Fields<'_> {
    fn written(&mut self, name: &'static str) -> Option<Written> {
        self.asked.push(name);
        self.entry.fields.iter().find(|field| field.name == name).cloned()
    }

    fn full(&self, name: &str) -> String {
        format!("{}.{name}", self.entry.table)
    }

    fn optional<T: Typed>(&mut self, name: &'static str) -> Option<T> {
        let written = self.written(name)?;
        let value = match &written.raw {
            Raw::One(text) => T::parse(text),
            Raw::Many(_) => Err(format!("this takes one value, {}, not a list", T::KIND)),
        };
        self.checked(name, value)
    }

    fn required<T: Typed>(&mut self, name: &'static str) -> Option<T> {
        let value = self.optional(name);
        if !self.entry.fields.iter().any(|field| field.name == name) {
            let message = format!("{name} is missing: it is {}", T::KIND);
            self.problems.push(Problem::new(self.entry.place.clone(), self.entry.table, message));
        }
        value
    }

    fn checked<T>(&mut self, name: &str, value: Result<T, String>) -> Option<T> {
        value
            .map_err(|message| {
                let field = self.entry.fields.iter().find(|field| field.name == name);
                let place = field.map_or(&self.entry.place, |field| &field.place).clone();
                self.problems.push(Problem::new(place, self.full(name), message));
            })
            .ok()
    }

    /// A secret written in the file itself, or in a file of its own.
    fn secret(&mut self, inline: &'static str, file: &'static str) -> Option<Secret> {
        if let Some(text) = self.optional::<String>(inline) {
            return Some(Secret(text));
        }
        let path = self.optional::<PathBuf>(file)?;
        let read = read_secret(&self.folder.join(path));
        self.checked(file, read)
    }

    fn fault<T>(&mut self, message: &str) -> Option<T> {
        self.problems.push(Problem::new(self.entry.place.clone(), self.entry.table, message));
        None
    }

    /// A second route for one pattern would never be used.
    fn first_of(&mut self, routes: &[Route], route: Route) -> Option<Route> {
        match routes.iter().find(|other| other.pattern == route.pattern) {
            Some(other) => self.fault(&format!("there is a route for {} already, at {}", route.pattern, other.place)),
            None => Some(route),
        }
    }

    fn refuse_others(self) {
        for field in &self.entry.fields {
            if !self.asked.iter().any(|asked| *asked == field.name) {
                let near = match nearest(&field.name, self.asked.iter().copied()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("there are {}", self.asked.join(", ")),
                };
                let message = format!("[[{}]] has no such field; {near}", self.entry.table);
                self.problems.push(Problem::new(field.place.clone(), self.full(&field.name), message));
            }
        }
    }
}

fn read_secret(path: &Path) -> Result<Secret, String> {
    let text = std::fs::metadata(path)
        .and_then(|facts| {
            if facts.len() > SECRET_BYTES_MAX {
                return Err(std::io::Error::other("it is too large for a password"));
            }
            std::fs::read_to_string(path)
        })
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.is_empty() { Err(format!("{} is empty", path.display())) } else { Ok(Secret(line.to_owned())) }
}
