//! Ctrl-C: the first one asks to end in order, the second one ends at once.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

extern "C" fn ask(signal: libc::c_int) {
    ASKED.store(true, Ordering::Relaxed);
    // SAFETY: `signal` may be called in a handler; the default action needs no memory of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// From now on an interruption only asks; the answer is in the flag.
pub fn listen() -> &'static AtomicBool {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let handler = ask as extern "C" fn(libc::c_int);
        // SAFETY: the handler does only what is allowed in one: it stores a flag and resets the action.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
    &ASKED
}
