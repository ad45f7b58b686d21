//! Reading RDAP answers about domains (RFC 9083), leniently.
//!
//! Registries differ in what they leave out and in small breaches of form; what cannot be read
//! is passed over, as long as the whole is JSON about a domain.

use super::{Ds, Field, Moment, Registration, Said, Secure, State, Status, canonical, date};
use serde_json::Value;

/// Why an answer says nothing about a domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is a page for people.
    #[error("it answers with a web page instead of JSON")]
    Html,
    /// It is no JSON.
    #[error("its JSON is broken: {0}")]
    Json(String),
    /// It is an error in the form of RFC 9083 §6.
    #[error("it answers with an error: {0}")]
    Error(String),
    /// It is about something else.
    #[error("its JSON is not about a domain")]
    NotDomain,
    /// It is about another domain.
    #[error("it answers about another domain: {0}")]
    OtherDomain(String),
}

const STATUSES_MAX: usize = 40;
const NAMES_MAX: usize = 64;
const ENTITIES_MAX: usize = 64;
const DEPTH_MAX: usize = 3;

/// Reads an answer to a question about `domain`.
pub fn read(body: &[u8], domain: &str) -> Result<Registration, Unreadable> {
    let json: Value = match serde_json::from_slice(body) {
        Ok(json) => json,
        Err(_) if looks_like_html(body) => return Err(Unreadable::Html),
        Err(error) => return Err(Unreadable::Json(error.to_string())),
    };
    let Value::Object(object) = &json else { return Err(Unreadable::NotDomain) };
    if let Some(code) = json.get("errorCode") {
        let title = json.get("title").and_then(Value::as_str).unwrap_or_default();
        return Err(Unreadable::Error(super::plain(format!("{code} {title}").trim_end())));
    }
    let class = json.get("objectClassName").and_then(Value::as_str);
    let telling = ["ldhName", "unicodeName", "events", "status", "nameservers"];
    if class.is_some_and(|class| !class.eq_ignore_ascii_case("domain"))
        || !telling.iter().any(|key| object.contains_key(*key))
    {
        return Err(Unreadable::NotDomain);
    }
    let named = text(&json, "ldhName").or_else(|| text(&json, "unicodeName")).and_then(canonical);
    if let (Some(named), Some(asked)) = (&named, canonical(domain))
        && *named != asked
    {
        return Err(Unreadable::OtherDomain(super::plain(named)));
    }
    let tld = named.as_deref().unwrap_or(domain).rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let mut registration = Registration { domain: named, ..Registration::default() };
    events(&json, &tld, &mut registration);
    statuses(&json, &mut registration);
    nameservers(&json, &mut registration);
    secure(&json, &mut registration);
    entities(&json, &mut registration, 0);
    notices(&json, &mut registration);
    Ok(registration.plain())
}

fn looks_like_html(body: &[u8]) -> bool {
    let start: String = String::from_utf8_lossy(&body[..body.len().min(400)]).trim_start().to_ascii_lowercase();
    start.starts_with("<!doctype") || start.starts_with("<html") || (start.starts_with('<') && start.contains("<head"))
}

fn text<'a>(json: &'a Value, key: &str) -> Option<&'a str> {
    json.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

fn list<'a>(json: &'a Value, key: &str) -> &'a [Value] {
    match json.get(key) {
        Some(Value::Array(list)) => list,
        // A single one without its list is a common slip.
        Some(one @ (Value::Object(_) | Value::String(_))) => std::slice::from_ref(one),
        _ => &[],
    }
}

fn said(registration: &mut Registration, field: Field, text: String) {
    registration.said.push(Said { field, text, line: None });
}

