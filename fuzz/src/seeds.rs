//! Inputs to begin with: a few written here, and one side each of the dialogues in
//! `crates/smtp/tests/dialogues`.

use std::fs;
use std::path::{Path, PathBuf};

/// Command lines.
pub fn commands() -> Vec<Vec<u8>> {
    let mut seeds = owned(&[
        "EHLO client.example",
        "HELO [192.0.2.1]",
        "MAIL FROM:<a@b.example> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x+2By REQUIRETLS",
        "MAIL FROM:<>",
        "RCPT TO:<\"odd @ name\"@b.example> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a@b.example",
        "RCPT TO:<@relay.example,@other.example:a@b.example>",
        "BDAT 1000 LAST",
        "AUTH SCRAM-SHA-256 biwsbj11c2Vy",
        "AUTH PLAIN =",
        "VRFY <j\u{fc}rgen@b\u{fc}cher.example>",
    ]);
    seeds.extend(sides("server", "C: "));
    seeds
}

/// Replies.
pub fn replies() -> Vec<Vec<u8>> {
    let mut seeds = owned(&[
        "250-mx.example\r\n250-PIPELINING\r\n250 SIZE 1000\r\n",
        "550-5.7.1 one\r\n550 5.7.1 two\r\n",
        "421",
        "250\tok",
    ]);
    seeds.extend(sides("client", "S: "));
    seeds
}

/// What clients say in whole sessions, each behind an octet that sets the session up.
pub fn clients() -> Vec<Vec<u8>> {
    let start = "EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n";
    let built_in = [
        format!("{start}DATA\r\nSubject: x\r\n\r\n..dot\r\nend\r\n.\r\nQUIT\r\n"),
        format!("{start}RCPT TO:<e@f.example>\r\nBDAT 6\r\nabc\r\nxBDAT 4 LAST\r\nyz\r\nQUIT\r\n"),
        format!("{start}DATA\r\nx\r\n.\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\ny\r\n.\r\n"),
        "EHLO c\r\nAUTH PLAIN AGFsaQBwYXNz\r\nAUTH LOGIN\r\nYWxp\r\ncGFzcw==\r\nMAIL FROM:<>\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "\x16\x03\x01".to_owned(),
    ];
    let mut seeds: Vec<Vec<u8>> = built_in.iter().map(|text| text.clone().into_bytes()).collect();
    let tls = [b"EHLO c\r\nSTARTTLS\r\nRSET\r\n", crate::server_session::HANDSHAKE_OVER, start.as_bytes()];
    seeds.push(tls.concat());
    seeds.extend(sides("server", "C: "));
    set_up_in_all_ways(&seeds)
}

/// What servers say in whole sessions, each behind an octet that sets the session up.
pub fn servers() -> Vec<Vec<u8>> {
    let hello = "220 x ESMTP\r\n250-x\r\n250-PIPELINING\r\n250-SIZE 0\r\n250-8BITMIME\r\n250-DSN\r\n";
    let sent = "250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n250 2.0.0 taken\r\n";
    let mut seeds = owned(&[
        &format!("{hello}250 ENHANCEDSTATUSCODES\r\n{sent}{sent}{sent}221 bye\r\n"),
        &format!("{hello}250 CHUNKING\r\n250 ok\r\n250 ok\r\n250 taken\r\n250 ok\r\n550 no\r\n554 none\r\n"),
        &format!(
            "{hello}250 STARTTLS\r\n220 go\r\n250-x\r\n250 AUTH PLAIN LOGIN SCRAM-SHA-256\r\n235 welcome\r\n{sent}"
        ),
        &format!("{hello}250 AUTH LOGIN\r\n334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n535 5.7.8 no\r\n"),
        "220 x\r\n502 no\r\n250 x\r\n250 ok\r\n421 4.3.2 bye\r\n",
        "554 5.7.1 not you\r\n",
    ]);
    seeds.extend(sides("client", "S: "));
    set_up_in_all_ways(&seeds)
}

/// Replies as people quote them, one of them with the host in front.
pub fn quoted() -> Vec<Vec<u8>> {
    owned(&[
        "550 5.1.1 no such user",
        "550-5.7.26 one 550-5.7.26 two 550 5.7.26 three",
        "host mx.example.com[192.0.2.1] said: 450 4.7.1 greylisted, try again in 300 seconds (in reply to RCPT TO command)",
        "mx.example.com\u{1}421 4.7.28 our system has detected an unusual rate of unsolicited mail",
        "SMTP error from remote mail server after end of data: host a.example [192.0.2.1]: 554 5.7.1 x",
        "connect to a.example[192.0.2.1]:25: Connection timed out",
        "smtp; 550 #5.1.0 Address rejected \u{6536}\u{4ef6}\u{4eba}",
    ])
}

