//! Where logs come from: files and pipes, unpacked when they are packed, with what they have
//! come to so far.

use crate::exit::{Exit, Failure};
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How much is read at once.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;
/// How often people are told how far it is, and from which size on.
const TOLD_EVERY: Duration = Duration::from_millis(250);
const TOLD_FROM_BYTES: u64 = 50 << 20;

/// One log, unpacked.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) from: Box<dyn Read>,
}

/// Opens one; `-` is standard input. What is read of it is counted in `progress`.
pub(super) fn open(name: &str, progress: &Progress) -> Result<Source, Failure> {
    let cannot = |error: io::Error| Failure::new(Exit::NoInput, format!("cannot read {name}: {error}"));
    if name == "-" {
        let from = unpacked(progress.counted(io::stdin().lock())).map_err(cannot)?;
        return Ok(Source { name: "standard input".to_owned(), from });
    }
    let file = File::open(name).map_err(cannot)?;
    if file.metadata().is_ok_and(|facts| facts.is_dir()) {
        return Err(Failure::new(Exit::NoInput, format!("cannot read {name}: it is a folder; name the files in it")));
    }
    let from = unpacked(progress.counted(file)).map_err(cannot)?;
    Ok(Source { name: name.to_owned(), from })
}

/// Unpacks what begins as gzip (RFC 1952 §2.3.1) or Zstandard (RFC 8878 §3.1.1) does.
fn unpacked(mut from: BufReader<impl Read + 'static>) -> io::Result<Box<dyn Read>> {
    Ok(match from.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(from)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(Frames { frame: None, rest: Some(Box::new(from)) }),
        _ => Box::new(from),
    })
}

type Packed = Box<dyn BufRead>;

/// Zstandard's frames, one behind the other.
struct Frames {
    frame: Option<StreamingDecoder<Packed, ruzstd::decoding::FrameDecoder>>,
    rest: Option<Packed>,
}

impl Read for Frames {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(mut rest) = self.rest.take() {
                if rest.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                let frame = StreamingDecoder::new(rest)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
                self.frame = Some(frame);
            }
            let Some(frame) = &mut self.frame else { return Ok(0) };
            let octets = frame.read(to)?;
            if octets > 0 || to.is_empty() {
                return Ok(octets);
            }
            self.rest = self.frame.take().map(StreamingDecoder::into_inner);
        }
    }
}

/// How much has been read, and of how much.
#[derive(Debug)]
pub(super) struct Progress {
    done: Rc<Cell<u64>>,
    total: u64,
    begun: Instant,
    told: Option<Instant>,
    wanted: bool,
}

impl Progress {
    /// For these files; `wanted` when somebody looks at it.
    pub(super) fn new(files: &[String], wanted: bool) -> Self {
        let sizes = files.iter().filter_map(|name| std::fs::metadata(name).ok()).map(|facts| facts.len());
        Self { done: Rc::default(), total: sizes.sum(), begun: Instant::now(), told: None, wanted }
    }

    fn counted<R: Read>(&self, from: R) -> BufReader<Counted<R>> {
        BufReader::with_capacity(BLOCK_BYTES, Counted { from, done: Rc::clone(&self.done) })
    }

    /// Tells how far it is, now and then.
    pub(super) fn tell(&mut self) {
        let now = Instant::now();
        if !self.wanted || self.total < TOLD_FROM_BYTES || now - self.told.unwrap_or(self.begun) < TOLD_EVERY {
            return;
        }
        self.told = Some(now);
        let done = self.done.get();
        let share = (done * 100 / self.total.max(1)).min(100);
        let bar: String = (0..20).map(|at| if at * 5 < share { '█' } else { '·' }).collect();
        let per_s = done as f64 / 1e6 / (now - self.begun).as_secs_f64().max(0.001);
        let _ = write!(io::stderr(), "\r{bar} {share:3} %  {per_s:.0} MB/s ");
    }

    /// Leaves no trace of the bar.
    pub(super) fn end(&self) {
        if self.told.is_some() {
            let _ = write!(io::stderr(), "\r{:60}\r", "");
        }
    }
}

struct Counted<R> {
    from: R,
    done: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let octets = self.from.read(to)?;
        self.done.set(self.done.get() + octets as u64);
        Ok(octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_and_plain_give_the_same_octets() {
        let plain = b"Nov 24 09:00:00 mx1 x\n".repeat(1000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let gzip = gzip.finish().unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(plain.as_slice(), ruzstd::encoding::CompressionLevel::Fastest);
        let read = |octets: Vec<u8>| {
            let mut all = Vec::new();
            unpacked(BufReader::new(io::Cursor::new(octets)))
                .and_then(|mut from| from.read_to_end(&mut all))
                .map(|_| all)
        };
        for packed in [&plain, &gzip, &zstd] {
            assert!(read(packed.clone()).unwrap() == plain);
            // Files are rotated by putting one behind the other.
            assert!(read(packed.repeat(3)).unwrap() == plain.repeat(3));
        }
        assert!(read(gzip[..gzip.len() / 2].to_vec()).is_err() && read(zstd[..zstd.len() / 2].to_vec()).is_err());
        assert_eq!(read(Vec::new()).unwrap(), b"");
    }
}
