//! What a limited process can and cannot do: the test starts itself again as the attacker.

use std::fs::File;
use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output};

use shared_extract::limits::{Role, confine};

/// Before the attack in an argument of the second process, where it is the name of a test to skip.
const ATTACK: &str = "attack-of-the-test-";
const SIGABRT: i32 = 6;

macro_rules! say {
    ($($text:tt)*) => { writeln!(std::io::stdout(), $($text)*).unwrap() };
}

/// Does nothing in an ordinary run.
#[test]
fn attacker() {
    let mut arguments = std::env::args();
    let Some(attack) = arguments.find_map(|a| a.strip_prefix(ATTACK).map(str::to_owned)) else {
        return;
    };
    let confined = confine(Role::Reader).unwrap();
    say!("confined: {confined}");
    let refused = |name: &str, done: std::io::Result<()>| match done {
        Ok(()) => say!("{name}: done"),
        Err(error) => say!("{name}: refused {:?}", error.raw_os_error()),
    };
    match attack.as_str() {
        "reach" => {
            refused("read a file", File::open("/etc/hostname").map(drop));
            refused("write a file", File::create("/tmp/x-attack").map(drop));
            refused("list a folder", std::fs::read_dir("/").map(drop));
            refused("remove a file", std::fs::remove_file("/tmp/x-attack"));
            refused("connect", TcpStream::connect("127.0.0.1:1").map(drop));
            refused("send", UdpSocket::bind("127.0.0.1:0").map(drop));
            let program = Command::new("/bin/true").status();
            refused("start a program", program.map(drop));
            let thread = std::thread::Builder::new().spawn(|| ());
            refused("start a thread", thread.map(drop));
        }
        "memory" => {
            let filled = vec![1_u8; 300 * 1024 * 1024];
            say!("memory: done {}", filled.len());
        }
        other => panic!("{other}"),
    }
}

fn attack(name: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "test_limits::attacker", "--nocapture"])
        .args(["--test-threads", "1", "--skip"])
        .arg(format!("{ATTACK}{name}"))
        .output()
        .unwrap()
}

#[test]
fn a_reader_reaches_no_file_no_address_and_no_program() {
    let output = attack("reach");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("confined: memory 256 MiB"), "{said}");
    for name in [
        "read a file",
        "write a file",
        "list a folder",
        "remove a file",
        "connect",
        "send",
        "start a program",
        "start a thread",
    ] {
        assert!(said.contains(&format!("{name}: refused")), "{said}");
    }
    assert!(!said.contains(": done"), "{said}");
}

#[test]
fn a_reader_that_takes_too_much_memory_ends_alone() {
    let output = attack("memory");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.signal(), Some(SIGABRT), "{said}");
    assert!(said.contains("memory allocation"), "{said}");
}