/// Mails about mail: a report with its parts, a text for people, a complaint, an automatic answer.
pub fn reports() -> Vec<Vec<u8>> {
    let report = "From: MAILER-DAEMON@a.example\r\nContent-Type: multipart/report; report-type=delivery-status; \
        boundary=b\r\n\r\n--b\r\n\r\nIt failed.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\
        Reporting-MTA: dns; a.example\r\n\r\nFinal-Recipient: rfc822; c@d.example\r\nAction: failed\r\n\
        Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1\r\n  no such user\r\n\r\n--b\r\n\
        Content-Type: message/rfc822\r\n\r\nMessage-ID: <1@b.example>\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n\r\nx\r\n--b--\r\n";
    let qmail = "From: MAILER-DAEMON@a.example\r\nSubject: failure notice\r\n\r\nHi. This is the qmail-send program at \
        a.example.\r\n\r\n<c@d.example>:\r\n192.0.2.1 does not like recipient.\r\nRemote host said: 550 no\r\n";
    let exim = "X-Failed-Recipients: c@d.example\r\nFrom: Mail Delivery System <mailer-daemon@a.example>\r\n\r\nThe \
        following address(es) failed:\r\n\r\n  c@d.example\r\n    550 no such user\r\n";
    let complaint = "From: abuse@a.example\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n\
        --b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\n\
        Source-IP: 192.0.2.1\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nTo: c@d.example\r\n\r\n--b--\r\n";
    let away = "From: c@d.example\r\nAuto-Submitted: auto-replied (vacation)\r\nSubject: Away\r\n\r\nI am away.\r\n";
    let encoded = "From: MAILER-DAEMON@a.example\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nGyRCJCIbKEI=\r\n";
    owned(&[report, qmail, exim, complaint, away, encoded, &report.replace("\r\n", "\n")])
}

/// Addresses, hosts, codes and ids, one a line.
pub fn words() -> Vec<Vec<u8>> {
    owned(&[
        "a@b.example\nA.B+c@B.Example.\n\"a b\\\"c\"@x.example",
        "j\u{fc}rgen@b\u{fc}cher.example\na@[IPv6:2001:db8::1]\na@[192.0.2.1]",
        "route:smart host\nxn--bcher-kva.example\n[IPv6:::ffff:192.0.2.1]",
        "5.1.1 no such user\n4.7.28\n0FXK3V2Q80001",
    ])
}

/// Messages.
pub fn contents() -> Vec<Vec<u8>> {
    owned(&["Subject: a\r\nTo: b\r\n\r\nbody\r\n", "\r\nbody only\r\n", "Header: only\r\n", "a\r\n\r\n\r\n\r\nb"])
}

/// SPF records, good and bad.
pub fn policies() -> Vec<Vec<u8>> {
    owned(&[
        "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 a mx include:_spf.example.net ~all",
        "v=spf1 a:%{d2}/24//64 mx:a.%{d} ptr exists:%{ir}.%{v}.%{L1r-}.x.example redirect=_%{o}.example",
        "v=spf1 include:a.%{d} include:b.%{d} ?include:c.%{d} exp=%{p}.why.example -all",
        "v=spf1 ptr:%{h} exists:%{s}.%{i}.example a:%%%_%-.example moo.cow=man:dog/cat %{p}",
        "v=spf1; a, mx/33 ip4:192.0.2.300 ip6:1::2::3/129 inlcude:x redirect:x redirect=x.y redirect=z.y -all.",
        "v=spf1 \u{2013}all a\tmx \u{fffd} %{ %{} %{d0} %(ir) a: a/24/64",
    ])
}

