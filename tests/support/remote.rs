//! A remote that answers as a test says, and remembers what it was sent.

use super::gunzip;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// A request as it came, the body inflated.
#[derive(Debug, Clone)]
pub struct Sent {
    pub at: Instant,
    /// Path and query.
    pub path: String,
    pub authorization: String,
    pub lines: String,
}

/// Status, further header lines, body.
pub type Reply = (u16, &'static str, &'static str);

pub struct FakeRemote {
    pub address: String,
    sent: Arc<Mutex<Vec<(Sent, u16)>>>,
}

impl FakeRemote {
    /// `answer` is called with each request and how many came before it.
    pub fn start(answer: impl Fn(usize, &Sent) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", answer)
    }

    pub fn start_at(
        address: &str,
        answer: impl Fn(usize, &Sent) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&sent);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &kept, &*answer));
            }
        });
        Self { address, sent }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn all(&self) -> Vec<(Sent, u16)> {
        self.sent.lock().unwrap().clone()
    }

    /// Lines of the requests that were answered with 204, in order.
    pub fn accepted(&self) -> Vec<String> {
        let all = self.all();
        let accepted = all.iter().filter(|(_, status)| *status == 204);
        let lines = accepted.flat_map(|(sent, _)| sent.lines.lines());
        lines.map(str::to_owned).collect()
    }
}

fn serve(
    stream: TcpStream,
    kept: &Mutex<Vec<(Sent, u16)>>,
    answer: &dyn Fn(usize, &Sent) -> Reply,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let path = line.split(' ').nth(1)?.to_owned();
        let (mut length, mut authorization) = (0, String::new());
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.split_once(':') else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "content-encoding" => assert_eq!(value.trim(), "gzip"),
                "authorization" => value.trim().clone_into(&mut authorization),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let sent = Sent {
            at: Instant::now(),
            path,
            authorization,
            lines: String::from_utf8(gunzip(&body)).unwrap(),
        };
        let mut all = kept.lock().unwrap();
        let (status, headers, text) = answer(all.len(), &sent);
        all.push((sent, status));
        drop(all);
        let head = format!(
            "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n",
            text.len()
        );
        let head = match status {
            204 => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            _ => head + text,
        };
        reader.get_mut().write_all(head.as_bytes()).ok()?;
    }
}
