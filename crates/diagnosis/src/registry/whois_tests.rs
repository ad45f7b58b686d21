//! Answers in the forms of many registries; the words are made up, the forms are not.

use super::*;

/// `registrar | created | changed | expires | states | name servers`
fn shown(text: &str, domain: &str) -> String {
    match read(text.as_bytes(), domain) {
        Answer::Found(record) => {
            let day = |moment: Option<super::super::Moment>| moment.map_or_else(|| "-".into(), |moment| moment.day());
            let states: Vec<String> = record.statuses.iter().map(|status| format!("{:?}", status.state)).collect();
            format!(
                "{} | {} | {} | {} | {} | {}",
                record.registrar.as_deref().unwrap_or("-"),
                day(record.created),
                day(record.changed),
                day(record.expires),
                states.join(" "),
                record.nameservers.as_deref().unwrap_or_default().join(" ")
            )
        }
        Answer::Ask(server) => format!("ask {server}"),
        Answer::Free(line) => format!("free: {line}"),
        Answer::Refused(line) => format!("refused: {line}"),
        Answer::Unreadable(line) => format!("unreadable: {line}"),
    }
}

const GENERIC: &str = "   Domain Name: EXAMPLE.COM
   Registry Domain ID: 1_DOMAIN_COM-VRSN
   Registrar WHOIS Server: whois.registrar.test
   Registrar URL: http://www.registrar.test
   Updated Date: 2026-08-14T07:01:44Z
   Creation Date: 1995-08-14T04:00:00Z
   Registry Expiry Date: 2027-08-13T04:00:00Z
   Registrar: Registrar B.V.
   Registrar IANA ID: 9999
   Registrar Abuse Contact Email: abuse@registrar.test
   Registrar Abuse Contact Phone: +31.20
   Domain Status: clientHold https://icann.org/epp#clientHold
   Domain Status: clientTransferProhibited https://icann.org/epp#clientTransferProhibited
   Name Server: A.NS.TEST
   Name Server: B.NS.TEST
   DNSSEC: signedDelegation
   DNSSEC DS Data: 370 13 2 BE74359954660069D5C63D200C39F5603827D7DD02B56F120EE9F3A86764247C
   URL of the ICANN Whois Inaccuracy Complaint Form: https://www.icann.org/wicf/
>>> Last update of whois database: 2026-11-27T20:00:00Z <<<

NOTICE: The expiration date displayed in this record is the date the
registrar's sponsorship of the domain name registration in the registry is
currently set to expire. If you exceed the limit, access denied.
";

#[test]
fn the_form_of_generic_domains() {
    assert_eq!(
        shown(GENERIC, "example.com"),
        "Registrar B.V. | 1995-08-14 | 2026-08-14 | 2027-08-13 | ClientHold Locked | a.ns.test b.ns.test"
    );
    let Answer::Found(record) = read(GENERIC.as_bytes(), "example.com") else { panic!("not found") };
    assert_eq!(record.abuse_email.as_deref(), Some("abuse@registrar.test"));
    assert_eq!(record.registrar_id.as_deref(), Some("9999"));
    let Secure::Signed(ds) = &record.secure else { panic!("{:?}", record.secure) };
    assert_eq!((ds.len(), ds[0].key_tag, ds[0].digest_type), (1, 370, 2));
    assert_eq!(registrar_server(&record).map(|server| server.to_string()).as_deref(), Some("whois.registrar.test"));
    let hold = record.words(Field::Status).next().unwrap();
    assert_eq!(
        (hold.line, hold.text.as_str()),
        (Some(12), "Domain Status: clientHold https://icann.org/epp#clientHold")
    );
}

