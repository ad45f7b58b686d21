//! The small words: addresses, hosts, destinations, status codes, message ids. What is written
//! is read back as the same value, as spool and events rely on it.

use postrider_smtp::{Address, Destination, Domain, EnhancedStatus, Host, MessageId};
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// Reads each line as each word.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for line in text.split('\n') {
        is_read_back::<Address>(line);
        is_read_back::<Domain>(line);
        is_read_back::<Host>(line);
        is_read_back::<Destination>(line);
        is_read_back::<EnhancedStatus>(line);
        is_read_back::<MessageId>(line);
        if let Some((status, rest)) = EnhancedStatus::split(line) {
            assert!(line.ends_with(rest) && line.contains(&status.subject().to_string()));
        }
        if let Ok(address) = Address::parse(line) {
            let shown = address.to_string();
            assert!(!shown.contains(['\r', '\n', '\0']), "{shown:?} would break a command line");
            assert!(!address.host().to_string().is_empty() && !address.local().is_empty());
        }
    }
}

fn is_read_back<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        match written.parse::<T>() {
            Ok(again) => assert_eq!(again, value, "{text:?} was written as {written:?}"),
            Err(error) => panic!("{text:?} was written as {written:?}, which is not read back: {error:?}"),
        }
    }
}
