//! DNS as it is served: by each name server, from the root down.

pub mod anchors;
pub mod hints;
pub mod names;
mod packet;
pub mod secure;
pub mod survey;

pub use domain::base::iana::Rtype;
pub use names::{Cut, Found, Mute, Names, Server, Sources};
pub use packet::{Data, NotAPacket, Packet, Rr};
pub use secure::{Security, secure_status};
pub use survey::{LostWay, NsFacts, Survey};
