//! The operating system's errors, as trouble.

use postrider_smtp::{Phase, Trouble, TroubleKind};
use std::io;

/// Linux: too many open files, in the process and in all.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;
/// Linux: no memory, no buffers.
const ENOMEM: i32 = 12;
const ENOBUFS: i32 = 105;

/// What an error means; `otherwise` where the error alone does not say.
pub(crate) fn kind_of(error: &io::Error, otherwise: TroubleKind) -> TroubleKind {
    if matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOMEM | ENOBUFS)) {
        return TroubleKind::LocalFault;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => TroubleKind::ConnectionRefused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            TroubleKind::Unreachable
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::NotConnected => TroubleKind::ConnectionLost,
        // The source address is not this machine's, or a rule of its own firewall forbids it.
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => {
            TroubleKind::LocalFault
        }
        _ => otherwise,
    }
}

/// An error at connecting.
pub(crate) fn at_connect(error: &io::Error) -> Trouble {
    // The kernel gave up before we did.
    let kind = match error.kind() {
        io::ErrorKind::TimedOut => TroubleKind::ConnectTimeout,
        _ => kind_of(error, TroubleKind::Unreachable),
    };
    Trouble { phase: Phase::Connect, kind, errno: error.raw_os_error(), detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_connecting_and_what_they_are() {
        let table = [
            (111, TroubleKind::ConnectionRefused),
            (113, TroubleKind::Unreachable),
            (101, TroubleKind::Unreachable),
            (110, TroubleKind::ConnectTimeout),
            (104, TroubleKind::ConnectionLost),
            (99, TroubleKind::LocalFault),
            (24, TroubleKind::LocalFault),
            (13, TroubleKind::LocalFault),
        ];
        for (errno, want) in table {
            let trouble = at_connect(&io::Error::from_raw_os_error(errno));
            assert_eq!((trouble.kind, trouble.errno), (want, Some(errno)), "{errno}");
        }
    }
}
