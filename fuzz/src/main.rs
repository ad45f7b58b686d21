//! The deterministic runner: mutated seeds into each target, for a time or a number of inputs.
//!
//! Input number N of a target depends on the seed and on N alone, so that a crash can be met
//! again: it prints the input as a Rust literal, and keeps it in a file for `--run`.

use postrider_fuzz::mutate::{Random, mutated};
use postrider_fuzz::{TARGETS, Target};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

const USAGE: &str = "\
usage: postrider-fuzz [--seconds N] [--inputs N] [--seed N] [--target NAME] [--run FILE]
  --seconds N     how long, shared by all targets (20)
  --inputs N      just so many inputs for each target, however long it takes
  --seed N        another seed gives other inputs (1)
  --target NAME   only this one
  --run FILE      run one input, such as a crash left behind, through --target";

/// An input that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(20);

struct Options {
    seconds: u64,
    inputs: Option<u64>,
    seed: u64,
    target: Option<String>,
    run: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(fault) => {
            eprintln!("postrider-fuzz: {fault}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let wanted = |target: &&Target| options.target.as_ref().is_none_or(|name| name == target.name);
    let targets: Vec<&Target> = TARGETS.iter().filter(wanted).collect();
    if let Some(path) = &options.run {
        return run_one(&targets, path);
    }
    let share = Duration::from_secs(options.seconds) / u32::try_from(targets.len()).unwrap_or(1).max(1);
    let watched = Watched::default();
    let mut total = 0;
    for target in targets {
        match run_target(target, &options, share, &watched) {
            Ok(inputs) => total += inputs,
            Err(crash) => return crash.report(target, options.seed),
        }
    }
    println!("fuzz: {total} inputs, no crash, seed {}", options.seed);
    ExitCode::SUCCESS
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { seconds: 20, inputs: None, seed: 1, target: None, run: None };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name} needs a number, not {value}"));
        match name.as_str() {
            "--seconds" => options.seconds = number()?,
            "--inputs" => options.inputs = Some(number()?),
            "--seed" => options.seed = number()?,
            "--target" if TARGETS.iter().any(|target| target.name == value) => options.target = Some(value),
            "--target" => {
                let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
                return Err(format!("no target is called {value}: there are {}", names.join(", ")));
            }
            "--run" => options.run = Some(value.into()),
            _ => return Err(format!("no option is called {name}")),
        }
    }
    Ok(options)
}

fn run_one(targets: &[&Target], path: &PathBuf) -> ExitCode {
    let input = match std::fs::read(path) {
        Ok(input) => input,
        Err(error) => {
            eprintln!("postrider-fuzz: cannot read {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    for target in targets {
        (target.run)(&input);
        println!("{}: nothing is wrong with it", target.name);
    }
    ExitCode::SUCCESS
}

struct Crash {
    number: u64,
    input: Vec<u8>,
}

fn run_target(target: &Target, options: &Options, share: Duration, watched: &Watched) -> Result<u64, Crash> {
    let seeds = (target.seeds)();
    let begun = Instant::now();
    let mut number = 0;
    loop {
        let more = options.inputs.map_or_else(|| begun.elapsed() < share, |inputs| number < inputs);
        if !more {
            break;
        }
        // The seeds as they are first, then their mutations.
        let input = match usize::try_from(number).ok().and_then(|number| seeds.get(number)) {
            Some(seed) => seed.clone(),
            None => mutated(&seeds, &mut Random::new(Random::new(options.seed ^ number).number())),
        };
        watched.begin(target.name, &input);
        if std::panic::catch_unwind(|| (target.run)(&input)).is_err() {
            return Err(Crash { number, input });
        }
        number += 1;
    }
    watched.end();
    println!("{:<15} {number} inputs, {:.0}/s", target.name, number as f64 / begun.elapsed().as_secs_f64());
    Ok(number)
}

impl Crash {
    fn report(&self, target: &Target, seed: u64) -> ExitCode {
        println!("\n{}: input {} of seed {seed} breaks it:\n", target.name, self.number);
        println!("    {}\n", literal(&self.input));
        let path = std::env::temp_dir().join(format!("postrider-fuzz-{}-{seed}-{}", target.name, self.number));
        if std::fs::write(&path, &self.input).is_ok() {
            let path = path.display();
            println!("again: cargo run -p postrider-fuzz -- --target {} --run {path}", target.name);
        }
        ExitCode::FAILURE
    }
}

/// The input in Rust; its middle is left out when it is long, as the file has it.
fn literal(input: &[u8]) -> String {
    const SHOWN: usize = 1000;
    if input.len() <= 2 * SHOWN {
        return format!("b\"{}\"", input.escape_ascii());
    }
    let (start, end) = (&input[..SHOWN], &input[input.len() - SHOWN..]);
    format!("b\"{}\" … {} octets in all … b\"{}\"", start.escape_ascii(), input.len(), end.escape_ascii())
}

/// Since when which target has been at which input.
type UnderWay = Option<(Instant, &'static str, Vec<u8>)>;

/// The input under way, looked at by a thread that ends the run when it hangs.
#[derive(Default)]
struct Watched {
    now: Arc<Mutex<UnderWay>>,
    watcher: OnceLock<()>,
}

impl Watched {
    fn begin(&self, target: &'static str, input: &[u8]) {
        if let Ok(mut now) = self.now.lock() {
            *now = Some((Instant::now(), target, input.to_vec()));
        }
        self.watcher.get_or_init(|| {
            let now = Arc::clone(&self.now);
            std::thread::spawn(move || watch(&now));
        });
    }

    fn end(&self) {
        if let Ok(mut now) = self.now.lock() {
            *now = None;
        }
    }
}

fn watch(now: &Mutex<UnderWay>) {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let Ok(now) = now.lock() else { return };
        if let Some((_, target, input)) = now.as_ref().filter(|(since, ..)| since.elapsed() > PATIENCE) {
            println!("\n{target}: hangs on\n\n    {}", literal(input));
            std::process::exit(1);
        }
    }
}