/// RFC 9083 §4.5, with the actions of §10.2.3.
fn events(json: &Value, tld: &str, registration: &mut Registration) {
    for event in list(json, "events").iter().take(NAMES_MAX) {
        let (Some(action), Some(written)) = (text(event, "eventAction"), text(event, "eventDate")) else { continue };
        let Some(moment) = date::read(written, tld) else { continue };
        let action_key = action.to_ascii_lowercase();
        let (field, place): (Field, &mut Option<Moment>) = match action_key.as_str() {
            "registration" => (Field::Created, &mut registration.created),
            "expiration" => (Field::Expires, &mut registration.expires),
            // "last update of RDAP database" is about the database, not the domain.
            "last changed" => (Field::Changed, &mut registration.changed),
            _ => continue,
        };
        if place.is_none() || action_key == "expiration" {
            *place = Some(moment);
            said(registration, field, format!("\"{action}\": \"{written}\""));
        }
    }
}

fn statuses(json: &Value, registration: &mut Registration) {
    for status in list(json, "status").iter().filter_map(Value::as_str).take(STATUSES_MAX) {
        registration.statuses.push(Status { text: status.to_owned(), state: State::read(status) });
        said(registration, Field::Status, format!("\"status\": \"{status}\""));
    }
}

fn nameservers(json: &Value, registration: &mut Registration) {
    let mut names = Vec::new();
    for server in list(json, "nameservers").iter().take(NAMES_MAX) {
        let name = server.as_str().or_else(|| text(server, "ldhName")).or_else(|| text(server, "unicodeName"));
        if let Some(name) = name.and_then(canonical)
            && !names.contains(&name)
        {
            said(registration, Field::Nameserver, format!("\"nameservers\": \"{name}\""));
            names.push(name);
        }
    }
    if !names.is_empty() {
        registration.nameservers = Some(names);
    }
}

/// RFC 9083 §5.3.
fn secure(json: &Value, registration: &mut Registration) {
    let Some(secure) = json.get("secureDNS") else { return };
    let records: Vec<Ds> = list(secure, "dsData").iter().take(NAMES_MAX).filter_map(ds).collect();
    let signed = match secure.get("delegationSigned") {
        Some(Value::Bool(signed)) => Some(*signed),
        Some(Value::String(word)) => word.parse().ok(),
        _ => None,
    };
    registration.secure = match signed {
        _ if !records.is_empty() => Secure::Signed(records),
        Some(true) => Secure::Signed(Vec::new()),
        Some(false) => Secure::Unsigned,
        None => return,
    };
    let shown: String = secure.to_string().chars().take(200).collect();
    said(registration, Field::Dnssec, format!("\"secureDNS\": {shown}"));
}

fn ds(json: &Value) -> Option<Ds> {
    let number = |key: &str| match json.get(key) {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(digits)) => digits.trim().parse().ok(),
        _ => None,
    };
    let digest: String = text(json, "digest")?.chars().filter(|c| !c.is_whitespace()).collect();
    Some(Ds {
        key_tag: u16::try_from(number("keyTag")?).ok()?,
        algorithm: u8::try_from(number("algorithm")?).ok()?,
        digest_type: u8::try_from(number("digestType")?).ok()?,
        digest: digest.to_ascii_uppercase(),
    })
}

/// RFC 9083 §5.1: contacts with roles; the registrar holds its abuse contact inside.
fn entities(json: &Value, registration: &mut Registration, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    for entity in list(json, "entities").iter().take(ENTITIES_MAX) {
        let roles: Vec<String> =
            list(entity, "roles").iter().filter_map(Value::as_str).map(str::to_ascii_lowercase).collect();
        let has = |role: &str| roles.iter().any(|held| held == role);
        let card = Card::read(entity);
        if has("registrar") && registration.registrar.is_none() {
            let number = list(entity, "publicIds")
                .iter()
                .filter(|id| text(id, "type").is_some_and(|kind| kind.to_ascii_lowercase().contains("iana")))
                .find_map(|id| match id.get("identifier") {
                    Some(Value::String(number)) => Some(number.clone()),
                    Some(Value::Number(number)) => Some(number.to_string()),
                    _ => None,
                });
            let name = card.name.clone().or_else(|| text(entity, "handle").map(str::to_owned));
            if let Some(name) = &name {
                said(registration, Field::Registrar, format!("\"registrar\": \"{name}\""));
            }
            registration.registrar = name;
            registration.registrar_id = number;
            registration.registrar_url = card.url.clone().or_else(|| page(entity));
        }
        if has("abuse") {
            for (place, value, field) in [
                (&mut registration.abuse_email, &card.email, Field::AbuseEmail),
                (&mut registration.abuse_phone, &card.phone, Field::AbusePhone),
            ] {
                if place.is_none()
                    && let Some(value) = value
                {
                    *place = Some(value.clone());
                    registration.said.push(Said { field, text: format!("\"abuse\": \"{value}\""), line: None });
                }
            }
        }
        if has("registrant") && registration.holder.is_none() {
            registration.holder = card.organisation.or(card.name);
        }
        entities(entity, registration, depth + 1);
    }
}

