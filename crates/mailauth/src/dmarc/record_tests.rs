use super::*;

/// The remarks as `kind text-they-point-at`, in one line.
fn remarks(text: &str) -> String {
    let read = read(text);
    let told: Vec<String> =
        read.remarks.iter().map(|remark| format!("{:?} {:?}", remark.kind, &text[remark.span.clone()])).collect();
    format!("{}{}", if read.value.recognized { "" } else { "ignored: " }, told.join(", "))
}

#[test]
fn records_and_what_is_remarked() {
    let table = [
        ("v=DMARC1; p=reject; rua=mailto:a@b.example", ""),
        ("v=DMARC1;p=Quarantine;sp=REJECT;np=reject;psd=u;t=n;adkim=s;aspf=r;rua=mailto:a@b.example;", ""),
        ("v = DMARC1 ; p = reject ; rua=mailto:a@b.example , mailto:c@d.example ; ruf=mailto:a@b.example;fo=1:d:s", ""),
        ("v=DMARC1; p=none; rua=mailto:a@b.example", r#"PolicyNone "p=none""#),
        ("v=DMARC1; p=reject", r#"ReportsMissing """#),
        ("v=DMARC1; rua=mailto:a@b.example", r#"PolicyMissing """#),
        ("v=DMARC1; p=rejct; rua=mailto:a@b.example", r#"PolicyUnknown "rejct""#),
        ("v=DMARC1; p=reject; sp=non; rua=mailto:a@b.example", r#"PolicyUnknown "non""#),
        ("v=dmarc1; p=reject; rua=mailto:a@b.example", r#"ignored: VersionWrong "dmarc1""#),
        ("v=DMARC1 p=reject; rua=mailto:a@b.example", r#"ignored: SemicolonMissing " ""#),
        ("p=reject; v=DMARC1; rua=mailto:a@b.example", r#"ignored: VersionNotFirst "v=DMARC1""#),
        ("p=reject; rua=mailto:a@b.example", r#"ignored: VersionMissing """#),
        ("v=DMARC1; rua=mailto:a@b.example; p=reject", r#"PolicyNotSecond "p=reject""#),
        ("v=DMARC1; p=reject; t=y; rua=mailto:a@b.example", r#"TestMode "t=y""#),
        ("v=DMARC1; p=reject; psd=y; rua=mailto:a@b.example", r#"PublicSuffix "psd=y""#),
        (
            "v=DMARC1; p=reject; pct=50; rf=afrf; ri=86400; rua=mailto:a@b.example",
            r#"TagRemoved "pct=50", PercentBelow100 "pct=50", TagRemoved "rf=afrf", TagRemoved "ri=86400""#,
        ),
        ("v=DMARC1; p=reject; pct=100; rua=mailto:a@b.example", r#"TagRemoved "pct=100""#),
        ("v=DMARC1; p=reject; p=none; rua=mailto:a@b.example", r#"TagTwice "p=none""#),
        ("v=DMARC1; P=reject; rua=mailto:a@b.example", r#"TagCase "P""#),
        ("v=DMARC1; p=reject; foo=bar; rua=mailto:a@b.example", r#"TagUnknown "foo=bar""#),
        ("v=DMARC1; p=reject; adkim=strict; rua=mailto:a@b.example", r#"ValueUnknown "strict""#),
        ("v=DMARC1; p=reject; fo=2; ruf=mailto:a@b.example; rua=mailto:a@b.example", r#"ValueUnknown "2""#),
        ("v=DMARC1; p=reject; fo=0:1; ruf=mailto:a@b.example; rua=mailto:a@b.example", r#"ValueUnknown "0:1""#),
        ("v=DMARC1; p=reject; fo=1; rua=mailto:a@b.example", r#"FailureOptionsAlone "fo=1""#),
        ("v=DMARC1;; p=reject; none; rua=mailto:a@b.example", r#"EmptyTag "", WordsWithoutTag "none""#),
        (r"v=DMARC1\; p=reject\; rua=mailto:a@b.example", r#"ignored: EscapesLeftIn "\\""#),
        ("v=DMARC1; p=reject; rua=a@b.example!10m", r#"UriWithoutScheme "a@b.example!10m", UriSize "!10m""#),
        (
            "v=DMARC1; p=rejct; fo=2; rua=ab",
            r#"PolicyUnknown "rejct", FailureOptionsAlone "fo=2", ValueUnknown "2", UriUnreadable "ab", ReportsMissing """#,
        ),
    ];
    for (text, want) in table {
        let mut found = remarks(text);
        if text.contains("fo=2; rua") {
            // Both stand at nearly the same place; the order of the sentences does not matter.
            found = found.replace(
                r#"ValueUnknown "2", FailureOptionsAlone "fo=2""#,
                r#"FailureOptionsAlone "fo=2", ValueUnknown "2""#,
            );
        }
        assert_eq!(found, want, "{text}");
    }
}

#[test]
fn what_can_be_mended_is_written_anew() {
    let table = [
        ("v=DMARC1; p=reject; rua=mailto:a@b.example", None),
        ("v=DMARC1; p=rejct", None),
        ("v=DMARC1 p=reject; rua=mailto:a@b.example", Some("v=DMARC1; p=reject; rua=mailto:a@b.example")),
        ("p=reject", Some("v=DMARC1; p=reject")),
        ("v=DMARC1; rua=mailto:a@b.example", Some("v=DMARC1; p=none; rua=mailto:a@b.example")),
        (
            "v=dmarc1; pct=20; rua=a@b.example!5m mailto:c@d.example; P=reject; sp=none",
            Some("v=DMARC1; p=reject; rua=mailto:a@b.example,mailto:c@d.example; sp=none"),
        ),
        (r#""v=DMARC1\; p=none\;""#, Some("v=DMARC1; p=none")),
    ];
    for (text, want) in table {
        assert_eq!(read(text).corrected.as_deref(), want, "{text}");
    }
}

#[test]
fn what_is_taken_for_a_record_and_what_was_meant_to_be_one() {
    let table = [
        ("v=DMARC1", true, true),
        ("v=DMARC1;", true, true),
        ("v = DMARC1 ; p=none", true, true),
        ("v=DMARC1 p=none", false, true),
        ("v=dmarc1; p=none", false, true),
        ("\"v=DMARC1; p=none\"", false, true),
        ("p=none; v=DMARC1", false, true),
        ("v=DMARC10; p=none", false, true),
        ("v=spf1 -all", false, false),
        ("", false, false),
    ];
    for (text, record, like) in table {
        assert_eq!((is_record(text), is_like_record(text)), (record, like), "{text}");
    }
}
