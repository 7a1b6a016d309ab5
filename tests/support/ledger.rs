//! What one writer sent, and what of it was acknowledged; compared with what the server has.

use super::{Connection, Server};
use std::collections::BTreeSet;

/// Series that each writer writes to in turn.
const SERIES: i64 = 4;

/// Points of one writer are numbered from 1; the number is the time and is found again in both values,
/// so that a point can be checked by itself.
pub struct Ledger {
    writer: usize,
    /// Numbers below this were sent.
    next: i64,
    /// First and last number of each acknowledged batch.
    acknowledged: Vec<(i64, i64)>,
    /// Batches that were sent and not answered, or refused: their points may be there or not, but all
    /// of a batch or nothing of it.
    unknown: Vec<(i64, i64)>,
}

impl Ledger {
    pub fn new(writer: usize) -> Self {
        Self {
            writer,
            next: 1,
            acknowledged: Vec::new(),
            unknown: Vec::new(),
        }
    }

    pub fn acknowledged_points(&self) -> i64 {
        self.acknowledged
            .iter()
            .map(|(first, last)| last - first + 1)
            .sum()
    }

    /// Writes batch after batch until the connection breaks.
    pub fn write_until_cut_off(&mut self, server: &Server, batch_points: i64) {
        let Ok(mut connection) = Connection::open(&server.address) else {
            return;
        };
        loop {
            let (first, last) = (self.next, self.next + batch_points - 1);
            let lines: String = (first..=last).map(|number| self.line(number)).collect();
            self.next = last + 1;
            let request = server
                .post("/api/v2/write?org=org&bucket=bucket")
                .body(lines);
            match connection.send(&request) {
                Ok(answer) if answer.status == 204 => self.acknowledged.push((first, last)),
                Ok(answer) if answer.status == 503 => {}
                Ok(answer) => panic!("{} {}", answer.status, answer.text()),
                Err(_) => {
                    self.unknown.push((first, last));
                    return;
                }
            }
        }
    }

    /// Writes so many batches, whatever becomes of them.
    pub fn write_batches(&mut self, server: &Server, batches: usize, batch_points: i64) {
        for _ in 0..batches {
            let (first, last) = (self.next, self.next + batch_points - 1);
            let lines: String = (first..=last).map(|number| self.line(number)).collect();
            self.next = last + 1;
            let path = "/api/v2/write?org=org&bucket=bucket";
            match server.post(path).body(lines).try_send() {
                Ok(answer) if answer.status == 204 => self.acknowledged.push((first, last)),
                Ok(answer) => {
                    assert_eq!(answer.status, 503, "{}", answer.text());
                    self.unknown.push((first, last));
                }
                Err(_) => self.unknown.push((first, last)),
            }
        }
    }

    /// Writes a batch that takes much room; whether it was acknowledged.
    pub fn write_noisy_batch(&mut self, server: &Server, batch_points: i64) -> bool {
        let (first, last) = (self.next, self.next + batch_points - 1);
        let lines = (first..=last).map(|number| {
            let random =
                |salt: i64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed()) ^ salt;
            let noise: String = (0..6)
                .map(|salt| format!("{:016x}", random(salt).wrapping_mul(random(salt + 7))))
                .collect();
            let line = self.line(number);
            line.replacen(" n=", &format!(" noise=\"{noise}\",n="), 1)
        });
        let lines: String = lines.collect();
        self.next = last + 1;
        let answer = server
            .post("/api/v2/write?org=org&bucket=bucket")
            .body(lines)
            .send();
        let acknowledged = answer.status == 204;
        if acknowledged {
            self.acknowledged.push((first, last));
        } else {
            assert_eq!(answer.status, 503, "{}", answer.text());
            self.unknown.push((first, last));
        }
        acknowledged
    }

    /// Every third point also carries a field of the wrong type for its series after the first, so
    /// that it is rejected, unless a crash made the server forget the type.
    fn line(&self, number: i64) -> String {
        let (writer, series) = (self.writer, number % SERIES);
        let conflict = if number > SERIES && number % 3 == 0 {
            ",kind=1.5"
        } else {
            ",kind=1i"
        };
        format!(
            "m,writer={writer},series={series} n={number}i,text=\"p{number}\"{conflict} {number}\n"
        )
    }

    fn is_rejected(number: i64) -> bool {
        number > SERIES && number % 3 == 0
    }

    /// The numbers that the server has; panics if one has another value than was sent.
    fn stored(&self, server: &Server) -> BTreeSet<i64> {
        let query = format!(
            "SELECT n, text, kind FROM m WHERE writer = '{}'",
            self.writer
        );
        let results = server.influxql(&query);
        let empty = Vec::new();
        let rows = results[0]["series"][0]["values"]
            .as_array()
            .unwrap_or(&empty);
        let mut stored = BTreeSet::new();
        for row in rows {
            let number = row[0].as_i64().unwrap();
            assert_eq!(
                row[1], number,
                "writer {}: an invented value {row}",
                self.writer
            );
            assert_eq!(
                row[2],
                format!("p{number}"),
                "writer {}: {row}",
                self.writer
            );
            assert_eq!(row[3], 1, "writer {}: a type changed {row}", self.writer);
            assert!(stored.insert(number), "writer {}: twice {row}", self.writer);
        }
        stored
    }

    /// Panics with the first difference.
    pub fn check(&self, server: &Server) {
        let mut stored = self.stored(server);
        let expected = |first, last| (first..=last).filter(|n| !Self::is_rejected(*n));
        for (first, last) in &self.acknowledged {
            for number in expected(*first, *last) {
                assert!(
                    stored.remove(&number),
                    "writer {}: lost {number} of the acknowledged batch {first} to {last}",
                    self.writer
                );
            }
        }
        for (first, last) in &self.unknown {
            let there = expected(*first, *last).filter(|n| stored.remove(n)).count();
            let whole = expected(*first, *last).count();
            assert!(
                there == 0 || there == whole,
                "writer {}: {there} of {whole} points of the cut-off batch {first} to {last}",
                self.writer
            );
        }
        assert!(
            stored.is_empty(),
            "writer {}: never acknowledged nor cut off {stored:?}",
            self.writer
        );
    }

    /// Panics unless the server has the first of the batches, each whole, and none after them: what a power
    /// cut may leave of batches that were not synced. How many it has.
    pub fn check_beginning(&self, server: &Server) -> usize {
        let mut stored = self.stored(server);
        let mut batches = self.acknowledged.clone();
        batches.extend(&self.unknown);
        batches.sort_unstable();
        let mut have = 0;
        for (number, (first, last)) in batches.into_iter().enumerate() {
            let expected: Vec<i64> = (first..=last).filter(|n| !Self::is_rejected(*n)).collect();
            let there = expected.iter().filter(|n| stored.remove(n)).count();
            assert!(
                there == 0 || there == expected.len(),
                "writer {}: {there} of {} points of the batch {first} to {last}",
                self.writer,
                expected.len()
            );
            if there > 0 {
                assert_eq!(
                    have, number,
                    "writer {}: batch {first} to {last} is there, one before it is not",
                    self.writer
                );
                have += 1;
            }
        }
        assert!(stored.is_empty(), "writer {}: {stored:?}", self.writer);
        have
    }
}
