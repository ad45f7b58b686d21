//! Reading an HTTP/1.1 response (RFC 9112), as it comes.

/// A response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The first line.
    pub line: String,
    /// The status.
    pub status: u16,
    /// The fields, names in lower case.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the body went on beyond what was wanted of it.
    pub cut: bool,
}

impl Answer {
    /// Reads a response that is all there, as after the peer has closed.
    pub fn read(octets: &[u8], bytes_max: usize) -> Result<Self, NotHttp> {
        let mut reader = Reader::new(bytes_max);
        match reader.feed(octets)? {
            Some(answer) => Ok(answer),
            None => reader.end(),
        }
    }

    /// The first field of that name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The media type, without parameters, in lower case.
    pub fn media_type(&self) -> Option<String> {
        let value = self.field("content-type")?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }
}

/// What is wrong with a response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotHttp {
    /// It does not begin like one; how it begins.
    #[error("what it sends is not HTTP: {0:?}")]
    Start(String),
    /// The fields do not end.
    #[error("the head of its answer does not end")]
    Head,
    /// The body is not put together as it says.
    #[error("the body of its answer is broken: {0}")]
    Body(&'static str),
    /// It ended too early.
    #[error("it closed the connection in the middle of its answer")]
    Cut,
    /// It ended before anything.
    #[error("it closed the connection without an answer")]
    Nothing,
}

const HEAD_MAX: usize = 32 * 1024;
const FIELDS_MAX: usize = 200;
const LINE_MAX: usize = 4096;

/// How the end of the body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// After so many octets.
    Length(usize),
    /// By a chunk of nothing.
    Chunked,
    /// When the peer closes.
    Close,
}

/// Takes octets until the response is whole.
#[derive(Debug)]
pub(super) struct Reader {
    bytes_max: usize,
    buffer: Vec<u8>,
    head: Option<(Answer, End)>,
    /// What is left of the chunk being read.
    chunk: Option<usize>,
}

impl Reader {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, buffer: Vec::new(), head: None, chunk: None }
    }

    /// Takes what came; the response once it is whole.
    pub(super) fn feed(&mut self, octets: &[u8]) -> Result<Option<Answer>, NotHttp> {
        self.buffer.extend_from_slice(octets);
        while self.head.is_none() {
            let Some(length) = head_length(&self.buffer) else {
                return if self.buffer.len() > HEAD_MAX { Err(NotHttp::Head) } else { self.plausible().map(|()| None) };
            };
            let head: Vec<u8> = self.buffer.drain(..length).collect();
            let answer = head_of(&head)?;
            // RFC 9110 §15.2: interim responses come before the one that counts.
            if (100..200).contains(&answer.status) {
                continue;
            }
            let end = end_of(&answer)?;
            self.head = Some((answer, end));
        }
        self.body()
    }

    /// The peer closed.
    pub(super) fn end(&mut self) -> Result<Answer, NotHttp> {
        match self.head.take() {
            Some((answer, End::Close)) => Ok(answer),
            Some(_) => Err(NotHttp::Cut),
            None if self.buffer.is_empty() => Err(NotHttp::Nothing),
            None => Err(self.plausible().err().unwrap_or(NotHttp::Cut)),
        }
    }

    /// Whether what is there so far can become a response.
    fn plausible(&self) -> Result<(), NotHttp> {
        let wanted = b"HTTP/1.";
        let start = self.buffer.len().min(wanted.len());
        if self.buffer[..start] == wanted[..start] { Ok(()) } else { Err(NotHttp::Start(shown(&self.buffer))) }
    }

    fn body(&mut self) -> Result<Option<Answer>, NotHttp> {
        let Some((answer, end)) = &mut self.head else { return Ok(None) };
        let whole = match *end {
            End::Length(length) => {
                let wanted = length.saturating_sub(answer.body.len()).min(self.buffer.len());
                answer.body.extend(self.buffer.drain(..wanted));
                answer.body.len() >= length
            }
            End::Close => {
                answer.body.append(&mut self.buffer);
                false
            }
            End::Chunked => chunks(&mut self.buffer, &mut self.chunk, &mut answer.body)?,
        };
        if answer.body.len() > self.bytes_max {
            answer.body.truncate(self.bytes_max);
            answer.cut = true;
        }
        Ok(if whole || answer.cut { self.head.take().map(|(answer, _)| answer) } else { None })
    }
}

/// Takes chunks (RFC 9112 §7.1) off the buffer; true after the last.
fn chunks(buffer: &mut Vec<u8>, left: &mut Option<usize>, body: &mut Vec<u8>) -> Result<bool, NotHttp> {
    loop {
        match left {
            Some(0) => {
                // The line end behind a chunk.
                let Some(end) = buffer.iter().position(|byte| *byte == b'\n') else {
                    return if buffer.len() > 2 {
                        Err(NotHttp::Body("a chunk is longer than it says"))
                    } else {
                        Ok(false)
                    };
                };
                if end > 1 {
                    return Err(NotHttp::Body("a chunk is longer than it says"));
                }
                buffer.drain(..=end);
                *left = None;
            }
            Some(more) => {
                let now = (*more).min(buffer.len());
                body.extend(buffer.drain(..now));
                *more -= now;
                if *more > 0 {
                    return Ok(false);
                }
            }
            None => {
                let Some(end) = buffer.iter().position(|byte| *byte == b'\n') else {
                    return if buffer.len() > LINE_MAX { Err(NotHttp::Body("a chunk has no size")) } else { Ok(false) };
                };
                let line: Vec<u8> = buffer.drain(..=end).collect();
                let text = String::from_utf8_lossy(&line);
                let digits = text.split(';').next().unwrap_or_default().trim();
                match usize::from_str_radix(digits, 16) {
                    // Trailer fields, if any, are of no use here.
                    Ok(0) => return Ok(true),
                    Ok(size) => *left = Some(size),
                    Err(_) => return Err(NotHttp::Body("a chunk's size is no number")),
                }
            }
        }
    }
}

