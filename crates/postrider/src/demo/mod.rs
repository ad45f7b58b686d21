//! `postrider demo`: the main job in front of a newcomer's eyes, without any network.
//!
//! A world on loopback (`postrider_world`), a real relay with a real spool, and an application
//! that hands it a thousand mails over real SMTP. The screen and the table at the end are pure
//! functions of what the relay's events said; at the end the neighbours' own books are held
//! against the relay's word.

mod closing;
mod mailer;
mod plan;
mod relay;
mod scene;
mod screen;
mod terminal;

use crate::exit::{Exit, Failure};
use crate::verbs::now;
use closing::{Books, Closing};
use plan::{LETTERS_MAX, LETTERS_MIN};
use postrider_events::{Event, Sink, Ticket};
use postrider_world::{HOME, World};
use relay::DemoRelay;
use scene::{Scene, View};
use screen::{progress, screen};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use terminal::Terminal;

/// The arguments of `demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A small internet comes up on loopback: a name server and some twenty mail hosts that greylist, limit
rates, are full, down, block us, ask for TLS, drop connections. A relay sends them a thousand mails.
Nothing leaves this machine. Retry times are seconds instead of minutes and hours.

Examples:
  postrider demo                          watch it, half a minute
  postrider demo --mails 5000 --keep ./d  more mail, kept in a folder of your choice
  postrider demo --json | jq .deferred_by_cause

Exit codes: 0 done, 1 a mail was lost or could not be handed in, 71 no loopback network,
73 the folder cannot be used.")]
pub(crate) struct Args {
    /// How many mails
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = letters_allowed)]
    mails: usize,
    /// End after so many seconds, even if mail is still moving
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,
    /// Keep spool and events here, in a new or empty folder [default: a new one among temporary files]
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print the result as JSON, and nothing else
    #[arg(long)]
    json: bool,
    /// Where chance begins: the same mails, and the same moods of the neighbours
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

/// How often the screen is drawn, and how often a line of progress is written where there is no terminal.
const FRAME: Duration = Duration::from_millis(100);
const PROGRESS_EVERY: Duration = Duration::from_secs(2);
/// How long everything has to stay at rest before the demo ends: the last bounces come back meanwhile.
const REST: Duration = Duration::from_secs(1);

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::System, format!("no runtime: {error}")))?;
    let ended = runtime.block_on(demo(args));
    // Neighbours that never say a word must not hold the process.
    runtime.shutdown_background();
    let closing = ended?;
    if args.json {
        let text = closing.json().map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        terminal::write_out(&format!("{text}\n"));
    } else {
        let (width, _) = terminal::size();
        let colour = terminal::stdout_colour();
        let lines =
            closing.lines(width.saturating_sub(1)).into_iter().map(|line| line.painted(usize::MAX, colour) + "\n");
        terminal::write_out(&lines.collect::<String>());
    }
    Ok(if closing.books.missing == 0 { Exit::Ok } else { Exit::Failed })
}

async fn demo(args: &Args) -> Result<Closing, Failure> {
    let data = folder(args.keep.as_deref())?;
    let world = World::start(neighbours(args)).await.map_err(|error| Failure::new(Exit::System, error.to_string()))?;
    let stage = Arc::new(Stage::default());
    let relay = DemoRelay::start(&data, &world, args.seed, stage.clone()).await?;
    let letters = plan::letters(args.mails, args.seed).into();
    let mut mailer = tokio::spawn(mailer::hand_in(letters, relay.address));
    let mut show = Show { stage: &stage, args, began: Instant::now(), screen: None, told: Duration::ZERO };
    if !args.json {
        show.screen = Terminal::on_stdout();
    }
    let handed_in = tokio::select! {
        ended = show.until_rest() => Ok(ended),
        trouble = trouble_of(&mut mailer) => Err(trouble),
    };
    mailer.abort();
    let cut_short = handed_in.inspect_err(|_| show.screen = None)?;
    let elapsed = show.began.elapsed();
    drop(show);
    relay.stop().await;
    let scene = stage.scene();
    let view = scene.view(args.mails, elapsed, now());
    let bounces = world.tally().get(HOME).map_or(0, |home| home.messages);
    let books = Books::of(&world.copies(), &scene.delivered(), bounces);
    Ok(Closing { view, books, data, cut_short, example: scene.example() })
}