/// Logs of all servers, in all that carries them.
pub fn logs() -> Vec<Vec<u8>> {
    owned(&[
        "Nov 24 09:12:00 mx1 postfix/qmgr[3]: 4F2A1B3C: from=<a@b.example>, size=900, nrcpt=2 (queue active)\n\
         Nov 24 09:12:01 mx1 postfix/smtp[4]: 4F2A1B3C: to=<c@d.example>, relay=mx.d.example[192.0.2.9]:25, delay=1, dsn=5.1.1, status=bounced (host mx said: 550 5.1.1 no)\n",
        "<22>1 2026-11-24T09:12:01Z mx1 postfix/smtpd 8 - [a b=\"c\"] NOQUEUE: reject: RCPT from x[192.0.2.7]: 554 5.7.1 no; from=<a@b.example> to=<c@d.example> proto=ESMTP helo=<x>",
        "2026-11-24 09:12:00 +0100 [47] 1kABCD-0001ab-2C == c@d.example R=dnslookup T=remote_smtp defer (-44) H=mx.d.example [192.0.2.8]: SMTP error: 450 4.7.1 wait",
        "2026-11-24 09:12:00 H=(x) [192.0.2.7] F=<a@b.example> rejected RCPT <c@d.example>: relay not permitted",
        "Nov 24 09:12:01 mx1 sm-mta[2]: 2AO9C1ab012345: to=<c@d.example>,<e@d.example>, delay=00:00:01, mailer=esmtp, relay=mx.d.example. [192.0.2.9], dsn=4.7.1, stat=Deferred: 451 wait, please",
        "Nov 24 09:12:01 mx1 smtpd[1]: 7d5a1f70a1b2c3d4 mta delivery evpid=4b2f3c1d8e1f2a3b from=<a@b.example> to=<c@d.example> rcpt=<-> source=\"192.0.2.2\" relay=\"192.0.2.9 (mx)\" delay=1s result=\"TempFail\" stat=\"450 \"wait\"\"",
        "@400000006b05d3aa075bcd15 starting delivery 1: msg 12 to remote c@d.example\n@400000006b05d3aa075bcd15 delivery 1: deferral: 192.0.2.8_does_not_like_recipient./Remote_host_said:_450_wait/Giving_up_on_192.0.2.8./\n",
        "2026-11-24T09:12:01.000Z [NOTICE] [5A2E3C.1.1] [outbound] delivered file=1 domain=d.example host=mx ip=192.0.2.9 response=\"2.0.0 Ok\" rcpts=1/0/0",
        "type,timeLogged,orig,rcpt,dsnStatus,dsnDiag\nb,2026-11-24 09:12:02+0000,a@b.example,c@d.example,5.1.1 (x),\"smtp;550 \"\"no\"\"\"\n",
        "#Fields: date-time,source,event-id,message-id,recipient-address,recipient-status\n2026-11-24T09:12:01.000Z,SMTP,DEFER,<m>,c@d.example;e@d.example,[{LED=451 wait};{FQDN=mx}]\n",
        "{\"type\":\"Bounce\",\"id\":\"1\",\"recipient\":\"c@d.example\",\"response\":{\"code\":550,\"enhanced_code\":{\"class\":5,\"subject\":1,\"detail\":1},\"content\":\"no\"},\"timestamp\":1795540000}",
        "{\"schema\":\"postrider.events/1\",\"event\":\"failed\",\"at\":\"2026-11-24T16:50:08.140Z\",\"message\":\"06Z8\",\"recipient\":\"c@d.example\",\"outcome\":{\"code\":\"550\",\"text\":\"no\"}}",
        "{\"log\":\"Nov 24 09:12:01 mx1 postfix/qmgr[3]: 4F2A1B3C: removed\\n\",\"time\":\"2026-11-24T09:12:01Z\"}",
        "__CURSOR=s\n__REALTIME_TIMESTAMP=1795540000000000\nSYSLOG_IDENTIFIER=postfix/qmgr\nMESSAGE\n\u{17}\0\0\0\0\0\0\x004F2A1B3C: removed\n\n",
        "mail-1  | 2026-11-24T09:12:01.0Z stdout F postfix/smtp[8]: 4F2A1B3C: to=<c@d.example>, relay=none, status=sent (ok)",
    ])
}

