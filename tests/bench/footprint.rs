//! How soon each service answers after its start, and how much memory it holds while idle.

use std::cell::RefCell;
use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use shared_config::{Service, wiring};

use crate::client;
use crate::processes::Processes;
use crate::report::{Goal, Unit, line};
use crate::rounds::{Side, alternate};
use crate::servers::Platform;

/// How long a service is left alone before its memory is read.
const IDLE_PERIOD: Duration = Duration::from_secs(3);

/// The release binaries, as processes of their own.
pub(crate) fn run(platform: &Platform) {
    let _inside = platform.runtime.enter();
    let processes = RefCell::new(platform.runtime.block_on(Processes::start()));
    let started = |path: &'static str| {
        Service::ALL.map(|service| {
            let processes = &processes;
            Box::new(move || start(&mut processes.borrow_mut(), service, path)) as Side<'_>
        })
    };
    for path in [wiring::LIVEZ, wiring::READYZ] {
        let figures = alternate(started(path));
        for (service, figures) in Service::ALL.into_iter().zip(&figures) {
            let name = format!("{}: from start to {path}", service.name());
            line(&name, Goal::Most(100.0), Unit::Milliseconds, figures, "");
        }
    }
    let memory = Service::ALL.map(|service| {
        let processes = &processes;
        Box::new(move || memory(&mut processes.borrow_mut(), service)) as Side<'_>
    });
    for (service, figures) in Service::ALL.into_iter().zip(&alternate(memory)) {
        let name = format!("{}: memory after 3 s idle", service.name());
        line(&name, Goal::Most(20.0), Unit::Megabytes, figures, "VmRSS");
    }
}

/// Milliseconds from the start of a new process to its first good answer.
fn start(processes: &mut Processes, service: Service, path: &str) -> f64 {
    processes.kill(service);
    let url = processes.url(service, path);
    let (address, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let (address, request) = (address.parse::<SocketAddr>().unwrap(), format!("/{path}"));
    let request = client::get(&request, None);
    let began = Instant::now();
    processes.run(service);
    while !client::answers(address, &request) {
        thread::sleep(Duration::from_micros(500));
    }
    began.elapsed().as_secs_f64() * 1000.0
}

/// Megabytes that a new process holds after it was ready and left alone.
fn memory(processes: &mut Processes, service: Service) -> f64 {
    start(processes, service, wiring::READYZ);
    thread::sleep(IDLE_PERIOD);
    let status = format!("/proc/{}/status", processes.running[&service].id());
    let status = fs::read_to_string(status).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes.unwrap().parse::<f64>().unwrap() / 1024.0
}
