//! `postrider probe`: a session with a mail host, line by line, and what it means.
//!
//! The session is `diagnosis::session`; here are the options, the way to the host, and the screen.

mod end;
mod interactive;
mod json;
mod place;
mod screen;

use crate::exit::{Exit, Failure};
use crate::verbs::doctor::{WorldArgs, print, runtime};
use crate::verbs::paint::Look;
use crate::verbs::secret;
use clap::ValueEnum;
use end::End;
use place::Place;
use postrider_diagnosis::ctx::Ctx;
use postrider_diagnosis::net::Live;
use postrider_diagnosis::session::{Plan, Session, SessionFacts, Tls, Watch};
use postrider_reply::Decoder;
use postrider_smtp::Address;
use postrider_smtp::client::Credentials;
use screen::Screen;
use std::io::IsTerminal as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The arguments of `probe`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  postrider probe mx1.example.com                   the greeting, what it offers, its certificate
  postrider probe example.com --to tom@example.com  the best MX of a domain: does it take mail for Tom?
  postrider probe mail.example.com:587 --auth tom   log in; the password is asked for
  postrider probe mail.example.com:465              TLS from the first octet, as the port says
  postrider probe mx1.example.com -i                type commands yourself; help lists what else there is

No message is sent. The password is never an argument: it comes from the terminal, from
--password-fd, or from a variable of the environment.
Exit codes: 0 accepted, 1 accepted with warnings, 2 refused or broken, 3 could not tell, 64 wrong usage.")]
pub(crate) struct Args {
    /// A host, with or without a port; a domain (its best MX is taken); or a mail address
    #[arg(value_name = "HOST[:PORT]")]
    target: String,
    /// The sender to name; <> or nothing for the empty one
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// A recipient to ask for; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// TLS [default: implicit on port 465, else starttls where it is offered]
    #[arg(long, value_enum)]
    tls: Option<TlsArg>,
    /// Log in as this user
    #[arg(long, value_name = "USER")]
    auth: Option<String>,
    /// Read the password from this open file descriptor
    #[arg(long, value_name = "N", requires = "auth")]
    password_fd: Option<u32>,
    /// Read the password from this variable of the environment
    #[arg(long, value_name = "NAME", requires = "auth")]
    password_env: Option<String>,
    /// Type the commands yourself
    #[arg(short, long, conflicts_with = "json")]
    interactive: bool,
    /// Print JSON, one object (postrider.probe/1)
    #[arg(long)]
    json: bool,
    /// ASCII only
    #[arg(long)]
    ascii: bool,
    /// What to call ourselves in EHLO [default: this machine's name]
    #[arg(long, value_name = "NAME")]
    ehlo: Option<String>,
    /// The certificate authorities, as PEM [default: the system's]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Ask this resolver instead of the system's
    #[arg(long, value_name = "IP[:PORT]")]
    resolver: Vec<String>,
    /// Connect from this address
    #[arg(long, value_name = "IP")]
    source: Option<IpAddr>,
    /// IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// IPv6 only
    #[arg(short = '6', long)]
    ipv6: bool,
    /// How many seconds it may take
    #[arg(long, value_name = "S", default_value_t = 30.0)]
    timeout: f64,
}

/// TLS, as an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TlsArg {
    /// None.
    Off,
    /// STARTTLS, where it is offered.
    Starttls,
    /// From the first octet on.
    Implicit,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let world = WorldArgs {
        resolver: args.resolver.clone(),
        ca: args.ca.clone(),
        source: args.source,
        ehlo: args.ehlo.clone(),
        ipv4: args.ipv4,
        ipv6: args.ipv6,
        timeout: args.timeout,
        dns_port: 53,
        ..WorldArgs::default()
    };
    let settings = world.settings()?;
    let ctx = world.ctx(Arc::new(Live::new(args.source)), settings)?;
    let wishes = Wishes::of(args)?;
    let runtime = runtime()?;
    let end = runtime.block_on(async {
        tokio::select! {
            end = probe(&ctx, args, &wishes) => end,
            _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Unsure, "interrupted")),
        }
    });
    runtime.shutdown_background();
    end
}

/// What is to be asked, checked before anything is connected to.
struct Wishes {
    from: String,
    to: Vec<Address>,
    credentials: Option<Credentials>,
}

impl Wishes {
    fn of(args: &Args) -> Result<Self, Failure> {
        let address = |text: &str| {
            let bare = text.trim().trim_start_matches('<').trim_end_matches('>');
            bare.parse::<Address>()
                .map_err(|fault| Failure::new(Exit::Usage, format!("not an address: {text}: {fault}")))
        };
        let from = match args.from.as_deref().map(str::trim) {
            None | Some("" | "<>") => String::new(),
            Some(text) => address(text)?.to_string(),
        };
        let mut to = args.to.iter().map(|text| address(text)).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() && args.target.contains('@') {
            to.push(address(&args.target)?);
        }
        let credentials = match &args.auth {
            None => None,
            Some(user) => Some(Credentials { user: user.clone(), password: password(args, user)?, in_clear: false }),
        };
        Ok(Self { from, to, credentials })
    }
}

