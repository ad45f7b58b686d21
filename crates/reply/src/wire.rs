//! How reply code and enhanced status are written in JSON: as strings, `"421"` and `"4.7.28"`.

/// `Option<ReplyCode>` as a string or null.
pub(crate) mod code {
    use postrider_smtp::ReplyCode;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(code: &Option<ReplyCode>, to: S) -> Result<S::Ok, S::Error> {
        match code {
            Some(code) => to.collect_str(code),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ReplyCode>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        let code = text.parse().ok().and_then(ReplyCode::new);
        code.map(Some).ok_or_else(|| de::Error::custom(format_args!("not a reply code: {text:?}")))
    }
}

/// `Option<EnhancedStatus>` as a string or null.
pub(crate) mod enhanced {
    use postrider_smtp::EnhancedStatus;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(status: &Option<EnhancedStatus>, to: S) -> Result<S::Ok, S::Error> {
        match status {
            Some(status) => to.collect_str(status),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<EnhancedStatus>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        text.parse().map(Some).map_err(de::Error::custom)
    }
}
