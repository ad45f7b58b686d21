use super::*;

// Made for these tests; the private halves are gone, but for the short one, which protects nothing.
const RSA_512: &str = "\
    MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMCNoTiY3c+85votEPYqfvhkbGXvQ2VWMQKKYHVulUZSkBGMLCiAA/NHhU1b0wKxY2+7\
    t6qYCJUkvL91heqKkWkCAwEAAQ==";
const RSA_512_PRIVATE: &str = "\
    MIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7AgEAAkEAwI2hOJjdz7zm+i0Q9ip++GRsZe9DZVYxAopgdW6VRlKQEYwsKIAD\
    80eFTVvTArFjb7u3qpgIlSS8v3WF6oqRaQIDAQABAkBGdIxFVUn0NT6e09ac/DexU62GLuIONleAgnmA/pGIRRKvtx2c0ePv9Qwh\
    gatmpGzsqDdK91fEb81UYMuk6z3BAiEA7aC43GtaCitvcdgZU3EYmPW2ZHcDySEPKDLzxQmaiCUCIQDPcMN0a7hvtFx+p/iHQHbj\
    1ImTDNHsZmGoJbMo4g9O9QIhANxarzJPJmbJ0oWKdCnJdZraN/G/37XSP0DyxtTPzAo1AiEAm2DqdkythLZDRfeJF734j6TGO6gx\
    oXH6mhlK/kd9kfUCICAx3tA3VRZuhFYWhrBfsnW5PMwZP1RK0gbLKHgPedJ/";
const RSA_1024: &str = "\
    MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDN914rZXes4exPyCshjcZWa3OLqhoUYpkPOO2gAzLmbkEKiBWzAyStT+EPo06S\
    h7iOJCwn+6bpYnEcyAT0z0Cs+C5HwHKKlW90xQVxJszNNqLf/BSQcdesxRoa2JTp6CwbLkKmZ+9r9TdwgsWMDecu4dT/UZKU9PEK\
    M29wWKO4HwIDAQAB";
const RSA_2048: &str = "\
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAw3FQFvYpIvPhKV6+hzZsAmcqnn8p1bUDULw7nMT12+liGZOPhBOsAsN4\
    B/VivEjBs/V8t63g6TIc40weQzveSztcqBFmz8GAs++iUfZrePG65BXfoXK8zXb07Gdat7FcVcKqIus1fMbBsx9RA3Q9+AFuXwAd\
    cr+3Y+n86dUD6j/lEJuiKDUM650ybRqwPA3tz11/8vPOh0aa0hz57jx5u9BSuBhDgjfbyHHzlLC3XhMaDiew9Me15pJOz+jxu4m4\
    QOzradeITKVSE2FMKYf3CUizpJ9ye9ngQWVnA0PQ8acimOgRwe3EPZSnuFAFKbfjO/xV81StYsTZHckUeLwKBQIDAQAB";
const RSA_2048_BARE: &str = "\
    MIIBCgKCAQEAw3FQFvYpIvPhKV6+hzZsAmcqnn8p1bUDULw7nMT12+liGZOPhBOsAsN4B/VivEjBs/V8t63g6TIc40weQzveSztc\
    qBFmz8GAs++iUfZrePG65BXfoXK8zXb07Gdat7FcVcKqIus1fMbBsx9RA3Q9+AFuXwAdcr+3Y+n86dUD6j/lEJuiKDUM650ybRqw\
    PA3tz11/8vPOh0aa0hz57jx5u9BSuBhDgjfbyHHzlLC3XhMaDiew9Me15pJOz+jxu4m4QOzradeITKVSE2FMKYf3CUizpJ9ye9ng\
    QWVnA0PQ8acimOgRwe3EPZSnuFAFKbfjO/xV81StYsTZHckUeLwKBQIDAQAB";
const ED25519: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const ED25519_ENVELOPED: &str = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// The remarks as `kind text-they-point-at`, in one line; long values are told by their start.
fn remarks(text: &str) -> String {
    let shown = |span: Range<usize>| text[span].chars().take(16).collect::<String>();
    let read = read(text);
    let told: Vec<String> =
        read.remarks.iter().map(|remark| format!("{:?} {:?}", remark.kind, shown(remark.span.clone()))).collect();
    format!("{}{}", if read.value.usable { "" } else { "unusable: " }, told.join(", "))
}

