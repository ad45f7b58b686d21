//! Talks as transcripts: `S:` is the server, `C:` what the client must say.

use super::*;
use tokio::io::{AsyncBufReadExt as _, BufReader, DuplexStream};

const LIMITS: ImapLimits =
    ImapLimits { answer: Duration::from_secs(5), response_bytes_max: 20_000, answer_bytes_max: 60_000 };

/// Plays the server's part; gives what the client said that it should not have.
async fn play(script: String, stream: DuplexStream) -> Vec<String> {
    let mut wire = BufReader::new(stream);
    let mut wrong = Vec::new();
    for line in script.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        match line.split_once(": ") {
            // A client that has gone hears nothing.
            Some(("S", said)) => drop(wire.write_all(format!("{said}\r\n").as_bytes()).await),
            Some(("RAW", said)) => drop(wire.write_all(said.replace("\\r\\n", "\r\n").as_bytes()).await),
            Some(("C", want)) => {
                let mut heard = String::new();
                let _ = wire.read_line(&mut heard).await;
                if heard.trim_end() != want {
                    wrong.push(format!("want {want:?}, got {:?}", heard.trim_end()));
                }
            }
            _ => wrong.push(format!("not a line of a script: {line}")),
        }
    }
    wrong
}

/// Starts a talk; the handle gives the complaints of the script.
fn talk(script: &str) -> (DuplexStream, tokio::task::JoinHandle<Vec<String>>) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    (ours, tokio::spawn(play(script.to_owned(), theirs)))
}

async fn greeted(script: &str) -> (Result<Imap<DuplexStream>, ImapFault>, tokio::task::JoinHandle<Vec<String>>) {
    let (stream, script) = talk(script);
    (Imap::greet(stream, true, LIMITS).await, script)
}

async fn fault_of(script: &str) -> String {
    let (imap, _) = greeted(script).await;
    match imap {
        Err(fault) => fault.to_string(),
        Ok(mut imap) => match imap.login("a@x.test", "secret word", false).await {
            Err(fault) => fault.to_string(),
            Ok(()) => match imap.folders().await {
                Err(fault) => fault.to_string(),
                Ok(folders) => format!("{} folders", folders.len()),
            },
        },
    }
}

#[tokio::test]
async fn bad_servers_and_what_is_said_of_them() {
    let nested = format!("S: * 1 FETCH (BODYSTRUCTURE {}", "(".repeat(3000));
    let flood = "S: * OK still here\n".repeat(8000);
    let long = format!("S: * OK {}", "x".repeat(30_000));
    let ready = "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\n";
    let login = "C: P1 AUTHENTICATE PLAIN AGFAeC50ZXN0AHNlY3JldCB3b3Jk\n";
    let in_ = "S: P1 OK [CAPABILITY IMAP4rev1] in\nC: P2 LIST \"\" \"*\"\n";
    let table = [
        ("".to_owned(), "the IMAP server closed the connection before its greeting"),
        ("S: 220 mx.example ESMTP".into(), "the server speaks SMTP at this port, not IMAP"),
        ("S: +OK POP3 ready".into(), "the server speaks POP3 at this port, not IMAP"),
        ("S: SSH-2.0-x".into(), "the server speaks SSH at this port, not IMAP"),
        ("S: what? who?".into(), "what the server says before its greeting is not IMAP: \"what? who?\""),
        ("S: * BYE too busy".into(), "the IMAP server said goodbye before its greeting: too busy"),
        ("S: * OK [ALERT]\u{e9}l\u{e9}ment".into(), "the IMAP server closed the connection at CAPABILITY"),
        (long, "the IMAP server sent more before its greeting than any answer is long, and was cut off"),
        (
            "S: * OK {999999999}".into(),
            "the IMAP server sent more before its greeting than any answer is long, and was cut off",
        ),
        (format!("{ready}{login}"), "the IMAP server closed the connection at AUTHENTICATE"),
        (format!("{ready}{login}S: * BYE bored"), "the IMAP server said goodbye at AUTHENTICATE: bored"),
        (
            format!("{ready}{login}S: P1 NO [AUTHENTICATIONFAILED] secret word is wrong"),
            "the server does not take this user name with this password: [AUTHENTICATIONFAILED] … is wrong",
        ),
        (
            format!("{ready}{login}{flood}"),
            "the IMAP server sent more at AUTHENTICATE than any answer is long, and was cut off",
        ),
        (
            format!("{ready}{login}{in_}S: * 1 FETCH (INTERNALDATE NIL UID 1)"),
            "what the server says at LIST is not IMAP: \"* 1 FETCH (INTERNALDATE NIL UID 1)\"",
        ),
        (format!("{ready}{login}{in_}S: P2 NO not today"), "the IMAP server refused LIST: not today"),
        (format!("{ready}{login}{in_}S: * LIST () \"/\" INBOX\nS: P2 OK done"), "1 folders"),
    ];
    let quoted = format!("* 1 FETCH (BODYSTRUCTURE {}", "(".repeat(95));
    let want = format!("what the server says at LIST is not IMAP: {quoted:?}");
    assert_eq!(fault_of(&format!("{ready}{login}{in_}{nested}")).await, want);
    for (script, want) in table {
        assert_eq!(fault_of(&script).await, want, "{}", &script[..script.len().min(200)]);
    }
}