/// The page an entity links to for people.
fn page(entity: &Value) -> Option<String> {
    let links = list(entity, "links");
    let about = links.iter().find(|link| text(link, "rel") == Some("about"))?;
    text(about, "href").map(str::to_owned)
}

/// What is wanted of a jCard (RFC 7095), or of plain members where a registry has none.
#[derive(Default)]
struct Card {
    name: Option<String>,
    organisation: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    url: Option<String>,
}

impl Card {
    fn read(entity: &Value) -> Self {
        let mut card = Self::default();
        let properties = entity.get("vcardArray").and_then(|array| array.get(1)).and_then(Value::as_array);
        for property in properties.into_iter().flatten().take(NAMES_MAX) {
            let Some([name, _, _, value]) = property.as_array().and_then(|parts| parts.get(..4)) else { continue };
            let value = match value {
                Value::String(text) => text.trim(),
                // An organisation may be a list of units, the whole first.
                Value::Array(list) => list.first().and_then(Value::as_str).unwrap_or_default().trim(),
                _ => continue,
            };
            if value.is_empty() {
                continue;
            }
            let place = match name.as_str().map(str::to_ascii_lowercase).as_deref() {
                Some("fn") => &mut card.name,
                Some("org") => &mut card.organisation,
                Some("email") => &mut card.email,
                Some("tel") => &mut card.phone,
                Some("url") => &mut card.url,
                _ => continue,
            };
            if place.is_none() {
                let bare = value.strip_prefix("tel:").or_else(|| value.strip_prefix("mailto:")).unwrap_or(value);
                *place = Some(bare.chars().take(200).collect());
            }
        }
        card.name = card.name.or_else(|| card.organisation.clone());
        card
    }
}