#[test]
fn the_forms_of_country_registries() {
    for (domain, text, wanted) in [
        (
            "example.uk",
            "    Domain name:\n        example.uk\n\n    Data validation:\n        Nominet was able to match it\n\n    Registrar:\n        Registrar Ltd [Tag = REG]\n        URL: https://registrar.test\n\n    Relevant dates:\n        Registered on: 11-Feb-1999\n        Expiry date:  20-Feb-2027\n        Last updated:  01-Feb-2026\n\n    Registration status:\n        Registered until expiry date.\n\n    Name servers:\n        ns1.example.uk  192.0.2.1\n        ns2.example.uk  192.0.2.2\n\n    WHOIS lookup made at 12:00:00 27-Nov-2026\n",
            "Registrar Ltd | 1999-02-11 | 2026-02-01 | 2027-02-20 | Active | ns1.example.uk ns2.example.uk",
        ),
        (
            "example.nl",
            "Domain name: example.nl\nStatus:      active\n\nRegistrar:\n   Registrar B.V.\n   Street 1\n   1000AA Amsterdam\n\nAbuse Contact:\n   +31.20\n   abuse@registrar.test\n\nCreation Date: 1999-02-11\n\nUpdated Date: 2026-02-01\n\nDNSSEC:      yes\n\nDomain nameservers:\n   ns1.example.nl           192.0.2.1\n   ns2.example.test\n\nRecord maintained by: SIDN BV\n",
            "Registrar B.V. | 1999-02-11 | 2026-02-01 | - | Active | ns1.example.nl ns2.example.test",
        ),
        (
            "example.de",
            "% Restricted rights.\n\nDomain: example.de\nNserver: ns1.example.test\nNserver: ns2.example.test\nStatus: connect\nChanged: 2026-02-01T10:00:00+01:00\n",
            "- | - | 2026-02-01 | - | Active | ns1.example.test ns2.example.test",
        ),
        (
            "example.fr",
            "%% This is the AFNIC Whois server.\n\ndomain:                        example.fr\nstatus:                        ACTIVE\neppstatus:                     active\nholder-c:                      X1-FRNIC\nregistrar:                     REGISTRAR SAS\nExpiry Date:                   2027-02-11T08:00:00Z\ncreated:                       1999-02-11T08:00:00Z\nlast-update:                   2026-02-01T08:00:00.1Z\n\nnserver:                       ns1.example.test\nnserver:                       ns2.example.fr [192.0.2.2]\n\nnic-hdl:                       X1-FRNIC\nchanged:                       2001-01-01T00:00:00Z\n",
            "REGISTRAR SAS | 1999-02-11 | 2026-02-01 | 2027-02-11 | Active Active | ns1.example.test ns2.example.fr",
        ),
        (
            "example.it",
            "Domain:             example.it\nStatus:             pendingDelete / redemptionPeriod\nSigned:             no\nCreated:            1999-02-11 00:00:00\nLast Update:        2026-02-01 00:53:00\nExpire Date:        2026-10-11\n\nRegistrant\n  Organization:     Somebody\n\nRegistrar\n  Organization:     Registrar S.p.A.\n  Name:             REG-REG\n\nNameservers\n  ns1.example.test\n  ns2.example.test\n",
            "Registrar S.p.A. | 1999-02-11 | 2026-02-01 | 2026-10-11 | Redemption | ns1.example.test ns2.example.test",
        ),
        (
            "example.pl",
            "DOMAIN NAME:           example.pl\nregistrant type:       organization\nnameservers:           ns1.example.test. [192.0.2.1]\n                       ns2.example.test.\ncreated:               1999.02.11 12:00:00\nlast modified:         2026.02.01 12:00:00\nrenewal date:          2027.02.10 12:00:00\n\nREGISTRAR:\nRegistrar Sp. z o.o.\nul. Prosta 1\n",
            "Registrar Sp. z o.o. | 1999-02-11 | 2026-02-01 | 2027-02-10 |  | ns1.example.test ns2.example.test",
        ),
        (
            "example.ru",
            "domain:        EXAMPLE.RU\nnserver:       ns1.example.test.\nstate:         REGISTERED, DELEGATED, VERIFIED\nregistrar:     REG-RU\ncreated:       1999-02-11T12:00:00Z\npaid-till:     2027-02-11T12:00:00Z\nfree-date:     2027-03-14\n",
            "REG-RU | 1999-02-11 | - | 2027-02-11 | Active | ns1.example.test",
        ),
        (
            "example.br",
            "domain:      example.br\nowner:       Somebody\nnserver:     ns1.example.test\nnsstat:      20261120 AA\ncreated:     19990211 #123\nchanged:     20260201\nexpires:     20270211\nstatus:      published\n\nnic-hdl-br:  X1\ncreated:     20010101\n",
            "- | 1999-02-11 | 2026-02-01 | 2027-02-11 | Active | ns1.example.test",
        ),
        (
            "example.fi",
            "domain.............: example.fi\nstatus.............: Registered\ncreated............: 11.2.1999 00:00:00\nexpires............: 11.2.2027 00:00:00\nmodified...........: 1.2.2026 10:00:00\n\nNameservers\n\nnserver............: ns1.example.test [OK]\nnserver............: ns2.example.test [OK]\n\nRegistrar\n\nregistrar..........: Registrar Oy\nwww................: www.registrar.test\n",
            "Registrar Oy | 1999-02-11 | 2026-02-01 | 2027-02-11 | Active | ns1.example.test ns2.example.test",
        ),
        (
            "example.jp",
            "[ JPRS database provides information on network administration. ]\nDomain Information:\n[Domain Name]                   EXAMPLE.JP\n\n[Registrant]                    Somebody\n\n[Name Server]                   ns1.example.test\n[Name Server]                   ns2.example.test\n[Created on]                    1999/02/11\n[Expires on]                    2027/02/28\n[Status]                        Active\n[Last Updated]                  2026/03/01 01:05:04 (JST)\n",
            "- | 1999-02-11 | 2026-02-28 | 2027-02-28 | Active | ns1.example.test ns2.example.test",
        ),
        (
            "example.kr",
            "Domain Name                 : example.kr\nRegistered Date             : 1999. 02. 11.\nLast Updated Date           : 2026. 02. 01.\nExpiration Date             : 2027. 02. 11.\nAuthorized Agency           : Registrar Inc.(http://registrar.test)\nDNSSEC                      : unsigned\n\nPrimary Name Server\n   Host Name                : ns1.example.test\n\nSecondary Name Server\n   Host Name                : ns2.example.test\n",
            "Registrar Inc.(http://registrar.test) | 1999-02-11 | 2026-02-01 | 2027-02-11 |  | ns1.example.test ns2.example.test",
        ),
        (
            "example.tw",
            "Domain Name: example.tw\n   Domain Status: ok\n   Record expires on 2027-02-11 12:00:00 (UTC+8)\n   Record created on 1999-02-11 12:00:00 (UTC+8)\n\n   Domain servers in listed order:\n      ns1.example.test      \n      ns2.example.test      192.0.2.2\n\nRegistration Service Provider: Registrar Ltd.\n",
            "Registrar Ltd. | 1999-02-11 | - | 2027-02-11 | Active | ns1.example.test ns2.example.test",
        ),
        (
            "example.ee",
            "Domain:\nname:       example.ee\nstatus:     ok (paid and in zone)\nregistered: 2010-07-04 04:33:12 +03:00\nchanged:    2026-02-01 17:30:30 +03:00\nexpire:     2027-02-11\n\nRegistrar:\nname:       Registrar AS\nurl:        http://www.registrar.test\n\nName servers:\nnserver:   ns1.example.test\nnserver:   ns2.example.test\n",
            "Registrar AS | 2010-07-04 | 2026-02-01 | 2027-02-11 | Active | ns1.example.test ns2.example.test",
        ),
        (
            "example.cz",
            "%  (c) CZ.NIC\ndomain:       example.cz\nregistrant:   X\nregistrar:    REG-X\nregistered:   11.02.1999 12:00:00\nchanged:      01.02.2026 12:00:00\nexpire:       11.02.2027\n\nnsset:        NS-X\nnserver:      ns1.example.test \nnserver:      ns2.example.test \nregistrar:    REG-Y\ncreated:      01.10.2007 02:00:00\n",
            "REG-X | 1999-02-11 | 2026-02-01 | 2027-02-11 |  | ns1.example.test ns2.example.test",
        ),
    ] {
        assert_eq!(shown(text, domain), wanted, "{domain}");
    }
}