/// The length of the head with the empty line at its end.
fn head_length(buffer: &[u8]) -> Option<usize> {
    let window = &buffer[..buffer.len().min(HEAD_MAX)];
    let mut line_start = 0;
    for (index, byte) in window.iter().enumerate() {
        if *byte == b'\n' {
            if matches!(&window[line_start..index], [] | [b'\r']) && line_start > 0 {
                return Some(index + 1);
            }
            line_start = index + 1;
        }
    }
    None
}

fn head_of(head: &[u8]) -> Result<Answer, NotHttp> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.lines();
    let line = lines.next().unwrap_or_default().trim_end();
    let mut words = line.splitn(3, ' ');
    let version = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    let status = words.next().and_then(|digits| digits.parse().ok()).filter(|status| (100..600).contains(status));
    let Some(status) = status.filter(|_| version) else { return Err(NotHttp::Start(shown(head))) };
    let mut answer = Answer {
        line: line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect(),
        status,
        ..Answer::default()
    };
    for line in lines.take(FIELDS_MAX) {
        // RFC 9112 §5.2: a line that begins with space goes on with the one before.
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = answer.fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
            continue;
        }
        if let Some((name, value)) = line.split_once(':') {
            answer.fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    Ok(answer)
}

/// RFC 9112 §6.3.
fn end_of(answer: &Answer) -> Result<End, NotHttp> {
    if matches!(answer.status, 204 | 304) {
        return Ok(End::Length(0));
    }
    if answer.field("transfer-encoding").is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked")) {
        return Ok(End::Chunked);
    }
    match answer.field("content-length") {
        None => Ok(End::Close),
        Some(digits) => match digits.parse() {
            Ok(length) => Ok(End::Length(length)),
            Err(_) => Err(NotHttp::Body("its length is no number")),
        },
    }
}

fn shown(octets: &[u8]) -> String {
    let start = &octets[..octets.len().min(80)];
    let text = String::from_utf8_lossy(start);
    let line = text.lines().next().unwrap_or_default();
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer to these octets, whole and octet by octet; then the peer closes.
    fn read(text: &str) -> Result<Answer, NotHttp> {
        let go = |pieces: Vec<&[u8]>| {
            let mut reader = Reader::new(20);
            for piece in pieces {
                if let Some(answer) = reader.feed(piece)? {
                    return Ok(answer);
                }
            }
            reader.end()
        };
        let whole = go(vec![text.as_bytes()]);
        assert_eq!(whole, go(text.as_bytes().chunks(1).collect()), "{text:?} depends on how it is cut");
        whole
    }

    #[test]
    fn bodies_of_every_kind() {
        for (text, status, body, cut) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, not this", 200, "hello", false),
            ("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end", false),
            ("HTTP/1.0 200\nX: y\n\nbare", 200, "bare", false),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
                200,
                "abcde",
                false,
            ),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", false),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, "", false),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n123456789012345678901234567890",
                200,
                "12345678901234567890",
                true,
            ),
        ] {
            let answer = read(text).unwrap();
            let told = (answer.status, String::from_utf8(answer.body).unwrap(), answer.cut);
            assert_eq!(told, (status, body.to_owned(), cut), "{text:?}");
        }
    }

    #[test]
    fn fields_are_found_in_any_case() {
        let answer = read(
            "HTTP/1.1 301 Moved\r\nLOCATION: /x\r\nContent-Type: Text/Plain; charset=utf-8\r\nA: b\r\n  c\r\n\r\n",
        )
        .unwrap();
        assert_eq!(answer.field("location"), Some("/x"));
        assert_eq!(answer.media_type().as_deref(), Some("text/plain"));
        assert_eq!(answer.field("a"), Some("b c"));
        assert_eq!(answer.line, "HTTP/1.1 301 Moved");
    }

    #[test]
    fn what_is_no_answer() {
        for (text, wanted) in [
            ("", NotHttp::Nothing),
            ("220 mx1.test ESMTP\r\n", NotHttp::Start("220 mx1.test ESMTP".into())),
            ("HTTP/1.1 99 No\r\n\r\n", NotHttp::Start("HTTP/1.1 99 No".into())),
            ("HTTP/1.1 200 OK\r\nContent-Le", NotHttp::Cut),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", NotHttp::Cut),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", NotHttp::Body("its length is no number")),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                NotHttp::Body("a chunk's size is no number"),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
                NotHttp::Body("a chunk is longer than it says"),
            ),
        ] {
            let mut reader = Reader::new(20);
            let fed = reader.feed(text.as_bytes());
            let fault = match fed {
                Err(fault) => fault,
                Ok(None) => reader.end().unwrap_err(),
                Ok(Some(answer)) => panic!("{text:?}: {answer:?}"),
            };
            assert_eq!(fault, wanted, "{text:?}");
        }
        let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(HEAD_MAX));
        assert_eq!(Reader::new(20).feed(endless.as_bytes()).unwrap_err(), NotHttp::Head);
    }
}
