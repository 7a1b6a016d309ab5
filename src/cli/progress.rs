//! Progress of what takes long: one line that changes on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const ON_TERMINAL: Duration = Duration::from_millis(250);
const ELSEWHERE: Duration = Duration::from_secs(10);

pub struct Progress {
    noun: &'static str,
    is_terminal: bool,
    started: Instant,
    told: Instant,
    /// Nothing is told.
    quiet: bool,
}

impl Progress {
    pub fn new(noun: &'static str, quiet: bool) -> Self {
        let now = Instant::now();
        Self {
            noun,
            is_terminal: std::io::stderr().is_terminal(),
            started: now,
            told: now,
            quiet,
        }
    }

    /// So many are done; `share` of all, if that is known.
    pub fn tell(&mut self, done: u64, share: Option<f64>) {
        let every = if self.is_terminal {
            ON_TERMINAL
        } else {
            ELSEWHERE
        };
        if self.quiet || self.told.elapsed() < every {
            return;
        }
        self.told = Instant::now();
        let mut line = self.summary(done);
        if let Some(share) = share.filter(|share| *share > 0.0) {
            let left = self
                .started
                .elapsed()
                .mul_f64(((1.0 - share) / share).clamp(0.0, 1e6));
            line.push_str(&format!(
                ", {:.0} %, {} s left",
                share * 100.0,
                left.as_secs()
            ));
        }
        let mut out = std::io::stderr().lock();
        let _ = match self.is_terminal {
            true => write!(out, "\r\x1b[K{line}").and_then(|()| out.flush()),
            false => writeln!(out, "{line}"),
        };
    }

    /// Takes the changing line away.
    pub fn clear(&self) {
        if self.is_terminal && !self.quiet {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }

    /// `12 points, 34 points/s`
    pub fn summary(&self, done: u64) -> String {
        let milliseconds = self.started.elapsed().as_millis().max(1);
        let rate = u128::from(done) * 1000 / milliseconds;
        format!("{done} {noun}, {rate} {noun}/s", noun = self.noun)
    }
}
