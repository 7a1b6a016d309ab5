//! How many cores there are.

use std::sync::LazyLock;
use std::thread::available_parallelism;

/// Asked for once: asking the system reads files, which takes longer than a small query.
pub static CORES: LazyLock<usize> =
    LazyLock::new(|| available_parallelism().map_or(1, usize::from));
