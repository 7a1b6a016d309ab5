//! Room on the disk: writes are refused while little of it is left, before RocksDB finds none.
//!
//! What is acknowledged still has to be sealed, flushed and compacted; the reserve is for that.

use parking_lot::Mutex;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long an answer of the operating system is good for. At 500 MiB/s of journal, 50 MiB.
const GOOD_FOR: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Space {
    path: Option<CString>,
    min_free_bytes: u64,
    last: Mutex<Option<(Instant, u64)>>,
}

impl Space {
    /// With `min_free_bytes` 0 there is always enough.
    pub fn new(path: &Path, min_free_bytes: u64) -> Self {
        Self {
            path: CString::new(path.as_os_str().as_bytes()).ok(),
            min_free_bytes,
            last: Mutex::default(),
        }
    }

    /// Free bytes on the file system, for this user; `None` when it can't be told.
    pub fn free_bytes(&self) -> Option<u64> {
        let mut last = self.last.lock();
        if let Some((asked, free)) = *last
            && asked.elapsed() < GOOD_FOR
        {
            return Some(free);
        }
        let free = free_bytes(self.path.as_ref()?)?;
        *last = Some((Instant::now(), free));
        Some(free)
    }

    /// Why nothing may be written, if so.
    pub fn lack(&self) -> Option<String> {
        if self.min_free_bytes == 0 {
            return None;
        }
        let free = self.free_bytes()?;
        (free < self.min_free_bytes).then(|| {
            format!(
                "the file system of the data directory has {free} bytes free, and [storage] min-free-bytes \
                 is {}; free some space",
                self.min_free_bytes
            )
        })
    }
}

fn free_bytes(path: &CString) -> Option<u64> {
    let mut answer = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path ends with a zero, and the answer has room for what the call writes.
    let result = unsafe { libc::statvfs(path.as_ptr(), answer.as_mut_ptr()) };
    if result != 0 {
        return None;
    }
    // SAFETY: zeroes are a valid value of the struct, and the call has succeeded.
    let answer = unsafe { answer.assume_init() };
    Some(answer.f_bavail.saturating_mul(answer.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_there_is_is_lacking_and_nothing_never_is() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Space::new(directory.path(), u64::MAX).lack().is_some());
        assert!(Space::new(directory.path(), 0).lack().is_none());
        assert!(
            Space::new(Path::new("/no/such/directory"), 1)
                .lack()
                .is_none()
        );
    }
}
