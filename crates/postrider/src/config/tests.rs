//! Precedence, places, and what is said about faults.

use super::*;

/// A file on disk for one test, gone with it.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, text: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("postrider-config-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("postrider.toml"), text).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.join("postrider.toml")
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn load(name: &str, text: &str) -> Result<Config, Vec<String>> {
    let file = TempFile::new(name, text);
    let sources = Sources { file: Some(file.path()), ..Sources::default() };
    let prefix = format!("{}:", file.path().display());
    sources.load().map_err(|problems| {
        // The first line of each, without the path.
        let first = |problem: &Problem| problem.to_string().lines().next().unwrap_or_default().to_owned();
        problems.0.iter().map(|problem| first(problem).replace(&prefix, "")).collect()
    })
}

#[test]
fn later_sources_win_and_each_value_knows_its_place() {
    let file = TempFile::new("order", "[queue.retry]\nfirst = \"1m\"\nmax = \"1h\"\n[queue]\nexpire = \"3d\"\n");
    let mut sources = Sources { file: Some(file.path()), ..Sources::default() };
    let mut steps = Vec::new();
    let mut step = |sources: &Sources| {
        let config = sources.load().unwrap();
        steps.push((config.values.retry_first.as_secs(), config.place("queue.retry.first").unwrap().to_string()));
    };
    step(&sources);
    sources.environment.push(("POSTRIDER_QUEUE_RETRY_FIRST".into(), "2m".into()));
    step(&sources);
    sources.sets.push("queue.retry.first=3m".into());
    step(&sources);
    sources.flags.push(("queue.retry.first", "--first", "4m".into()));
    step(&sources);
    let want = [
        (60, format!("{}:2", file.path().display())),
        (120, "$POSTRIDER_QUEUE_RETRY_FIRST".into()),
        (180, "--set".into()),
        (240, "--first".into()),
    ];
    assert_eq!(steps, want);
    let config = sources.load().unwrap();
    assert_eq!(config.values.retry_max.as_secs(), 3600);
    assert_eq!(config.values.expire.as_secs(), 3 * 86_400);
    assert_eq!(config.place("hostname"), Some(&Place::Default));
}