#[tokio::test(start_paused = true)]
async fn silence_has_an_end() {
    let (ours, _theirs) = tokio::io::duplex(64);
    let fault = Imap::greet(ours, true, LIMITS).await.unwrap_err();
    assert_eq!(fault.to_string(), "the IMAP server said nothing for 5 s before its greeting");
}

#[tokio::test]
async fn no_password_is_said_in_clear_or_where_none_is_taken() {
    let table = [
        ("S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", false, "the server wants TLS before it hears a password"),
        (
            "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi",
            true,
            "the server does not let this account log in with a password",
        ),
    ];
    for (script, under_tls, want) in table {
        let (stream, script) = talk(script);
        let mut imap = Imap::greet(stream, under_tls, LIMITS).await.unwrap();
        assert_eq!(imap.login("a", "b", false).await.unwrap_err().to_string(), want);
        drop(imap);
        assert_eq!(script.await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn ways_to_log_in() {
    let table = [
        (
            "S: * OK [CAPABILITY IMAP4rev1] hi\nC: P1 LOGIN \"a\\\"b\" \"p w\"\nS: P1 OK [CAPABILITY IMAP4rev1] in",
            "a\"b",
            "p w",
        ),
        (
            "S: * OK [CAPABILITY IMAP4rev1] hi\nC: P1 LOGIN {1}\nS: + go\nC: a {5}\nS: + go\nC: p\u{e4}ss\nS: P1 OK [CAPABILITY IMAP4rev1] in",
            "a",
            "p\u{e4}ss",
        ),
        (
            "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\nC: P1 AUTHENTICATE PLAIN\nS: + \nC: AGEAYg==\nS: P1 OK in\nC: P2 CAPABILITY\nS: * CAPABILITY IMAP4rev1 QUOTA\nS: P2 OK done",
            "a",
            "b",
        ),
    ];
    for (script, user, password) in table {
        let (imap, script) = greeted(script).await;
        let mut imap = imap.unwrap();
        imap.login(user, password, false).await.unwrap();
        drop(imap);
        assert_eq!(script.await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_server_that_asks_on_and_on_is_called_off() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi
        C: P1 AUTHENTICATE PLAIN AGEAYg==
        S: + bW9yZQ==
        C: *
        S: P1 BAD cancelled";
    let (imap, script) = greeted(script).await;
    let fault = imap.unwrap().login("a", "b", false).await.unwrap_err();
    assert_eq!(fault.to_string(), "the server refuses the login and does not say why: cancelled");
    assert_eq!(script.await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn starttls_hands_the_stream_back() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi
        C: P1 STARTTLS
        S: P1 OK go
        C: P1 CAPABILITY
        S: * CAPABILITY IMAP4rev1 LOGINDISABLED
        S: P1 OK done";
    let (stream, script) = talk(script);
    let stream = Imap::greet(stream, false, LIMITS).await.unwrap().starttls().await.unwrap();
    let imap = Imap::after_starttls(stream, LIMITS).await.unwrap();
    assert!(imap.can("LOGINDISABLED") && !imap.can("STARTTLS"));
    drop(imap);
    assert_eq!(script.await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_mail_is_found_read_and_removed() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 SPECIAL-USE LIST-EXTENDED UIDPLUS UNSELECT QUOTA] hi
        C: P1 LIST \"\" \"*\" RETURN (SPECIAL-USE)
        S: * LIST (\\HasNoChildren) \"/\" INBOX
        S: * LIST (\\HasNoChildren \\Junk) \"/\" \"Rubbish bin\"
        S: P1 OK done
        C: P2 STATUS \"INBOX\" (UIDNEXT UIDVALIDITY MESSAGES)
        S: * STATUS INBOX (MESSAGES 2 UIDNEXT 7 UIDVALIDITY 3)
        S: P2 OK done
        C: P3 STATUS \"Rubbish bin\" (UIDNEXT UIDVALIDITY MESSAGES)
        S: P3 NO not for you
        C: P4 EXAMINE \"Rubbish bin\"
        S: * 3 EXISTS
        S: P4 OK [READ-ONLY] done
        C: P5 UID SEARCH UID 7:* HEADER Message-ID \"t0ken\"
        S: * SEARCH
        S: P5 OK done
        C: P6 UID FETCH 7:107 (UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID SUBJECT X-Postrider-Roundtrip)])
        RAW: * 3 FETCH (UID 9 BODY[HEADER.FIELDS (MESSAGE-ID SUBJECT X-Postrider-Roundtrip)] {30}\\r\\nX-Postrider-Roundtrip: t0ken\\r\\n)\\r\\n
        S: P6 OK done
        C: P7 CLOSE
        S: P7 OK done
        C: P8 EXAMINE \"Rubbish bin\"
        S: P8 OK [READ-ONLY] done
        C: P9 UID FETCH 9 (UID INTERNALDATE BODY.PEEK[HEADER])
        RAW: * 3 FETCH (UID 9 INTERNALDATE \"27-Nov-2026 20:00:00 +0000\" BODY[HEADER] {6}\\r\\na: b\\r\\n)\\r\\n
        S: P9 OK done
        C: P10 CLOSE
        S: P10 OK done
        C: P11 SELECT \"Rubbish bin\"
        S: P11 OK [READ-WRITE] done
        C: P12 UID STORE 9 +FLAGS.SILENT (\\Deleted)
        S: P12 OK done
        C: P13 UID EXPUNGE 9
        S: * 3 EXPUNGE
        S: P13 OK done
        C: P14 UNSELECT
        S: P14 OK done
        C: P15 GETQUOTAROOT INBOX
        S: * QUOTAROOT INBOX \"user\"
        S: * QUOTA \"user\" (STORAGE 10 10)
        S: P15 OK done";
    let (imap, script) = greeted(script).await;
    let mut imap = imap.unwrap();
    let folders = imap.folders().await.unwrap();
    assert_eq!(folders[1].purpose, FolderUse::Junk);
    let marks = imap.marks(&folders).await.unwrap();
    assert_eq!(marks["INBOX"], Marks { uid_validity: Some(3), uid_next: Some(7), messages: Some(2) });
    assert_eq!(imap.find(&folders[1], "t0ken", Some(7)).await.unwrap(), [9]);
    let header = imap.header(&folders[1], 9).await.unwrap().unwrap();
    assert_eq!(header.octets, b"a: b\r\n");
    assert_eq!(header.stored.as_deref(), Some("27-Nov-2026 20:00:00 +0000"));
    assert!(imap.remove(&folders[1], 9).await.unwrap());
    let quota = imap.quota().await.unwrap();
    assert!(quota[0].is_full());
    drop(imap);
    assert_eq!(script.await.unwrap(), Vec::<String>::new());
}

/// Octets changed at random places of a whole talk, by a seed: whatever a server says, there is an end to it.
#[tokio::test(start_paused = true)]
async fn noise_is_survived() {
    let good = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR LIST-STATUS QUOTA] hi\r\nP1 OK [CAPABILITY IMAP4rev1] in\r\n* LIST (\\Junk) \"/\" \"a b\"\r\n* LIST () NIL INBOX\r\nP2 OK [ALERT] done\r\n* STATUS INBOX (MESSAGES 2 UIDNEXT 7)\r\nP3 OK done\r\nP4 OK done\r\n* SEARCH 7 8 9\r\nP5 OK done\r\n* 3 FETCH (UID 9 INTERNALDATE \"27-Nov-2026 20:00:00 +0000\" BODY[HEADER] {6}\r\na: b\r\n)\r\nP6 OK done\r\n* QUOTA \"user\" (STORAGE 10 10)\r\nP7 OK done\r\n";
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let bits: [&[u8]; 10] = [b"\r\n", b"(", b"\xc3\xa9", b"]", b"{9}\r\n", b"NIL", b"\"", b"* ", b"\x00", b"[ALERT]"];
    for _ in 0..3000 {
        let mut octets = good.to_vec();
        for _ in 0..1 + next() % 4 {
            let at = usize::try_from(next()).unwrap() % octets.len();
            let bit = bits[usize::try_from(next()).unwrap() % bits.len()];
            let end = (at + bit.len()).min(octets.len());
            octets.splice(at..end, bit.iter().copied());
        }
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        theirs.write_all(&octets).await.unwrap();
        theirs.shutdown().await.unwrap();
        let Ok(mut imap) = Imap::greet(ours, true, LIMITS).await else { continue };
        let _ = imap.login("a", "b", false).await;
        let folders = imap.folders().await.unwrap_or_default();
        let _ = imap.marks(&folders).await;
        if let Some(folder) = folders.first() {
            let _ = imap.find(folder, "t", Some(1)).await;
            let _ = imap.header(folder, 9).await;
        }
        let _ = imap.quota().await;
    }
}
