//! `postrider serve`: its flags, each a shorthand for a key.

use crate::cli::ConfigArgs;
use crate::config::Sources;
use crate::exit::{Exit, Failure};
use crate::serve;

/// The arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  postrider serve --data ./data                      a relay on 127.0.0.1:2525, nothing else needed
  postrider serve --data ./data --smtp :2525 --set smtp.networks=192.168.0.0/16
  postrider serve --data ./data --route '*=smtp.example.net:25'      everything to a smart host
  postrider serve --config /etc/postrider/postrider.toml

SIGHUP reads the configuration again, without dropping a session; SIGTERM and Ctrl-C finish what is
under way within shutdown.grace; a second one stops at once.
Exit codes: 0 stopped as told, 1 stopped at once, 69 a port or the spool is in use,
71 a fault of the system, 73 a folder cannot be made, 78 the configuration has faults.")]
pub(crate) struct Args {
    /// Where the relay port listens, or off; may be repeated [default: 127.0.0.1:2525]
    #[arg(long, value_name = "ADDR")]
    smtp: Vec<String>,
    /// Where submission with STARTTLS listens, or off; may be repeated
    #[arg(long, value_name = "ADDR")]
    submission: Vec<String>,
    /// Where submission over TLS listens, or off; may be repeated
    #[arg(long, value_name = "ADDR")]
    submissions: Vec<String>,
    /// Where /metrics and /healthz are served, or off [default: 127.0.0.1:8025]
    #[arg(long, value_name = "ADDR")]
    http: Vec<String>,
    /// The name this relay gives itself
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Send mail for a pattern of domains to one host: '*=HOST:PORT', 'example.com=HOST'; may be repeated
    #[arg(long, value_name = "PATTERN=HOST:PORT")]
    route: Vec<String>,
    /// The name server to ask; may be repeated
    #[arg(long, value_name = "IP:PORT")]
    resolver: Vec<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    serve::run(&args.sources())
}

impl Args {
    fn sources(&self) -> Sources {
        let mut sources = self.config.sources();
        let lists = [
            ("smtp.listen", "--smtp", &self.smtp),
            ("submission.listen", "--submission", &self.submission),
            ("submissions.listen", "--submissions", &self.submissions),
            ("http.listen", "--http", &self.http),
            ("dns.resolver", "--resolver", &self.resolver),
        ];
        for (key, flag, values) in lists {
            if !values.is_empty() {
                sources.flags.push((key, flag, values.join(",")));
            }
        }
        if let Some(hostname) = &self.hostname {
            sources.flags.push(("hostname", "--hostname", hostname.clone()));
        }
        sources.routes.clone_from(&self.route);
        sources
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::{Cli, Verb};
    use clap::Parser;

    #[test]
    fn an_ad_hoc_relay_needs_flags_only() {
        let line = "postrider serve --data /d --smtp 127.0.0.1:2610 --http off \
                    --set delivery.private_addresses=true --route *=127.0.0.25:2600 --set queue.retry.first=60s";
        let Verb::Serve(args) = Cli::parse_from(line.split_whitespace()).verb else { panic!("not serve") };
        let config = args.sources().load().unwrap();
        let values = &config.values;
        assert_eq!(values.smtp_listen, ["127.0.0.1:2610".parse().unwrap()]);
        assert!(values.http_listen.is_empty() && values.private_addresses);
        assert_eq!((values.retry_first.as_secs(), values.data.to_str()), (60, Some("/d")));
        assert_eq!(config.tables.routes[0].port, 2600);
    }
}