#[test]
fn whom_to_ask_next() {
    let iana = "% IANA WHOIS server\n\nrefer:        whois.registry.test\n\ndomain:       COM\n\norganisation: Registry\n\nnserver:      A.GTLD-SERVERS.TEST 192.0.2.30\nwhois:        whois.registry.test\n\nstatus:       ACTIVE\ncreated:      1985-01-01\n";
    assert_eq!(shown(iana, "example.com"), "ask whois.registry.test");
    assert_eq!(shown("refer: 127.0.0.1:4343\n", "example.test"), "ask 127.0.0.1:4343");
    assert_eq!(shown("ReferralServer: whois://whois.x.test:4321\n", "example.test"), "ask whois.x.test:4321");
    for text in ["", "x y", "http://whois.test/", "whois.test:0", "whois.test:99999", "a_b", "-", "[::1", "who;is.test"]
    {
        assert_eq!(Server::read(text), None, "{text}");
    }
    assert_eq!(Server::read("[::1]:43").unwrap(), Server { host: "::1".into(), port: 43 });
}

#[test]
fn what_is_no_record() {
    for (text, wanted) in [
        ("No match for \"EXAMPLE.COM\".\r\n>>> Last update\r\n", "free: No match for \"EXAMPLE.COM\"."),
        ("%% No entries found in the AFNIC Database.\n", "free: %% No entries found in the AFNIC Database."),
        ("Domain: example.com\nStatus: free\n", "free: Status: free"),
        ("Domain Name: example.com\nDomain Status: No Object Found\n", "free: Domain Status: No Object Found"),
        ("The queried object does not exist: x\n", "free: The queried object does not exist: x"),
        ("WHOIS LIMIT EXCEEDED - SEE WWW.PIR.ORG\n", "refused: WHOIS LIMIT EXCEEDED - SEE WWW.PIR.ORG"),
        ("% Quota exceeded\n", "refused: % Quota exceeded"),
        ("", "unreadable: "),
        ("\n  hello there\n", "unreadable: hello there"),
        ("<html><body>hi</body></html>", "unreadable: <html><body>hi</body></html>"),
        // About a domain nobody asked for.
        ("Domain Name: other.com\nRegistrar: X\n", "unreadable: Domain Name: other.com"),
    ] {
        assert_eq!(shown(text, "example.com"), wanted, "{text}");
    }
}

#[test]
fn every_label_names_a_field() {
    for (label, field) in rows(LABELS) {
        assert!(field_named(field).is_some(), "{label}: {field}");
        assert_eq!(label, normal(label), "{label} is in the form lines are brought into");
    }
    for (phrase, kind) in rows(PHRASES) {
        assert!(matches!(kind, "free" | "limit") && phrase == phrase.to_lowercase(), "{phrase}");
    }
}

#[test]
fn nothing_makes_it_panic() {
    for text in [":", "[", "[]", ". [", "é. [", "::::", "[a]b]c", "\u{0}\u{0}", "Registrar:\n\n\n:\n", "ds: 1 2 3 é"]
    {
        let _ = read(text.as_bytes(), "");
        let _ = read(text.repeat(3000).as_bytes(), "é.test");
    }
}