#[test]
fn all_faults_are_told_at_once_with_line_column_and_suggestion() {
    let text = "\
hostnam = \"mail.example\"
[queue.retry]
frist = \"5m\"
max = 60
[smtp]
listen = [\"127.0.0.1\"]
[delivery]
private_addresses = \"maybe\"
port = [25, 26]
[bananas]
x = 1
[limits.message_size]
big = true
";
    let want = [
        "1:1: hostnam: there is no such key; did you mean hostname?",
        "3:1: queue.retry.frist: there is no such key; did you mean queue.retry.first?",
        "11:1: bananas.x: there is no such key; `postrider check --explain` lists them all",
        "12:1: limits.message_size: this takes a value, not a table",
        "6:10: smtp.listen: \"127.0.0.1\" has no port: write 127.0.0.1:2525",
        "4:7: queue.retry.max: \"60\" has no unit: write 60s for seconds, 60m for minutes",
        "9:8: delivery.port: this takes one value, a port, not a list",
        "8:21: delivery.private_addresses: \"maybe\" is neither true nor false",
    ];
    let mut got = load("faults", text).unwrap_err();
    let mut want = want.map(str::to_owned).to_vec();
    got.sort();
    want.sort();
    assert_eq!(got, want);
}

#[test]
fn text_that_is_not_toml_says_where() {
    let got = load("toml", "hostname = \"a.example\"\nlog.level = \n").unwrap_err();
    assert_eq!(got.len(), 1);
    assert!(got[0].starts_with("2:") && got[0].contains("this is not TOML"), "{got:?}");
}

#[test]
fn a_key_that_is_a_group_names_its_members() {
    let got = load("group", "log = \"debug\"\n").unwrap_err();
    assert_eq!(got, ["1:1: log: this is a group of keys: log.format, log.level"]);
}

#[test]
fn routes_users_and_keys_are_read() {
    let config = load(
        "tables",
        "\
[[route]]
pattern = \"*.example.com\"
host = \"smtp.example.net\"
user = \"me\"
password = \"hush\"

[[route]]
pattern = \"*\"
host = \"127.0.0.1:2600\"
tls = \"none\"

[[user]]
name = \"alice\"
hash = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g\"

[[dkim]]
domain = \"example.com\"
selector = \"s1\"
key = \"s1.pem\"
",
    )
    .unwrap();
    let shown: Vec<_> = config
        .tables
        .routes
        .iter()
        .map(|route| format!("{} {}:{} {:?} {:?}", route.pattern, route.host, route.port, route.tls, route.login))
        .collect();
    assert_eq!(
        shown,
        ["*.example.com smtp.example.net:587 Verify Some((\"me\", (secret)))", "* [127.0.0.1]:2600 None None"]
    );
    assert_eq!(config.tables.users[0].name, "alice");
    assert!(config.tables.dkim[0].key.is_absolute(), "paths start at the file's folder");
}

#[test]
fn faults_in_tables_are_told_with_their_place() {
    let text = "\
[[route]]
pattrn = \"*\"
host = \"smtp.example.net\"

[[route]]
pattern = \"a b\"
host = \"smtp.example.net:0\"
tls = \"always\"

[[route]]
pattern = \"*\"
host = \"smtp.example.net\"
user = \"me\"
password = \"hush\"
tls = \"opportunistic\"

[[user]]
name = \"alice\"
hash = \"hunter2\"

[dkim]
domain = \"example.com\"
";
    let got = load("bad-tables", text).unwrap_err();
    let want = [
        "21:2: dkim: there may be several of it: write [[dkim]] with two brackets",
        "1:1: route: pattern is missing: it is a pattern: *, example.com, *.example.com or .example.com",
        "2:1: route.pattrn: [[route]] has no such field; did you mean pattern?",
        "6:1: route.pattern: \"a b\" is not a pattern: *, example.com, *.example.com or .example.com",
        "7:1: route.host: \"0\" is not a port between 1 and 65535",
        "8:1: route.tls: \"always\" is not one of none, opportunistic, required, verify, implicit",
        "10:1: route: the password could go over the network in clear: write tls = \"verify\" or \"required\"",
        "19:1: user.hash: this is neither an argon2 hash, which `postrider passwd` makes, nor SCRAM-SHA-256 keys",
    ];
    assert_eq!(got, want);
}

#[test]
fn faults_outside_the_file_are_told_too() {
    let sources = Sources {
        file: None,
        sets: vec!["queue.expir=1d".into(), "nonsense".into()],
        routes: vec!["127.0.0.1:25".into()],
        flags: vec![("smtp.listen", "--smtp", "2525".into())],
        environment: vec![
            ("POSTRIDER_LOG_LEVEL".into(), "loud".into()),
            ("POSTRIDER_PORT".into(), "tcp://10.0.0.1:25".into()),
        ],
        ..Sources::default()
    };
    let got: Vec<_> = sources.load().unwrap_err().0.iter().map(ToString::to_string).collect();
    let want = [
        "--set: queue.expir: there is no such key; did you mean queue.expire?",
        "--set: nonsense: write --set KEY=VALUE",
        "--route 127.0.0.1:25: write PATTERN=HOST:PORT, such as \"*=127.0.0.1:2600\"",
        "--smtp: smtp.listen: \"2525\" is not an address and port: write 127.0.0.1:2525, [::1]:2525, or :2525 for all addresses",
        "$POSTRIDER_LOG_LEVEL: log.level: \"loud\" is not one of error, warn, info, debug, trace",
    ];
    assert_eq!(got, want);
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let table = [
        ("smtp.networks=0.0.0.0/0", "0.0.0.0/0 is everybody: this would be an open relay"),
        ("tls.key=/k.pem", "tls.certificate and tls.key are given together or not at all"),
        ("queue.retry.first=9d", "the first wait is longer than queue.retry.max"),
        ("queue.retry.first=0", "a wait of nothing would try in a loop: write at least 1s"),
    ];
    for (set, want) in table {
        let sources = Sources { sets: vec![set.into()], ..Sources::default() };
        let got = sources.load().unwrap_err().0;
        assert_eq!((got.len(), got[0].message.as_str()), (1, want), "{set}");
    }
}

#[test]
fn a_misspelt_variable_is_a_warning_and_a_stranger_is_nothing() {
    let environment =
        vec![("POSTRIDER_HOSTNAM".into(), "a.example".into()), ("POSTRIDER_SERVICE_HOST".into(), "10.0.0.1".into())];
    let config = Sources { environment, ..Sources::default() }.load().unwrap();
    let shown: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["$POSTRIDER_HOSTNAM: this is not used; did you mean POSTRIDER_HOSTNAME?"]);
}

#[test]
fn every_default_can_be_read_and_every_key_says_why() {
    Sources::default().load().unwrap();
    for key in KEYS {
        assert!(key.help().len() > 20 && key.help().ends_with('.'), "{}", key.name);
        assert!(
            key.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '_'),
            "{}",
            key.name
        );
    }
}

/// What is shipped, with every key uncommented, must be what the program does by itself.
#[test]
fn the_packaged_file_shows_every_key_with_its_default() {
    let packaged = include_str!("../../../../packaging/postrider.toml");
    let defaults = Sources::default().load().unwrap();
    assert_eq!(load("packaged", packaged).unwrap().values, defaults.values);
    let (keys, _) = packaged.split_once("# Mail for some domains").unwrap();
    let uncommented: String = keys
        .lines()
        .map(|line| {
            match line.strip_prefix("# ").and_then(|line| line.split_once(" = ").map(|(name, _)| (line, name))) {
                Some((line, name)) if !name.contains(' ') => format!("{line}\n"),
                _ => format!("{line}\n"),
            }
        })
        .collect();
    let config = load("uncommented", &uncommented).unwrap();
    assert_eq!(config.values, defaults.values);
    let missing: Vec<_> = config.settings.iter().filter(|s| s.place == Place::Default).map(|s| s.key.name).collect();
    assert_eq!(missing, Vec::<&str>::new(), "packaging/postrider.toml does not show these");
}

#[test]
fn the_documentation_names_every_key_and_its_default() {
    let page = include_str!("../../../../docs/configuration.md");
    for key in KEYS {
        let default = if key.default.is_empty() { "empty".to_owned() } else { format!("`{}`", key.default) };
        let line = page.lines().find(|line| line.starts_with(&format!("**`{}`**", key.name))).unwrap_or_default();
        assert!(line.contains(&format!("Default {default};")), "docs/configuration.md on {}: {line:?}", key.name);
    }
}
