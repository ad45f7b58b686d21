//! The notifications of Amazon SES: JSON where others write sentences, as a mail or alone
//! (<https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html>).

use super::model::{Action, Complaint, Kind, Original, Report, Reported};
use super::status::{self, RECIPIENTS_MAX};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    #[serde(alias = "eventType")]
    notification_type: String,
    bounce: Option<Bounce>,
    complaint: Option<Complained>,
    #[serde(alias = "deliveryDelay")]
    delivery_delay: Option<Delay>,
    #[serde(default)]
    mail: Mail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounced_recipients: Vec<Recipient>,
    #[serde(rename = "reportingMTA")]
    reporting_mta: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delay {
    delayed_recipients: Vec<Recipient>,
    #[serde(rename = "reportingMTA")]
    reporting_mta: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complained {
    complained_recipients: Vec<Recipient>,
    user_agent: Option<String>,
    complaint_feedback_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: String,
    status: Option<String>,
    diagnostic_code: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Mail {
    message_id: Option<String>,
    timestamp: Option<String>,
    source: Option<String>,
    destination: Vec<String>,
    common_headers: CommonHeaders,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CommonHeaders {
    subject: Option<String>,
    message_id: Option<String>,
    date: Option<String>,
}

/// The report that a text is, if it is a notification. Others who write JSON are not meant.
pub(super) fn read(text: &str) -> Option<Report> {
    let text = text.trim_start();
    if !text.starts_with('{') || !(text.contains("\"notificationType\"") || text.contains("\"eventType\"")) {
        return None;
    }
    // SNS breaks lines of a mail that are too long, with a mark.
    let whole = text.replace("!\r\n ", "").replace("!\n ", "");
    let found = serde_json::Deserializer::from_str(&whole).into_iter::<Notification>().next()?.ok()?;
    let original = found.mail.original();
    let report = |kind, recipients: Vec<Reported>, host: Option<String>| Report {
        kind,
        recipients,
        original: original.clone(),
        reporting_mta: host.as_deref().and_then(status::host),
        format: "amazon",
        complaint: None,
    };
    if let Some(bounce) = found.bounce {
        return Some(report(
            Kind::Bounce,
            reported(bounce.bounced_recipients, Some(Action::Failed)),
            bounce.reporting_mta,
        ));
    }
    if let Some(delay) = found.delivery_delay {
        return Some(report(
            Kind::Delay,
            reported(delay.delayed_recipients, Some(Action::Delayed)),
            delay.reporting_mta,
        ));
    }
    if let Some(told) = found.complaint {
        let complaint = Complaint {
            feedback_type: told.complaint_feedback_type.unwrap_or_else(|| "abuse".to_owned()),
            user_agent: told.user_agent,
            ..Complaint::default()
        };
        let recipients = reported(told.complained_recipients, None);
        return Some(Report { complaint: Some(complaint), ..report(Kind::Complaint, recipients, None) });
    }
    let told = ["Delivery", "Send", "Open", "Click", "Reject", "Rendering Failure", "Subscription"];
    told.contains(&found.notification_type.as_str()).then(|| report(Kind::NotAReport, Vec::new(), None))
}

fn reported(recipients: Vec<Recipient>, action: Option<Action>) -> Vec<Reported> {
    let one = |recipient: Recipient| Reported {
        recipient: super::address::of_field(&recipient.email_address),
        action,
        status: recipient.status.and_then(|status| status.trim().parse().ok()),
        said: status::said(recipient.diagnostic_code.as_deref().unwrap_or_default()),
        ..Reported::default()
    };
    recipients.into_iter().map(one).filter(|one| !one.recipient.is_empty()).take(RECIPIENTS_MAX).collect()
}

impl Mail {
    /// SES gives every message its own Message-ID, unless the headers say another.
    fn original(self) -> Original {
        let id = self.common_headers.message_id.or(self.message_id);
        Original {
            message_id: id.and_then(|id| super::original::message_id(&id)),
            subject: self.common_headers.subject,
            from: self.source.map(|source| super::address::of_field(&source)),
            to: self.destination.into_iter().next(),
            date: self.common_headers.date.or(self.timestamp),
        }
    }
}
