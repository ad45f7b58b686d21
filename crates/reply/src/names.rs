//! The names of causes, dispositions, scopes and people, as knowledge files, events and API write them.

use crate::{Cause, Disposition, Scope, Who};

macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal: $meaning:literal,)+ }) => {
        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in events, API and documents.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it means, for a person.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }

            /// The one of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

names!(Cause {
    Delivered = "delivered": "the next host has taken the message",
    MailboxUnknown = "mailbox-unknown": "there is no such mailbox at that domain",
    MailboxFull = "mailbox-full": "the mailbox has no room left",
    MailboxDisabled = "mailbox-disabled": "the mailbox is suspended, switched off or expired",
    MailboxMoved = "mailbox-moved": "the mailbox has moved, and its mail is not forwarded",
    AddressSyntax = "address-syntax": "the recipient's address is badly formed or of a kind that is not allowed",
    RecipientRejected = "recipient-rejected": "the recipient, or a rule of theirs, does not take this mail",
    DomainNotFound = "domain-not-found": "the recipient's domain does not exist",
    NoMx = "no-mx": "the recipient's domain has no mail service",
    RoutingFailed = "routing-failed": "no way to the mailbox was found: DNS trouble, or a wrong next hop",
    Loop = "loop": "the message goes round in a circle",
    ConnectionRefused = "connection-refused": "the host or network could not be reached, or said no",
    ConnectionTimeout = "connection-timeout": "the host did not answer, or the connection broke in the middle",
    Expired = "expired": "the time for trying is used up",
    RelayingDenied = "relaying-denied": "the host is not responsible for that domain and does not relay for us",
    AuthRequired = "auth-required": "authentication is missing, wrong or not permitted",
    TlsRequired = "tls-required": "encryption is asked for and could not be had",
    SpfFailed = "spf-failed": "the sender's domain does not name the sending address (SPF)",
    DkimFailed = "dkim-failed": "the DKIM signature is missing or does not hold",
    DmarcFailed = "dmarc-failed": "the DMARC policy of the domain in From says no",
    Unauthenticated = "unauthenticated": "neither SPF nor DKIM speaks for the message",
    IpBlocklisted = "ip-blocklisted": "the sending address is on a block list",
    DomainBlocklisted = "domain-blocklisted": "the sender's domain, or a link in the message, is on a block list",
    LowReputation = "low-reputation": "the sending address or domain has a poor name with the host",
    MissingPtr = "missing-ptr": "the sending address has no proper reverse DNS, or its HELO name is wrong",
    SenderRejected = "sender-rejected": "the sender's address or domain is refused",
    RateLimited = "rate-limited": "too much mail in too short a time",
    TooManyRecipients = "too-many-recipients": "more recipients in one transaction than the host takes",
    Greylisted = "greylisted": "the host makes strangers wait; the next try will do",
    SpamContent = "spam-content": "the message is taken for spam",
    ContentRejected = "content-rejected": "an attachment or other content is forbidden",
    MessageTooLarge = "message-too-large": "the message is larger than is taken",
    MessageMalformed = "message-malformed": "the message breaks the rules of its format",
    Policy = "policy": "refused by a rule of the receiving side, without a finer reason",
    ServerBusy = "server-busy": "the host takes no mail at the moment",
    ServerError = "server-error": "the host has trouble of its own",
    ProtocolError = "protocol-error": "the two hosts did not understand each other",
    FeatureUnsupported = "feature-unsupported": "the host cannot do what the message needs",
    Complaint = "complaint": "the recipient reported the message as spam",
    AutoReply = "auto-reply": "an automatic answer, no report about delivery",
    Unknown = "unknown": "the reason is not known",
});

names!(Disposition {
    Delivered = "delivered": "it is done",
    Retry = "retry": "trying again may help",
    Fail = "fail": "trying the same again will not help",
});

names!(Scope {
    Recipient = "recipient": "this recipient only",
    Message = "message": "this message, whoever receives it",
    Sender = "sender": "everything from this sender",
    Source = "source": "everything from our address to that site",
    Destination = "destination": "everything to that destination",
    Connection = "connection": "this one connection",
});

names!(Who {
    Sender = "sender": "who wrote the mail, or owns the list",
    SenderAdmin = "sender-admin": "who runs the sending system or its DNS",
    Recipient = "recipient": "who was to receive it",
    RecipientAdmin = "recipient-admin": "who runs the receiving system or its DNS",
    Network = "network": "who runs the network in between",
    Nobody = "nobody": "no one: waiting is enough, or nothing is wrong",
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Serde's names and these must be one: events are read back by either.
    #[test]
    fn names_are_those_of_the_json_and_lead_back() {
        fn check<T: serde::Serialize + Copy + PartialEq + std::fmt::Debug>(
            all: &[T],
            name: impl Fn(T) -> &'static str,
            back: impl Fn(&str) -> Option<T>,
        ) {
            for one in all {
                assert_eq!(serde_json::to_string(one).unwrap(), format!("{:?}", name(*one)));
                assert_eq!(back(name(*one)), Some(*one));
            }
            assert_eq!(back("nonsense"), None);
        }
        check(Cause::ALL, Cause::name, Cause::from_name);
        check(Disposition::ALL, Disposition::name, Disposition::from_name);
        check(Scope::ALL, Scope::name, Scope::from_name);
        check(Who::ALL, Who::name, Who::from_name);
        assert_eq!(Cause::ALL.len(), 41);
    }
}
