//! Debian's Postfix: own configuration and queue, Debian's defaults otherwise.
//!
//! It needs root, as its master process does. By MX it runs in a mount namespace of its own in
//! which `/etc/resolv.conf` names the bench's name server, as it asks the system's resolver.

use super::peer::{Peer, Site};
use super::workload::Workload;
use super::{StatusOk as _, postfix};
use anyhow::Context as _;
use std::path::Path;
use std::process::Command;

/// The one from the package.
pub(crate) struct Postfix;

const MASTER: &str = "/usr/share/postfix/master.cf.dist";

impl Peer for Postfix {
    fn name(&self) -> &'static str {
        "postfix"
    }

    fn command(&self, site: &Site) -> anyhow::Result<Command> {
        let etc = site.folder.join("etc");
        for folder in ["etc", "queue", "data"] {
            std::fs::create_dir_all(site.folder.join(folder))?;
        }
        // Postfix wants its own user on the data folder, and every folder above it readable.
        Command::new("chown").arg("postfix").arg(site.folder.join("data")).status_ok()?;
        for file in ["postfix-files", "dynamicmaps.cf"] {
            std::fs::copy(Path::new("/etc/postfix").join(file), etc.join(file)).with_context(|| file.to_owned())?;
        }
        std::fs::write(etc.join("main.cf"), main_cf(site))?;
        let master = std::fs::read_to_string(MASTER).context(MASTER)?;
        std::fs::write(etc.join("master.cf"), postfix::master_cf(&master, site))?;
        if site.resolver.is_none() {
            let mut command = Command::new("postfix");
            command.arg("-c").arg(&etc).arg("start-fg");
            return Ok(command);
        }
        let resolver = site.resolver.map(|address| address.ip().to_string()).unwrap_or_default();
        std::fs::write(site.folder.join("resolv.conf"), format!("nameserver {resolver}\n"))?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c"]);
        command.arg("mount --bind \"$0/resolv.conf\" /etc/resolv.conf && exec postfix -c \"$0/etc\" start-fg");
        command.arg(&site.folder);
        Ok(command)
    }

    fn hindrance(&self, _: &Workload) -> Option<String> {
        if !Path::new(MASTER).is_file() {
            return Some("Debian's package postfix is not installed; e2e/install does it".to_owned());
        }
        // The effective user of this process, as the kernel shows it.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let root = status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"));
        (!root).then(|| "it has to be started by root".to_owned())
    }
}

fn main_cf(site: &Site) -> String {
    let folder = site.folder.display();
    let way = match site.resolver {
        None => format!("relayhost = [{}]:{}", site.sink.ip(), site.sink.port()),
        Some(_) => format!("smtp_tcp_port = {}", site.sink.port()),
    };
    format!(
        "compatibility_level = 3.6\n\
         queue_directory = {folder}/queue\n\
         data_directory = {folder}/data\n\
         maillog_file = {folder}/mail.log\n\
         maillog_file_prefixes = {folder}\n\
         command_directory = /usr/sbin\n\
         daemon_directory = /usr/lib/postfix/sbin\n\
         mail_owner = postfix\n\
         setgid_group = postdrop\n\
         myhostname = relay.test\n\
         mydestination =\n\
         mynetworks = 127.0.0.0/8\n\
         smtpd_relay_restrictions = permit_mynetworks, reject\n\
         inet_interfaces = {}\n\
         inet_protocols = ipv4\n\
         alias_maps =\n\
         message_size_limit = 0\n\
         {way}\n",
        site.listen.ip()
    )
}

/// The distributed table of services, listening where the bench says and without chroot, which
/// would need a copy of the system's files in every queue folder.
fn master_cf(distributed: &str, site: &Site) -> String {
    let mut table = String::new();
    for line in distributed.lines().filter(|line| !line.starts_with('#')) {
        let mut columns: Vec<&str> = line.split_whitespace().collect();
        let listen = site.listen.to_string();
        if line.starts_with(char::is_whitespace) || columns.len() < 8 {
            table.push_str(line);
        } else {
            if columns[0] == "smtp" && columns[1] == "inet" {
                columns[0] = &listen;
            }
            columns[4] = "n";
            table.push_str(&columns.join(" "));
        }
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_services_listens_where_it_is_told() {
        let site = Site {
            folder: "here".into(),
            listen: ([127, 0, 0, 1], 2525).into(),
            sink: ([127, 0, 0, 1], 2626).into(),
            resolver: None,
        };
        let distributed = "# comment\nsmtp      inet  n       -       y       -       -       smtpd\n\
                           smtp      unix  -       -       y       -       -       smtp\n  -o a=b\n";
        let table = "127.0.0.1:2525 inet n - n - - smtpd\nsmtp unix - - n - - smtp\n  -o a=b\n";
        assert_eq!(master_cf(distributed, &site), table);
        assert!(main_cf(&site).contains("relayhost = [127.0.0.1]:2626\n"));
    }
}
