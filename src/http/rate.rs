//! The write rate of an org: a bucket of bytes that fills with time.

use crate::model::OrgId;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::time::Instant;

/// Bytes of inflated line protocol that an org may write.
pub struct WriteRate {
    /// 0: no limit.
    bytes_per_second: u64,
    burst_bytes: u64,
    left: Mutex<HashMap<OrgId, (f64, Instant)>>,
}

impl WriteRate {
    pub fn new(bytes_per_second: u64, burst_bytes: u64) -> Self {
        Self {
            bytes_per_second,
            burst_bytes: burst_bytes.max(bytes_per_second),
            left: Mutex::default(),
        }
    }

    pub fn unlimited() -> Self {
        Self::new(0, 0)
    }

    /// Takes the bytes, or says how many seconds to wait. A body larger than the burst passes when the
    /// bucket is full, and leaves a debt.
    pub fn take(&self, org: OrgId, bytes: usize) -> Result<(), u64> {
        if self.bytes_per_second == 0 {
            return Ok(());
        }
        let now = Instant::now();
        let (rate, burst) = (self.bytes_per_second as f64, self.burst_bytes as f64);
        let mut all = self.left.lock();
        let (left, at) = all.entry(org).or_insert((burst, now));
        *left = (*left + now.duration_since(*at).as_secs_f64() * rate).min(burst);
        *at = now;
        let needed = (bytes as f64).min(burst);
        if *left >= needed {
            *left -= bytes as f64;
            return Ok(());
        }
        let wait = std::time::Duration::try_from_secs_f64(((needed - *left) / rate).ceil());
        Err(wait.map_or(1, |wait| wait.as_secs()).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Id;

    #[test]
    fn an_org_that_has_used_its_burst_waits() {
        let rate = WriteRate::new(100, 1000);
        let (a, b) = (Id::random(), Id::random());
        assert_eq!(rate.take(a, 900), Ok(()));
        let wait = rate.take(a, 900).unwrap_err();
        assert!((7..=8).contains(&wait), "{wait}");
        assert_eq!(rate.take(b, 5000), Ok(()));
        assert!(rate.take(b, 1).is_err());
        assert_eq!(WriteRate::unlimited().take(a, usize::MAX), Ok(()));
    }
}
