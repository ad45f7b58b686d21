//! What one word of a record means (RFC 7208 §4.6.1, §5, §6, §12).

use super::fault::{Fault, Flaw};
use super::macros::{MacroString, Setting, read as read_macros};
use super::names;
use super::record::{Form, Mechanism, Prefixes, Qualifier, Span};
use super::spelling;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Reads a word of printable ASCII.
pub(super) fn read(text: &str, span: Span, faults: &mut Vec<Fault>) -> Form {
    let before = faults.len();
    let mut word = Word { text, span, faults };
    let written = span.of(text);
    // RFC 7208 §4.6.1: a modifier has its `=` before any `:` or `/`.
    let form = match written.find(['=', ':', '/']) {
        Some(at) if written.as_bytes().get(at) == Some(&b'=') => word.modifier(span.start + at),
        _ => word.directive(),
    };
    match form {
        Some(form) if faults.len() == before => form,
        _ => Form::Broken,
    }
}

struct Word<'a> {
    text: &'a str,
    span: Span,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Word<'a> {
    fn fault(&mut self, span: Span, flaw: Flaw) {
        self.faults.push(Fault::new(span, flaw));
    }

    fn fault_instead(&mut self, span: Span, flaw: Flaw, instead: impl Into<Box<str>>) {
        self.faults.push(Fault::new(span, flaw).instead(instead));
    }

    /// A word with `=` at `equals`.
    fn modifier(&mut self, equals: usize) -> Option<Form> {
        let name = Span::new(self.span.start, equals);
        let value = Span::new(equals + 1, self.span.end);
        let written = name.of(self.text);
        if !is_modifier_name(written) {
            let sign = written.bytes().next().and_then(Qualifier::of_sign);
            if sign.is_some() && is_modifier_name(&written[1..]) {
                self.fault_instead(Span::new(name.start, name.start + 1), Flaw::ModifierQualified, "");
            } else {
                self.fault(name, Flaw::ModifierName);
            }
            return None;
        }
        if written.eq_ignore_ascii_case("redirect") {
            return self.name("redirect", Span::new(equals, value.end)).map(Form::Redirect);
        }
        if written.eq_ignore_ascii_case("exp") {
            return self.name("exp", Span::new(equals, value.end)).map(Form::Explanation);
        }
        match read_macros(self.text, value, Setting::Free) {
            Ok(_) => Some(Form::Unknown { name, value }),
            Err(faults) => {
                self.faults.extend(faults);
                None
            }
        }
    }

    fn directive(&mut self) -> Option<Form> {
        let written = self.span.of(self.text);
        let sign = written.bytes().next().and_then(Qualifier::of_sign);
        let start = self.span.start + usize::from(sign.is_some());
        let rest = Span::new(start, self.span.end).of(self.text);
        let length = rest.find([':', '/']).unwrap_or(rest.len());
        let name = Span::new(start, start + length);
        let value = Span::new(name.end, self.span.end);
        let mechanism = self.mechanism(name, value)?;
        Some(Form::Directive { qualifier: sign.unwrap_or(Qualifier::Pass), mechanism })
    }

    /// `value` begins with its colon or slash, or is empty.
    fn mechanism(&mut self, name: Span, value: Span) -> Option<Mechanism> {
        let written = name.of(self.text).to_ascii_lowercase();
        match written.as_str() {
            "all" => {
                if value.start < value.end {
                    self.fault_instead(value, Flaw::ValueUnexpected, "");
                }
                Some(Mechanism::All)
            }
            "include" => Some(Mechanism::Include(self.needed_name("include", name, value)?)),
            "exists" => Some(Mechanism::Exists(self.needed_name("exists", name, value)?)),
            "a" => {
                let (target, prefixes) = self.host("a", value)?;
                Some(Mechanism::A { target, prefixes })
            }
            "mx" => {
                let (target, prefixes) = self.host("mx", value)?;
                Some(Mechanism::Mx { target, prefixes })
            }
            "ptr" => {
                let (target, prefix) = self.split_value(value);
                if prefix.start < prefix.end {
                    self.fault_instead(prefix, Flaw::PrefixUnexpected("ptr"), "");
                }
                Some(Mechanism::Ptr(self.optional_name("ptr", target)?))
            }
            "ip4" => self.ip4(name, value),
            "ip6" => self.ip6(name, value),
            _ => {
                self.unknown(name, value);
                None
            }
        }
    }

    /// A word that is no mechanism; most often one can tell what it was meant to be.
    fn unknown(&mut self, name: Span, value: Span) {
        let written = name.of(self.text);
        if written.is_empty() {
            return self.fault(name, Flaw::NoMechanism);
        }
        let value_text = value.of(self.text);
        for modifier in ["redirect", "exp"] {
            if written.eq_ignore_ascii_case(modifier) && value_text.starts_with(':') {
                let span = Span::new(name.start, value.start + 1);
                return self.fault_instead(span, Flaw::ModifierColon(modifier), format!("{modifier}="));
            }
        }
        let flaw = Flaw::UnknownMechanism(written.into());
        match spelling::meant(written, value_text) {
            Some(meant) => self.fault_instead(name, flaw, meant),
            None => self.fault(name, flaw),
        }
    }

    /// The name behind a colon that must be there.
    fn needed_name(&mut self, mechanism: &'static str, name: Span, value: Span) -> Option<MacroString> {
        let written = value.of(self.text);
        if !written.starts_with(':') {
            if written.is_empty() {
                self.fault(name, Flaw::ValueMissing(mechanism));
            } else {
                self.fault(value, Flaw::ValueMissing(mechanism));
            }
            return None;
        }
        if self.is_address(mechanism, Span::new(value.start + 1, value.end)) {
            return None;
        }
        let (target, prefix) = self.split_value(value);
        if prefix.start < prefix.end {
            self.fault_instead(prefix, Flaw::PrefixUnexpected(mechanism), "");
        }
        self.name(mechanism, target)
    }

    /// The name and the prefix lengths of `a` and `mx`, both of which may be missing.
    fn host(&mut self, mechanism: &'static str, value: Span) -> Option<(Option<MacroString>, Prefixes)> {
        if value.of(self.text).starts_with(':') && self.is_address(mechanism, Span::new(value.start + 1, value.end)) {
            return None;
        }
        let (target, prefix) = self.split_value(value);
        let target = self.optional_name(mechanism, target);
        let prefixes = self.prefixes(prefix);
        Some((target?, prefixes?))
    }

    /// `target` begins with its colon, or is empty.
    fn optional_name(&mut self, mechanism: &'static str, target: Span) -> Option<Option<MacroString>> {
        if target.start == target.end {
            return Some(None);
        }
        self.name(mechanism, target).map(Some)
    }

    /// A domain-spec (RFC 7208 §7.1) behind the colon or equals sign at the start of `value`.
    fn name(&mut self, of: &'static str, value: Span) -> Option<MacroString> {
        let span = Span::new(value.start + 1, value.end);
        if span.start >= span.end {
            let fault = Fault::new(value, Flaw::ValueEmpty(of));
            // Without its colon the mechanism means the domain itself.
            self.faults.push(if ["a", "mx", "ptr"].contains(&of) { fault.instead("") } else { fault });
            return None;
        }
        match read_macros(self.text, span, Setting::Name) {
            Ok(name) => match names::end_flaw(&name) {
                None => Some(name),
                Some(flaw) => {
                    self.fault(span, flaw);
                    None
                }
            },
            Err(faults) => {
                self.faults.extend(faults);
                None
            }
        }
    }

    /// Whether an address stands where a name should, with or without a prefix length.
    fn is_address(&mut self, mechanism: &'static str, value: Span) -> bool {
        let written = value.of(self.text);
        let address = written.split('/').next().unwrap_or_default();
        let right = if address.parse::<Ipv4Addr>().is_ok() {
            "ip4"
        } else if address.parse::<Ipv6Addr>().is_ok() {
            "ip6"
        } else {
            return false;
        };
        let start = self.span.start + usize::from(self.span.of(self.text).starts_with(['+', '-', '~', '?']));
        let span = Span::new(start, value.end);
        self.fault_instead(span, Flaw::AddressForName(mechanism), format!("{right}:{written}"));
        true
    }

    /// Cuts `:name/24//64` into `:name` and `/24//64`. A name may have slashes and digits too:
    /// only what looks like prefix lengths to the very end is taken for them.
    fn split_value(&self, value: Span) -> (Span, Span) {
        let written = value.of(self.text);
        if !written.starts_with(':') {
            return (Span::new(value.start, value.start), value);
        }
        let head = written.trim_end_matches(|c: char| c.is_ascii_digit() || c == '/').len();
        let cut = written[head..].find('/').map_or(value.end, |slash| value.start + head + slash);
        (Span::new(value.start, cut), Span::new(cut, value.end))
    }

    /// `/24`, `//64`, `/24//64` or nothing.
    fn prefixes(&mut self, span: Span) -> Option<Prefixes> {
        let mut prefixes = Prefixes::default();
        if span.start == span.end {
            return Some(prefixes);
        }
        let written = span.of(self.text);
        let four = if written.starts_with("//") { Some(0) } else { written[1..].find("//").map(|at| at + 1) };
        let (four, six) = written.split_at(four.unwrap_or(written.len()));
        let (v4, v6) = (Span::new(span.start, span.start + four.len()), Span::new(span.start + four.len(), span.end));
        let mut good = true;
        if !four.is_empty() {
            match four[1..].split_once('/') {
                Some((first, second)) if number(first, 32).is_some() && number(second, 128).is_some() => {
                    self.fault_instead(v4, Flaw::SlashMissing, format!("/{first}//{second}"));
                    good = false;
                }
                _ => {
                    good &= self.prefix(v4, 1, 32).is_some_and(|bits| {
                        prefixes.v4 = bits;
                        true
                    })
                }
            }
        }
        if !six.is_empty() {
            good &= self.prefix(v6, 2, 128).is_some_and(|bits| {
                prefixes.v6 = bits;
                true
            });
        }
        good.then_some(prefixes)
    }

    /// A number behind `slashes` slashes.
    fn prefix(&mut self, span: Span, slashes: usize, most: u8) -> Option<u8> {
        let written = span.of(self.text).get(slashes..).unwrap_or_default();
        let found = number(written, most);
        if found.is_none() {
            let flaw = if most == 32 { Flaw::Prefix4 } else { Flaw::Prefix6 };
            let bare = written.trim_start_matches(['0', '/']);
            let slash = &"//"[..slashes];
            match number(bare, most) {
                Some(meant) => self.fault_instead(span, flaw, format!("{slash}{meant}")),
                None => self.fault(span, flaw),
            }
        }
        found
    }

    fn ip4(&mut self, name: Span, value: Span) -> Option<Mechanism> {
        let (address, prefix) = self.network("ip4", name, value)?;
        let written = address.of(self.text);
        let network = match written.parse::<Ipv4Addr>() {
            Ok(network) => Some(network),
            Err(_) => {
                let host = written.rsplit_once(':').filter(|(host, _)| host.parse::<Ipv4Addr>().is_ok());
                if written.parse::<Ipv6Addr>().is_ok() {
                    self.fault_instead(name, Flaw::OtherFamily("ip6"), "ip6");
                    return None;
                } else if let Some((host, _)) = host {
                    self.fault_instead(Span::new(address.start + host.len(), address.end), Flaw::Port, "");
                } else {
                    self.fault(address, Flaw::Address4);
                }
                None
            }
        };
        let prefix = if prefix.start == prefix.end { Some(32) } else { self.prefix(prefix, 1, 32) };
        Some(Mechanism::Ip4 { network: network?, prefix: prefix? })
    }

    fn ip6(&mut self, name: Span, value: Span) -> Option<Mechanism> {
        let (address, prefix) = self.network("ip6", name, value)?;
        let written = address.of(self.text);
        let network = written.parse::<Ipv6Addr>().ok();
        if network.is_none() {
            if written.parse::<Ipv4Addr>().is_ok() {
                self.fault_instead(name, Flaw::OtherFamily("ip4"), "ip4");
                return None;
            }
            self.fault(address, Flaw::Address6);
        }
        let prefix = if prefix.start == prefix.end { Some(128) } else { self.prefix(prefix, 1, 128) };
        Some(Mechanism::Ip6 { network: network?, prefix: prefix? })
    }

    /// The address and the prefix length behind the colon that must be there.
    fn network(&mut self, mechanism: &'static str, name: Span, value: Span) -> Option<(Span, Span)> {
        let written = value.of(self.text);
        if !written.starts_with(':') {
            self.fault(if written.is_empty() { name } else { value }, Flaw::ValueMissing(mechanism));
            return None;
        }
        if written.len() == 1 {
            self.fault(value, Flaw::ValueEmpty(mechanism));
            return None;
        }
        let cut = written.find('/').map_or(value.end, |slash| value.start + slash);
        Some((Span::new(value.start + 1, cut), Span::new(cut, value.end)))
    }
}

/// RFC 7208 §12: `name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )`.
fn is_modifier_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A number without leading zeros, up to `most` (RFC 7208 §5.6, §12).
fn number(text: &str, most: u8) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse::<u8>().ok().filter(|number| plain && *number <= most)
}