/// RFC 9083 §4.3.
fn notices(json: &Value, registration: &mut Registration) {
    for notice in list(json, "notices").iter().chain(list(json, "remarks")).take(8) {
        let title = text(notice, "title").unwrap_or_default();
        let lines: Vec<&str> = list(notice, "description").iter().filter_map(Value::as_str).collect();
        let whole = if title.is_empty() { lines.join(" ") } else { format!("{title}: {}", lines.join(" ")) };
        registration.notices.push(whole.chars().take(300).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"objectClassName":"domain","handle":"D1-TEST","ldhName":"EXAMPLE.TEST",
      "status":["client transfer prohibited","active"],
      "events":[{"eventAction":"registration","eventDate":"2011-03-01T00:00:00Z"},
        {"eventAction":"expiration","eventDate":"2027-03-01T00:00:00Z"},
        {"eventAction":"last changed","eventDate":"2026-11-26T10:00:00.5Z"},
        {"eventAction":"last update of RDAP database","eventDate":"2026-11-27T20:00:00Z"}],
      "nameservers":[{"objectClassName":"nameserver","ldhName":"NS1.EXAMPLE.TEST."},{"ldhName":"ns2.example.test"}],
      "secureDNS":{"delegationSigned":true,"dsData":[{"keyTag":"12345","algorithm":13,"digestType":2,"digest":"ab cd"}]},
      "entities":[{"objectClassName":"entity","roles":["registrar"],"handle":"999",
        "publicIds":[{"type":"IANA Registrar ID","identifier":"999"}],
        "vcardArray":["vcard",[["version",{},"text","4.0"],["fn",{},"text","Registrar B.V."]]],
        "links":[{"rel":"about","href":"https://registrar.test"}],
        "entities":[{"roles":["abuse"],"vcardArray":["vcard",[["fn",{},"text","Abuse"],
          ["tel",{"type":"voice"},"uri","tel:+31.201234567"],["email",{},"text","abuse@registrar.test"]]]}]}],
      "notices":[{"title":"Terms","description":["Be kind."]}]}"#;

    #[test]
    fn a_whole_answer() {
        let read = read(WHOLE.as_bytes(), "example.test").unwrap();
        assert_eq!(read.registrar.as_deref(), Some("Registrar B.V."));
        assert_eq!(read.registrar_id.as_deref(), Some("999"));
        assert_eq!(read.registrar_url.as_deref(), Some("https://registrar.test"));
        assert_eq!(read.abuse_email.as_deref(), Some("abuse@registrar.test"));
        assert_eq!(read.abuse_phone.as_deref(), Some("+31.201234567"));
        assert_eq!(read.created.map(Moment::day).as_deref(), Some("2011-03-01"));
        assert_eq!(read.expires.map(Moment::day).as_deref(), Some("2027-03-01"));
        assert_eq!(read.changed.map(Moment::day).as_deref(), Some("2026-11-26"));
        assert_eq!(read.nameservers.as_deref(), Some(&["ns1.example.test".into(), "ns2.example.test".into()][..]));
        let ds = Ds { key_tag: 12345, algorithm: 13, digest_type: 2, digest: "ABCD".into() };
        assert_eq!(read.secure, Secure::Signed(vec![ds]));
        assert!(read.is(State::Locked) && read.is(State::Active));
        assert_eq!(read.notices, ["Terms: Be kind."]);
        assert_eq!(read.words(Field::Expires).next().unwrap().text, "\"expiration\": \"2027-03-01T00:00:00Z\"");
    }

    #[test]
    fn sparse_and_sloppy_answers() {
        let read = |json: &str| read(json.as_bytes(), "example.test");
        let sparse = read(r#"{"ldhName":"example.test","status":"active","nameservers":[],"secureDNS":{}}"#).unwrap();
        assert_eq!((sparse.nameservers, sparse.secure), (None, Secure::Unsaid));
        assert_eq!(sparse.statuses.len(), 1);
        let odd = read(
            r#"{"objectClassName":"DOMAIN","events":[7,{"eventAction":"expiration"},{"eventAction":"expiration","eventDate":"soon"}],
            "entities":[{"roles":["registrar"],"handle":"R1","vcardArray":[]},{"vcardArray":["vcard",[["fn"],3]]}],
            "secureDNS":{"delegationSigned":"false","dsData":[{"keyTag":99999999}]},"nameservers":["NS1.test",null]}"#,
        )
        .unwrap();
        assert_eq!(odd.registrar.as_deref(), Some("R1"));
        assert_eq!(odd.expires, None);
        assert_eq!(odd.secure, Secure::Unsigned);
        assert_eq!(odd.nameservers.as_deref(), Some(&["ns1.test".to_owned()][..]));
    }

    #[test]
    fn what_is_no_answer() {
        let why = |body: &str| read(body.as_bytes(), "example.test").unwrap_err();
        assert_eq!(why("<!DOCTYPE html><html><head></head>"), Unreadable::Html);
        assert_eq!(why("\n<html>"), Unreadable::Html);
        assert!(matches!(why("{\"ldhName\": \"exam"), Unreadable::Json(_)));
        assert!(matches!(why(""), Unreadable::Json(_)));
        assert_eq!(why(r#"{"errorCode":404,"title":"Not Found"}"#), Unreadable::Error("404 Not Found".into()));
        assert_eq!(why(r#"{"objectClassName":"entity","status":[]}"#), Unreadable::NotDomain);
        assert_eq!(why("[]"), Unreadable::NotDomain);
        assert_eq!(why("{}"), Unreadable::NotDomain);
        assert_eq!(why(r#"{"ldhName":"other.test"}"#), Unreadable::OtherDomain("other.test".into()));
        let evil = why(r#"{"ldhName":"o\u001b[31m.test"}"#);
        assert_eq!(evil, Unreadable::OtherDomain("o [31m.test".into()));
    }
}
