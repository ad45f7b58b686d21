//! Which command may come when: one table.

use crate::command::Verb;
use crate::{Reply, ReplyCode};

/// Where a session stands when a command comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The greeting was a refusal (RFC 5321 §3.1): only QUIT is heard.
    Unwelcome,
    /// Greeted; the client has not said who it is.
    Fresh,
    /// Between transactions.
    Ready,
    /// MAIL was taken, no recipient yet.
    Sender,
    /// At least one recipient was taken.
    Recipients,
    /// At least one chunk was taken, the last one was not.
    Chunks,
}

impl Stage {
    /// All stages.
    pub const ALL: [Self; 6] =
        [Self::Unwelcome, Self::Fresh, Self::Ready, Self::Sender, Self::Recipients, Self::Chunks];
}

/// Whether the command may come at this stage, or what is said to it.
pub fn allowed(stage: Stage, verb: Verb) -> Result<(), Reply> {
    use Stage::{Chunks, Fresh, Ready, Recipients, Sender, Unwelcome};
    use Verb::{Auth, Bdat, Data, Ehlo, Expn, Helo, Help, Mail, Noop, Quit, Rcpt, Rset, StartTls, Vrfy};

    let refusal = match (stage, verb) {
        (_, Quit) => return Ok(()),
        (Unwelcome, _) => "this host has refused the session: QUIT",
        // RFC 5321 §4.1.4: these may come at any time, and EHLO as often as the client likes.
        (_, Ehlo | Helo | Rset | Noop | Help | Vrfy | Expn) => return Ok(()),

        (Ready, Mail | Auth) | (Sender | Recipients, Rcpt) | (Recipients, Data) => return Ok(()),
        // RFC 3207 §4: nothing is lost by taking it before EHLO.
        (Fresh | Ready, StartTls) | (Recipients | Chunks, Bdat) => return Ok(()),

        (Fresh, _) => "say EHLO or HELO first",
        (Ready, Rcpt | Data | Bdat) => "say MAIL FROM first",
        (Chunks, Rcpt | Data | Mail) => "a message is being sent by BDAT: go on with it, or RSET",
        (Sender | Recipients, Mail) => "a transaction is open: go on with it, or RSET",
        // RFC 3207 §4.2, RFC 4954 §4: what is learned would hold for half a transaction.
        (Sender | Recipients | Chunks, StartTls | Auth) => "not within a mail transaction",
        // RFC 5321 §3.3, RFC 2920 §3.1: a pipelined DATA behind refused recipients.
        (Sender, Data | Bdat) => return Err(Reply::new(ReplyCode::FAILED_554, "5.5.1 no valid recipients")),
    };
    Err(Reply::new(ReplyCode::BAD_SEQUENCE_503, format!("5.5.1 {refusal}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row a verb, one column a stage in the order of `Stage::ALL`: `+` may come.
    const TABLE: [(Verb, &str); 14] = [
        (Verb::Ehlo, "-+++++"),
        (Verb::Helo, "-+++++"),
        (Verb::Mail, "--+---"),
        (Verb::Rcpt, "---++-"),
        (Verb::Data, "----+-"),
        (Verb::Bdat, "----++"),
        (Verb::Rset, "-+++++"),
        (Verb::Noop, "-+++++"),
        (Verb::Quit, "++++++"),
        (Verb::Vrfy, "-+++++"),
        (Verb::Expn, "-+++++"),
        (Verb::Help, "-+++++"),
        (Verb::StartTls, "-++---"),
        (Verb::Auth, "--+---"),
    ];

    #[test]
    fn every_verb_at_every_stage() {
        assert_eq!(TABLE.map(|(verb, _)| verb), Verb::ALL);
        for (verb, row) in TABLE {
            let got: String =
                Stage::ALL.iter().map(|stage| if allowed(*stage, verb).is_ok() { '+' } else { '-' }).collect();
            assert_eq!(got, row, "{verb}");
        }
    }

    #[test]
    fn refusals_are_permanent_and_carry_a_status() {
        for stage in Stage::ALL {
            for verb in Verb::ALL {
                if let Err(reply) = allowed(stage, verb) {
                    assert!(reply.code().is_permanent() && reply.enhanced().is_some(), "{stage:?} {verb}: {reply}");
                }
            }
        }
    }
}