/// What domains publish about their mail, and what others say of it.
pub fn records() -> Vec<Vec<u8>> {
    let key = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDN914rZXes4exPyCshjcZWa3OLqhoUYpkPOO2gAzLmbkEKiBWzAyStT+EPo06Sh7iOJCwn\
        +6bpYnEcyAT0z0Cs+C5HwHKKlW90xQVxJszNNqLf/BSQcdesxRoa2JTp6CwbLkKmZ+9r9TdwgsWMDecu4dT/UZKU9PEKM29wWKO4HwIDAQAB";
    owned(&[
        &format!("v=DKIM1; k=rsa; h=sha1:sha256; s=email; t=y:s; n=a \\; p={key}"),
        &format!("\"v=DKIM1\\; g=*; P=-----BEGIN PUBLIC KEY-----{key}-----END PUBLIC KEY-----\""),
        "v=DKIM1; k=ed25519; p=MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        "v=DMARC1; p=reject; sp=none; np=quarantine; psd=n; t=y; adkim=s; fo=1:d; pct=5; rua=mailto:a%40b@c.example!10m,https://d.example ; ruf=a@b.example",
        "v=DMARC1 p=none;; rua=mailto:a@b.example mailto:c@d.example",
        "v=STSv1; id=20261127T0900;",
        "version: STSv1\r\nmode: enforce\r\nmx: *.a.example\r\nmx: mx.b.example\r\nmax_age: 86400\r\n",
        "v=TLSRPTv1; rua=mailto:t@a.example,https://a.example/r",
        "v=BIMI1; l=https://a.example/l.svg; a=https://a.example/m.pem; avp=brand",
        "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.2\" baseProfile=\"tiny-ps\" x=\"1\" viewBox=\"0 0 9 8\"><title>A</title><use href=\"#c\" onload=\"x\"/></svg>",
        "mx.example 1; dkim=pass (a (b)) reason=\"x\" header.i=@a.example; spf = fail smtp.mailfrom=\"x y\"@a.example; none",
        "ca.example; accounturi=https://a.example/1; validationmethods=dns-01",
        "*.mx.example a.mx.example",
    ])
}

/// Messages as they are received.
pub fn messages() -> Vec<Vec<u8>> {
    let trace = "Return-Path: <a@a.example>\r\nAuthentication-Results: mx.b.example; spf=pass smtp.mailfrom=a.example; dkim=fail (x) header.d=a.example\r\n\
        Received: from m.a.example (m.a.example [192.0.2.1]) (using TLSv1.3 with cipher X) by mx.b.example (Postfix) with ESMTPS id 1 for <b@b.example>; Fri, 27 Nov 2026 12:00:09 +0000\r\n\
        Received: from [10.0.0.1] (helo=pc) by m.a.example with esmtpsa (TLS1.2) tls X (envelope-from <a@a.example>); Fri, 27 Nov 2026 12:00:00 +0100\r\n";
    let signature = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/simple; d=a.example; s=s; h=from:from:subject:to; l=9; t=1; x=2; z=Subject:=20a|To:b; i=@m.a.example;\r\n\
        \tbh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=; b=AAAA\r\n\tAAAA=\r\n";
    let arc = "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=l.example; s=s; t=1; b=AAAA\r\nARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=l.example; s=s; h=from; bh=AAAA; b=AAAA\r\n\
        ARC-Authentication-Results: i=1; l.example; dkim=pass header.d=a.example\r\n";
    let head = "From: \"A\" <a@a.example>\r\nTo: b@b.example\r\nSubject: Re: [l] ***SPAM*** x\r\nDate: Fri, 27 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@a.example>\r\n\
        List-Unsubscribe: <https://a.example/u>, <mailto:u@a.example>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
    let parts = "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n>From x\r\n--b\r\n\r\nfooter\r\n--b--\r\n";
    owned(&[
        &format!("{trace}{signature}{head}\r\nHello\r\n\r\n"),
        &format!("{trace}{arc}{signature}{head}{parts}"),
        &format!("From a@a Mon\n{head}Content-Transfer-Encoding: quoted-printable\n\na=3D\n..b\n"),
        "Received: by 2002:a05:1 with SMTP; x\r\nReceived: (qmail 1 invoked by uid 1); 27 Nov 2026 12:00:00 -0000\r\n\r\n",
    ])
}

/// A TLSA record and the certificate of `mx.a.example`, as the target takes them.
pub fn certificates() -> Vec<Vec<u8>> {
    use base64::Engine;
    let certificate = base64::engine::general_purpose::STANDARD.decode(CERTIFICATE).unwrap_or_default();
    let labels: [[u8; 4]; 4] = [[3, 1, 1, 32], [2, 0, 2, 64], [3, 0, 0, 255], [1, 1, 1, 8]];
    labels.iter().map(|label| [label, vec![7; usize::from(label[3])].as_slice(), &certificate].concat()).collect()
}

