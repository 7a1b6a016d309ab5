//! Tells systemd (`Type=notify`) that the server is ready or stopping.
//!
//! One datagram to the socket named by `NOTIFY_SOCKET`; a name that begins with `@` is an abstract
//! socket. Without the variable nothing happens. A failure is logged and otherwise harmless: systemd
//! then waits for its start timeout.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The server answers requests.
pub fn ready() {
    notify("READY=1\nSTATUS=ready\n");
}

/// The server no longer accepts requests and seals what is in memory.
pub fn stopping() {
    notify("STOPPING=1\nSTATUS=sealing\n");
}

fn notify(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(&socket, state) {
        log::warn!("can't notify systemd at {}: {error}", socket.display());
    }
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?
        .send_to_addr(state.as_bytes(), &address)
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(receiver: &UnixDatagram) -> String {
        let mut buffer = [0; 64];
        let length = receiver.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_path_socket_receives_the_state() {
        let path = std::env::temp_dir().join(format!("influxd-notify-{}", std::process::id()));
        let receiver = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), "READY=1\n").unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(received(&receiver), "READY=1\n");
    }

    #[test]
    fn an_abstract_socket_receives_the_state() {
        let name = format!("influxd-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let receiver = UnixDatagram::bind_addr(&address).unwrap();
        send(OsStr::new(&format!("@{name}")), "STOPPING=1\n").unwrap();
        assert_eq!(received(&receiver), "STOPPING=1\n");
    }

    #[test]
    fn a_missing_socket_is_an_error_not_a_panic() {
        assert!(send(OsStr::new("/nonexistent/socket"), "READY=1\n").is_err());
    }
}
