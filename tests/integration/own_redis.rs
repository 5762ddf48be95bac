//! A Redis of one test, which may die and start again without its data.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::ports;

/// A server on the loopback that keeps nothing on disk.
pub(crate) struct OwnRedis {
    pub(crate) port: u16,
    process: Child,
    folder: TempDir,
}

impl OwnRedis {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let port = ports::listen();
        let port = port.local_addr().unwrap().port();
        Self {
            process: serve(port, &folder),
            port,
            folder,
        }
    }

    /// Ends the server; its data is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts it again, empty.
    pub(crate) fn start_again(&mut self) {
        self.process = serve(self.port, &self.folder);
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(port: u16, folder: &TempDir) -> Child {
    let process = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..100 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    process
}
