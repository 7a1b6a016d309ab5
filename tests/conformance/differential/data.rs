//! The points that both servers get: several types, ties, gaps, missing tags, several shards.

use super::random::Random;
use std::fmt::Write;

pub const SECOND: i64 = 1_000_000_000;
/// 2020-01-06, a Monday.
pub const START: i64 = 1_578_268_800 * SECOND;
/// Seconds that most points spread over.
pub const SPAN: i64 = 600;

pub fn lines() -> String {
    let mut random = Random::new(7);
    let mut out = String::new();
    for (host, region) in [("a", "east"), ("b", "west"), ("c", "east"), ("d", "")] {
        let mut tags = format!(",host={host}");
        if !region.is_empty() {
            tags += &format!(",region={region}");
        }
        let (step, jitter) = match host {
            "a" | "b" => (10, 0),
            "c" => (15, 4),
            _ => (40, 0),
        };
        for n in 0..SPAN / step {
            let seconds = n * step + random.between(0, jitter);
            // A gap for every host but the first.
            if host != "a" && (200..260).contains(&seconds) {
                continue;
            }
            point(
                &mut out,
                &mut random,
                "cpu",
                &tags,
                START + seconds * SECOND,
            );
        }
    }
    for host in ["a", "b", "e"] {
        for n in 0..20 {
            let time = START + n * 30 * SECOND + i64::from(host == "e") * 5 * SECOND;
            let (free, total) = (random.between(0, 40), random.between(0, 5));
            let _ = writeln!(
                out,
                "mem,host={host},rack=r{} free={free},n={}.5,total={total}i {time}",
                n % 2,
                random.between(0, 9)
            );
        }
    }
    // One point a day over five weeks: several shards.
    for n in 0..35 {
        let time = START + n * 86_400 * SECOND;
        let _ = writeln!(
            out,
            "daily,kind=k{} v={},w={}i {time}",
            n % 3,
            random.between(-5, 20),
            random.between(0, 3)
        );
    }
    // A series without tags, and one whose values are all the same.
    for n in 0..12 {
        let time = START + n * 50 * SECOND;
        let _ = writeln!(out, "plain v={} {time}", n % 5);
        let _ = writeln!(out, "flat,host=a v=3i,f=1.5 {time}");
    }
    out
}

fn point(out: &mut String, random: &mut Random, name: &str, tags: &str, time: i64) {
    let mut fields = Vec::new();
    if random.chance(90) {
        fields.push(format!("usage={}", random.between(0, 80) as f64 / 4.0));
    }
    if random.chance(80) {
        fields.push(format!("n={}i", random.between(-3, 12)));
    }
    if random.chance(40) {
        fields.push(format!("ok={}", random.chance(50)));
    }
    if random.chance(50) {
        let text = ["red", "green", "blue", ""][random.below(4)];
        fields.push(format!("s=\"{text}\""));
    }
    if !fields.is_empty() {
        let _ = writeln!(out, "{name}{tags} {} {time}", fields.join(","));
    }
}
