//! BIMI: the record at `<selector>._bimi.<domain>` (draft-brand-indicators-for-message-identification)
//! and the picture it points to (draft-svg-tiny-ps-abrotman).
//!
//! Not here: fetching the picture, and the certificate of `a=` (a matter of X.509).

mod record;
mod svg;

pub use record::{Oddity, Preference, Record, is_like_record, is_record, read};
pub use svg::{Picture, PictureOddity, read_picture};