/// Comes back only when not all mails could be handed in.
async fn trouble_of(mailer: &mut tokio::task::JoinHandle<Result<(), String>>) -> Failure {
    match mailer.await {
        Ok(Ok(())) => std::future::pending().await,
        Ok(Err(error)) => Failure::new(Exit::Failed, format!("the mails could not be handed in: {error}")),
        Err(error) => Failure::new(Exit::Failed, format!("handing in ended: {error}")),
    }
}

/// The moods of the neighbours, as short as the relay's patience is.
fn neighbours(args: &Args) -> postrider_world::Settings {
    postrider_world::Settings {
        seed: args.seed,
        greylist_for: Duration::from_secs(4),
        rate_window: Duration::from_secs(1),
        // So that its share of the mail takes some six windows, however much that is.
        rate_messages_max: u32::try_from(args.mails / 100).unwrap_or(u32::MAX).max(5),
        trouble_for: Duration::from_secs(5),
        slow_pause: Duration::from_millis(100),
        messages_kept_max: 0,
        ..Default::default()
    }
}

/// The folder for the data: a relay's earlier mail in it would be taken for the demo's.
fn folder(wish: Option<&Path>) -> Result<PathBuf, Failure> {
    let path = match wish {
        Some(path) => path.to_owned(),
        None => std::env::temp_dir().join(format!("postrider-demo-{}", std::process::id())),
    };
    match std::fs::read_dir(&path).map(|mut entries| entries.next().is_some()) {
        Ok(true) => {
            let message = format!("{} is not empty; name a new folder with --keep", path.display());
            Err(Failure::new(Exit::CannotCreate, message))
        }
        // Whatever else is wrong with it is told when it is made.
        _ => Ok(path),
    }
}

fn letters_allowed(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (LETTERS_MIN..=LETTERS_MAX).contains(&count) => Ok(count),
        _ => Err(format!("a number from {LETTERS_MIN} to {LETTERS_MAX}")),
    }
}

/// The scene, where the relay's events reach it.
#[derive(Debug, Default)]
struct Stage(Mutex<Scene>);

impl Stage {
    /// A panic while the lock was held cannot leave more than one event unseen.
    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Stage {
    fn emit(&self, event: &Event) -> Ticket {
        self.scene().heard(event);
        Ticket::default()
    }

    // It never keeps anybody waiting: what counts is the files beside it.
    fn written(&self) -> Ticket {
        Ticket(u64::MAX)
    }
}

/// What the user sees while mail is moving.
struct Show<'a> {
    stage: &'a Stage,
    args: &'a Args,
    began: Instant,
    /// `None` where there is no terminal to draw on.
    screen: Option<Terminal>,
    /// When the last line of progress was written.
    told: Duration,
}

impl Show<'_> {
    /// Shows until nothing moves any more; gives why it ended earlier, if it did.
    async fn until_rest(&mut self) -> Option<&'static str> {
        let mut frames = tokio::time::interval(FRAME);
        let mut resting = None;
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        loop {
            tokio::select! {
                _ = frames.tick() => {}
                _ = &mut interrupted => return Some("interrupted"),
            }
            let elapsed = self.began.elapsed();
            let view = self.stage.scene().view(self.args.mails, elapsed, now());
            self.show(&view);
            resting = if view.at_rest { resting.or(Some(elapsed)) } else { None };
            if resting.is_some_and(|since| elapsed - since >= REST) {
                return None;
            }
            if elapsed >= Duration::from_secs(self.args.seconds) {
                return Some("time is up");
            }
        }
    }

    fn show(&mut self, view: &View) {
        if let Some(terminal) = &mut self.screen {
            let (width, height) = terminal::size();
            terminal.draw(&screen(view, width, height), width);
        } else if !self.args.json && view.elapsed >= self.told + PROGRESS_EVERY {
            self.told = view.elapsed;
            terminal::write_out(&format!("{}\n", progress(view)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_something_in_it_is_not_taken() {
        let failure = folder(Some(Path::new("/"))).unwrap_err();
        assert_eq!(failure.to_string(), "/ is not empty; name a new folder with --keep");
        assert!(folder(Some(Path::new("/no/such/folder"))).is_ok());
    }

    #[test]
    fn how_many_mails_may_be_asked_for() {
        assert_eq!(letters_allowed("1000"), Ok(1000));
        for text in ["0", "49", "100001", "many"] {
            assert_eq!(letters_allowed(text), Err("a number from 50 to 100000".into()), "{text}");
        }
    }
}