/// Issued by itself, for nobody.
const CERTIFICATE: &str = "\
    MIIBnzCCAUSgAwIBAgIUJ/ZyfQ8klG6w1FB0xYcCj7WdcDowCgYIKoZIzj0EAwIwFzEVMBMGA1UEAwwMbXguYS5leGFtcGxlMCAX\
    DTI2MTEyNzIwNDI0NloYDzIxMjYxMTAzMjA0MjQ2WjAXMRUwEwYDVQQDDAxteC5hLmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjO\
    PQMBBwNCAARa5mARMVpHhaaghv8x77NZxSjYuJykOHcZ16Ig3ar9fw2LHNZBe+zKHu1e2Wo1znmouBE+XmB2Gv/SyrUVXupfo2ww\
    ajAdBgNVHQ4EFgQUyInSCmgEC7tcqVNY8OSR/TA5HsIwHwYDVR0jBBgwFoAUyInSCmgEC7tcqVNY8OSR/TA5HsIwDwYDVR0TAQH/\
    BAUwAwEB/zAXBgNVHREEEDAOggxteC5hLmV4YW1wbGUwCgYIKoZIzj0EAwIDSQAwRgIhAMt5JSrY90WBON6M+/o6iidVwgNopNXU\
    hcDoLMHbeAgOAiEAueYt/cfwYIQAJtrA70DRV0EfpB4x4THdfX6x4FaHxzU=";

fn owned(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// What registries answer, and how HTTP carries it.
pub fn registries() -> Vec<Vec<u8>> {
    [
        r#"{"ldhName":"a.test","status":["client hold"],"events":[{"eventAction":"expiration","eventDate":"2027-03-01T00:00:00Z"}],
        "nameservers":[{"ldhName":"ns1.a.test"}],"secureDNS":{"delegationSigned":true,"dsData":[{"keyTag":1,"algorithm":13,"digestType":2,"digest":"AB"}]},
        "entities":[{"roles":["registrar","abuse"],"vcardArray":["vcard",[["fn",{},"text","R"],["email",{},"text","a@r.test"]]]}]}"#,
        r#"{"services":[[["test","a.test"],["https://x.test/","http://y.test"]]]}"#,
        "Domain Name: A.TEST\nRegistrar: R\nRegistry Expiry Date: 2027-03-01T00:00:00Z\nDomain Status: ok\nName Server: NS1.A.TEST\nDNSSEC DS Data: 1 13 2 ABABABABABABABABABABABABABABABABABABABAB\n",
        "    Domain name:\n        a.test\n\n    Registrar:\n        R [Tag = R]\n\n    Relevant dates:\n        Expiry date:  20-Feb-2027\n\n    Name servers:\n        ns1.a.test  192.0.2.1\n",
        "[Domain Name]  A.TEST\n[Expires on]  2027/02/28\np. [Name Server]  ns1.a.test\n",
        "refer: whois.a.test:4343\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: //x.test/y\r\nContent-Length: 2\r\n\r\nhi",
        "05.11.2026 12:00:00 +0100",
        "gm\u{430}il.com",
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .to_vec()
}

/// Each seed behind a few first octets; the mutations find the others.
fn set_up_in_all_ways(seeds: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let ways = [0x00, 0x0f, 0x1f, 0x2f, 0xfe];
    seeds.iter().flat_map(|seed| ways.map(|way: u8| [&[way], seed.as_slice()].concat())).collect()
}

/// The lines of one side of each dialogue in a folder; none where the sources are not at hand.
fn sides(folder: &str, mark: &str) -> Vec<Vec<u8>> {
    let dialogues = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/smtp/tests/dialogues").join(folder);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dialogues).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| side(&fs::read_to_string(path).ok()?, mark)).collect()
}

fn side(dialogue: &str, mark: &str) -> Option<Vec<u8>> {
    let said: Vec<&str> = dialogue.lines().filter_map(|line| line.strip_prefix(mark)).collect();
    (!said.is_empty()).then(|| (said.join("\r\n") + "\r\n").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_of_a_dialogue_is_what_it_says() {
        assert_eq!(side("S: 220 x\nC: EHLO y\n# note\nC: QUIT\n", "C: "), Some(b"EHLO y\r\nQUIT\r\n".to_vec()));
    }

    #[test]
    fn the_seeds_themselves_break_nothing() {
        for target in crate::TARGETS {
            for seed in (target.seeds)() {
                (target.run)(&seed);
            }
        }
    }
}
