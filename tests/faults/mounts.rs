//! File systems of our own, where the tests run as root.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system that is unmounted at the end.
pub struct Mount {
    pub at: PathBuf,
}

fn done(command: &mut Command) -> bool {
    match command.output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            eprintln!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
            false
        }
        Err(error) => {
            eprintln!("{command:?}: {error}");
            false
        }
    }
}

impl Mount {
    /// In memory, so large and no larger.
    pub fn tmpfs(at: &Path, bytes: u64) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args([
            "-t",
            "tmpfs",
            "-o",
            &format!("size={bytes},mode=700"),
            "tmpfs",
        ]);
        Self::mounted(mount.arg(at), at)
    }

    /// An image, which is made when it is not there. It is written to when the server syncs, and otherwise
    /// as late as possible.
    pub fn image(image: &Path, at: &Path) -> Option<Self> {
        if !image.exists() {
            std::fs::File::create(image)
                .unwrap()
                .set_len(192 << 20)
                .unwrap();
            if !done(Command::new("mkfs.ext4").arg("-q").arg(image)) {
                return None;
            }
        }
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop,commit=600"]).arg(image);
        Self::mounted(mount.arg(at), at)
    }

    fn mounted(command: &mut Command, at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        if !done(command) {
            eprintln!("skipped: file systems can't be mounted here (root can)");
            return None;
        }
        Some(Self { at: at.to_owned() })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A server that was just killed may hold it for another moment.
        for _ in 0..50 {
            if done(Command::new("umount").arg(&self.at)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        done(Command::new("umount").arg("-l").arg(&self.at));
    }
}
