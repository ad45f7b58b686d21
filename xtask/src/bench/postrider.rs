//! Our own release binary, by its flags, with defaults otherwise.

use super::peer::{Peer, Site};
use super::workload::Workload;
use std::path::PathBuf;
use std::process::Command;

/// The binary at a path.
pub(crate) struct Postrider {
    /// Where it was built.
    pub(crate) binary: PathBuf,
    /// Further settings, as `KEY=VALUE`.
    pub(crate) settings: Vec<String>,
}

impl Peer for Postrider {
    fn name(&self) -> &'static str {
        "postrider"
    }

    fn command(&self, site: &Site) -> anyhow::Result<Command> {
        let mut command = Command::new(&self.binary);
        command.arg("serve").arg("--data").arg(site.folder.join("data"));
        command.args(["--smtp", &site.listen.to_string(), "--http", "off"]);
        command.args(["--set", "delivery.private_addresses=true"]);
        for setting in &self.settings {
            command.args(["--set", setting]);
        }
        match site.resolver {
            None => command.args(["--route", &format!("*={}", site.sink)]),
            Some(resolver) => {
                command.args(["--resolver", &resolver.to_string()]);
                command.args(["--set", &format!("delivery.port={}", site.sink.port())])
            }
        };
        Ok(command)
    }

    fn hindrance(&self, _: &Workload) -> Option<String> {
        (!self.binary.is_file()).then(|| format!("there is no {}", self.binary.display()))
    }
}