#[test]
fn records_and_what_is_remarked() {
    let table = [
        (format!("v=DKIM1; k=rsa; p={RSA_2048}"), ""),
        (format!("v=DKIM1; p={RSA_2048};"), ""),
        (format!("p={RSA_2048}"), ""),
        (format!("v=DKIM1;k=ed25519;p={ED25519}"), ""),
        (format!("v=DKIM1; h=sha1:sha256; s=email; n=say \"hello\"; p={RSA_2048}"), ""),
        (format!("v=DKIM1; t=; p={}", RSA_2048.replace("gkqh", "gk \t qh")), ""),
        (format!("v=DKIM1; k=ed25519; p={}", ED25519.trim_end_matches('=')), ""),
        (format!("v=DKIM1; p={RSA_1024}"), r#"RsaBelow2048 "MIGfMA0GCSqGSIb3""#),
        (format!("v=DKIM1; p={RSA_512}"), r#"unusable: RsaBelow1024 "MFwwDQYJKoZIhvcN""#),
        ("v=DKIM1; p=".to_owned(), r#"unusable: Revoked "p=""#),
        ("v=DKIM1; k=rsa".to_owned(), r#"unusable: KeyMissing """#),
        (format!("v=DKIM2; p={RSA_2048}"), r#"unusable: VersionWrong "DKIM2""#),
        (format!("v=DKIM1 k=rsa; p={RSA_2048}"), r#"unusable: SemicolonMissing " ""#),
        (format!("k=rsa; v=DKIM1; p={RSA_2048}"), r#"unusable: VersionNotFirst "v=DKIM1""#),
        (format!("v=DKIM1; k=dsa; p={RSA_2048}"), r#"unusable: KeyTypeUnknown "dsa""#),
        (format!("v=DKIM1; p={ED25519}"), r#"unusable: KeyTypeDiffers "11qYAYKxCrfVS/7T""#),
        (format!("v=DKIM1; k=ed25519; p={RSA_2048}"), r#"unusable: KeyTypeDiffers "MIIBIjANBgkqhkiG""#),
        (format!("v=DKIM1; k=ed25519; p={ED25519_ENVELOPED}"), r#"Ed25519InEnvelope "MCowBQYDK2VwAyEA""#),
        (format!("v=DKIM1; k=ed25519; p={}", &ED25519[..40]), r#"unusable: Ed25519Length "11qYAYKxCrfVS/7T""#),
        (format!("v=DKIM1; p={RSA_2048_BARE}"), r#"RsaWithoutEnvelope "MIIBCgKCAQEAw3FQ""#),
        (format!("v=DKIM1; p={}", &RSA_2048[..236]), r#"unusable: KeyCutOff "MIIBIjANBgkqhkiG""#),
        (format!("v=DKIM1; p={}", &RSA_2048[..237]), r#"unusable: Base64Broken "MIIBIjANBgkqhkiG""#),
        (format!("v=DKIM1; p={}", RSA_2048.replace("IDAQAB", "I*AQAB")), r#"unusable: Base64Broken "*""#),
        (format!("v=DKIM1; p={RSA_512_PRIVATE}"), r#"unusable: PrivateKey "MIIBVQIBADANBgkq""#),
        ("v=DKIM1; p=aGVsbG8gd29ybGQ=".to_owned(), r#"unusable: Ed25519Length "aGVsbG8gd29ybGQ=""#),
        (
            format!("v=DKIM1; p=-----BEGIN PUBLIC KEY-----{RSA_2048}-----END PUBLIC KEY-----"),
            r#"unusable: PemLinesLeftIn "-----BEGIN PUBLI""#,
        ),
        (format!("v=DKIM1\\; p={RSA_2048}"), r#"unusable: EscapesLeftIn "\\""#),
        (format!("\"v=DKIM1; p={}\" \"{}\"", &RSA_2048[..200], &RSA_2048[200..]), r#"unusable: EscapesLeftIn "\"""#),
        (format!("v=DKIM1; t=y:s; p={RSA_2048}"), r#"Testing "y", ExactDomainOnly "s""#),
        (format!("v=DKIM1; t=q; p={RSA_2048}"), r#"FlagUnknown "q""#),
        (format!("v=DKIM1; h=sha1; p={RSA_2048}"), r#"unusable: OnlySha1 "h=sha1""#),
        (format!("v=DKIM1; h=sha256:md5; p={RSA_2048}"), r#"HashUnknown "md5""#),
        (format!("v=DKIM1; s=tlsrpt; p={RSA_2048}"), r#"unusable: NotForMail "s=tlsrpt""#),
        (format!("v=DKIM1; g=*; p={RSA_2048}"), r#"Granularity "g=*""#),
        (format!("v=DKIM1; a=rsa-sha256; p={RSA_2048}"), r#"SignatureTag "a=rsa-sha256""#),
        (format!("v=DKIM1; foo=bar; p={RSA_2048}"), r#"TagUnknown "foo=bar""#),
        (format!("v=DKIM1; p={RSA_2048}; k=rsa; k=rsa"), r#"unusable: TagTwice "k=rsa""#),
        (format!("v=DKIM1; P={RSA_2048}"), r#"unusable: TagCase "P""#),
        (format!("v=DKIM1;; p={RSA_2048}"), r#"EmptyTag """#),
        (format!("v=DKIM1; rsa; p={RSA_2048}"), r#"unusable: WordsWithoutTag "rsa""#),
        (
            format!("v=DKIM; k=RSA; t=q; p={RSA_512}"),
            r#"unusable: VersionWrong "DKIM", KeyTypeUnknown "RSA", FlagUnknown "q", RsaBelow1024 "MFwwDQYJKoZIhvcN""#,
        ),
    ];
    for (text, want) in table {
        assert_eq!(remarks(&text), want, "{text}");
    }
}

#[test]
fn what_can_be_mended_is_written_anew() {
    let good = format!("v=DKIM1; k=rsa; p={RSA_2048}");
    let table = [
        (good.clone(), None),
        (format!("k=rsa; v=DKIM1; p={RSA_2048}"), Some(good.clone())),
        (format!("v=DKIM1\\; k=rsa\\; p={RSA_2048}"), Some(good.clone())),
        (format!("v=DKIM1; k=rsa; g=*; p={RSA_2048_BARE}"), Some(good.clone())),
        (format!("v=DKIM1; k=rsa; p=-----BEGIN PUBLIC KEY-----{RSA_2048}-----END PUBLIC KEY-----"), Some(good.clone())),
        (format!("v=DKIM1; p={ED25519_ENVELOPED}"), Some(format!("v=DKIM1; k=ed25519; p={ED25519}"))),
        (format!("v=DKIM1; p={}", &RSA_2048[..236]), None),
        (format!("v=DKIM1; p={RSA_512_PRIVATE}"), None),
    ];
    for (text, want) in table {
        assert_eq!(read(&text).corrected, want, "{text}");
    }
    let mended = read(&good);
    assert_eq!(mended.value.key, Key::Rsa { bits: 2048 });
    assert!(mended.value.usable && mended.remarks.is_empty());
}
