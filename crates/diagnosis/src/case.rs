//! Case files: a run with everything it heard, to be judged again elsewhere and later.

use crate::ctx::{Ctx, Settings};
use crate::net::{CASE_SCHEMA, Entry, Heading, Replay, ReplayError, World};
use crate::target::{NotATarget, Target};
use postrider_smtp::Timestamp;
use postrider_transport::tls::client::{ClientTls, TlsSetupError};
use std::sync::Arc;

/// Why a case file cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// It cannot be read.
    #[error("{0}")]
    Replay(#[from] ReplayError),
    /// What it looks at is no target.
    #[error("the case file's target makes no sense: {0}")]
    Target(#[from] NotATarget),
    /// It was recorded at no time there is.
    #[error("the case file's time makes no sense: {0} ms since 1970")]
    Time(i64),
    /// The settings in it are not ours.
    #[error("the case file's settings cannot be read: {0}")]
    Settings(serde_json::Error),
    /// The certificate authorities in it cannot be used.
    #[error("the certificate authorities in the case file cannot be used: {0}")]
    Authorities(#[from] TlsSetupError),
}

/// The end of the time that can be reckoned with, in milliseconds.
const YEAR_10000_MS: i64 = 253_402_300_800_000;

/// A case as text: a heading, and a line for everything that was heard.
pub fn write(ctx: &Ctx, target: &Target, ca: Option<String>, entries: &[Entry]) -> Result<String, serde_json::Error> {
    let heading = Heading {
        schema: CASE_SCHEMA.to_owned(),
        target: target.to_string(),
        at: ctx.now.0,
        settings: serde_json::to_value(&*ctx.settings)?,
        entries: Some(entries.len()),
        ca,
    };
    let mut text = serde_json::to_string(&heading)? + "\n";
    for entry in entries {
        text.push_str(&serde_json::to_string(entry)?);
        text.push('\n');
    }
    Ok(text)
}

/// A case file's target, and the surroundings in which it is judged again.
pub fn read(text: &str) -> Result<(Ctx, Target), CaseError> {
    let (heading, replay) = Replay::read(text)?;
    let target = Target::parse(&heading.target)?;
    if !(0..YEAR_10000_MS).contains(&heading.at) {
        return Err(CaseError::Time(heading.at));
    }
    let settings: Settings = serde_json::from_value(heading.settings).map_err(CaseError::Settings)?;
    let tls = match &heading.ca {
        Some(pem) => ClientTls::from_pem(pem)?,
        None => ClientTls::new(None)?,
    };
    let world: Arc<dyn World> = Arc::new(replay);
    Ok((Ctx::new(world, Arc::new(tls), Timestamp(heading.at), settings), target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_of_no_time_there_is_is_refused() {
        let settings = serde_json::to_string(&Settings::default()).unwrap();
        let case = |at: i64| {
            format!(
                "{{\"schema\":\"{CASE_SCHEMA}\",\"target\":\"a.test\",\"at\":{at},\"settings\":{settings},\"ca\":null}}\n"
            )
        };
        assert!(read(&case(1_795_000_000_000)).is_ok());
        for at in [i64::MIN, -1, YEAR_10000_MS, i64::MAX] {
            assert!(matches!(read(&case(at)), Err(CaseError::Time(_))), "{at}");
        }
    }
}