fn password(args: &Args, user: &str) -> Result<String, Failure> {
    match (args.password_fd, &args.password_env) {
        (Some(number), _) => secret::of_descriptor(number),
        (None, Some(name)) => secret::of_variable(name),
        (None, None) if std::io::stdin().is_terminal() => {
            secret::ask(&format!("Password of {user}"), std::io::stdin().lock())
        }
        (None, None) => Err(Failure::new(
            Exit::Usage,
            "the password is needed: --password-fd N, --password-env NAME, or a terminal to ask on",
        )),
    }
}

async fn probe(ctx: &Ctx, args: &Args, wishes: &Wishes) -> Result<Exit, Failure> {
    let implicit = args.tls == Some(TlsArg::Implicit);
    let place = match place::find(ctx, &args.target, implicit, wishes.credentials.is_some()).await {
        Ok(place) => place,
        Err(nowhere) => {
            let end = End::nowhere(nowhere);
            let text = if args.json { json::text(&args.target, None, &end)? } else { format!("{}\n", end.why) };
            print(&text)?;
            return Ok(end.exit());
        }
    };
    let tls = match args.tls {
        Some(TlsArg::Off) => Tls::Off,
        Some(TlsArg::Starttls) => Tls::WhenOffered,
        Some(TlsArg::Implicit) => Tls::Implicit,
        None if place.port == 465 => Tls::Implicit,
        None => Tls::WhenOffered,
    };
    let reader = Arc::new(Reader::default());
    if args.interactive || !wishes.to.is_empty() || !wishes.from.is_empty() || wishes.credentials.is_some() {
        // A refusal may come, and to make the decoder then would show in the times.
        let reader = Arc::clone(&reader);
        std::thread::spawn(move || reader.decoder().entries().count());
    }
    let look = Look::of_stdout();
    let screen = Arc::new(Mutex::new(Screen::new(look, args.ascii, args.json, &place, reader)));
    let facts = converse(ctx, args, wishes, &place, tls, &screen).await;
    let login = wishes.credentials.as_ref().map(|credentials| credentials.user.as_str());
    let mut end = End::of(ctx, &facts, tls, wishes.to.len(), login);
    end.mind_mode(ctx, &place, &facts, tls).await;
    let text = if args.json {
        json::text(&args.target, Some(&facts), &end)?
    } else {
        screen.lock().unwrap_or_else(PoisonError::into_inner).summary(&facts, &end)
    };
    print(&text)?;
    Ok(end.exit())
}

/// The session: the first address that takes a connection is the one.
async fn converse(
    ctx: &Ctx,
    args: &Args,
    wishes: &Wishes,
    place: &Place,
    tls: Tls,
    screen: &Arc<Mutex<Screen>>,
) -> SessionFacts {
    let watch: Watch = {
        let screen = Arc::clone(screen);
        Arc::new(move |line| screen.lock().unwrap_or_else(PoisonError::into_inner).line(line))
    };
    let until = Instant::now() + place::patience(ctx, place.port, tls);
    let mut last = None;
    for ip in &place.ips {
        let to = SocketAddr::new(*ip, place.port);
        screen.lock().unwrap_or_else(PoisonError::into_inner).head(to);
        let plan = Plan {
            tls,
            purpose: "probe".into(),
            hello: ctx.settings.hello.clone(),
            credentials: wishes.credentials.clone(),
            connect: ctx.left().min(Duration::from_secs(10)),
            ..Plan::new(&place.host, to, until)
        };
        let mut session = Session::open(&*ctx.world, &ctx.tls, plan, Some(Arc::clone(&watch))).await;
        if session.facts().unreached.is_some() {
            last = Some(session.give());
            continue;
        }
        session.extend(Instant::now() + ctx.left());
        if args.interactive {
            interactive::talk(ctx, &mut session, screen).await;
        } else {
            ask(&mut session, wishes).await;
        }
        return session.quit().await;
    }
    last.unwrap_or_else(|| SessionFacts::new(&place.host, SocketAddr::new(IpAddr::from([0, 0, 0, 0]), place.port)))
}

async fn ask(session: &mut Session, wishes: &Wishes) {
    if wishes.to.is_empty() && wishes.from.is_empty() {
        return;
    }
    let Some(reply) = session.ask("mail", &format!("MAIL FROM:<{}>", wishes.from)).await else { return };
    if reply.code().is_positive() {
        for to in &wishes.to {
            session.ask("rcpt", &format!("RCPT TO:<{to}>")).await;
        }
    }
    session.ask("rset", "RSET").await;
}

/// What replies mean; made when the first refusal comes, as it takes a moment.
#[derive(Debug, Default)]
struct Reader(std::sync::OnceLock<Decoder>);

impl Reader {
    fn decoder(&self) -> &Decoder {
        self.0.get_or_init(Decoder::new)
    }
}
