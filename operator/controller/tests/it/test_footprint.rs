//! What the operator needs of memory and of reads, idle and with many platforms: measured, then
//! printed. A thousand platforms in `make test-exhaustive`, fewer in `make test`.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shared_testkit::Sample;
use tokio::time::sleep;

use crate::wire::Call;
use crate::world::{PATIENCE, World, sample};

/// A debug build needs more than a release build; `OPERATOR_BINARY` names one of those.
const IDLE_MAX_MIB: f64 = 60.0;
const FULL_MAX_MIB: f64 = 100.0;
const LIVE_MAX_MIB: f64 = 200.0;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn suspended_platforms_need_little_memory() {
    let count = Sample::from_env().size(25, 1000);
    let world = World::bare("footprint").await;
    let operator = Process::start(&world);
    let ready = operator.until_ready().await;
    sleep(Duration::from_secs(2)).await;
    let idle = operator.resident_mib();
    let began = Instant::now();
    suspend_many(&world, count).await;
    let took = began.elapsed();
    sleep(Duration::from_secs(2)).await;
    let full = operator.resident_mib();
    println!(
        "measured: {}: ready after {ready:?}; idle {idle:.1} MiB; \
         {count} suspended platforms {full:.1} MiB, planned within {took:?} of the first apply",
        operator.binary.display()
    );
    assert!(idle < IDLE_MAX_MIB, "{idle} MiB idle");
    assert!(full < FULL_MAX_MIB, "{full} MiB with {count} platforms");
}

/// Applies suspended platforms, and waits until all are planned.
async fn suspend_many(world: &World, count: usize) {
    for number in 0..count {
        let mut platform = sample("minimal");
        platform["metadata"]["name"] = format!("p{number}").into();
        platform["spec"]["suspend"] = true.into();
        world.apply(&platform).await;
    }
    for number in 0..count {
        let planned = |platform: &operator_core::api::CreatorPlatform| {
            platform
                .status
                .as_ref()
                .is_some_and(|status| !status.pending_plan.is_empty())
        };
        world.until(&format!("p{number}"), "planned", planned).await;
    }
}

/// Whether a call reads one object.
fn reads_one(call: &Call) -> bool {
    let parts: Vec<_> = call.path.split('/').collect();
    let namespaced = parts.iter().position(|part| *part == "namespaces");
    let after = namespaced.map_or(0, |place| parts.len() - place - 2);
    call.method == http::Method::GET && after > 1
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_restart_reads_a_suspended_platform_once_and_writes_nothing() {
    let count = Sample::from_env().size(25, 1000);
    let world = World::bare("restart").await;
    let before = world.operator();
    suspend_many(&world, count).await;
    world.until_quiet(&before).await;
    before.stop().await;
    let began = Instant::now();
    let operator = world.operator();
    let platforms = "/creatorplatforms/";
    let all_read = async || {
        let calls = operator.calls.all();
        let read = calls.iter().filter(|call| call.path.contains(platforms));
        (read.count() >= count).then_some(())
    };
    world.until_some("all reconciled", all_read).await;
    let took = began.elapsed();
    world.until_quiet(&operator).await;
    let calls = operator.calls.all();
    let reads = calls.iter().filter(|call| reads_one(call)).count();
    println!(
        "measured: {count} suspended platforms reconciled {took:?} after a start, {reads} GETs"
    );
    assert!(operator.calls.writes().is_empty());
    assert!(reads <= count, "{reads} reads of {count} platforms");
    operator.stop().await;
}

/// What a platform that is not suspended adds: each has some 60 objects.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn live_platforms_need_little_memory() {
    let count = Sample::from_env().size(3, 200);
    let world = World::bare("live").await;
    let _stand_in = world.stand_in();
    let operator = Process::start(&world);
    operator.until_ready().await;
    sleep(Duration::from_secs(2)).await;
    let idle = operator.resident_mib();
    for number in 0..count {
        let mut platform = sample("minimal");
        platform["metadata"]["name"] = format!("p{number}").into();
        world.apply(&platform).await;
    }
    for number in 0..count {
        world.until_ready(&format!("p{number}")).await;
    }
    sleep(Duration::from_secs(2)).await;
    let full = operator.resident_mib();
    println!("measured: idle {idle:.1} MiB; {count} live platforms {full:.1} MiB");
    assert!(full < LIVE_MAX_MIB, "{full} MiB with {count} platforms");
}

/// The operator as a process of its own.
struct Process {
    child: Child,
    binary: PathBuf,
    port: u16,
}

impl Process {
    fn start(world: &World) -> Self {
        let built = PathBuf::from(env!("CARGO_BIN_EXE_operator"));
        let binary = std::env::var_os("OPERATOR_BINARY").map_or(built, PathBuf::from);
        let free = || {
            std::net::TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port()
        };
        let (port, admin) = (free(), free());
        let child = Command::new(&binary)
            .args([
                "run",
                "--watch-namespace",
                &world.namespace,
                "--log-level",
                "warn",
            ])
            .args([
                "--port",
                &port.to_string(),
                "--admin-port",
                &admin.to_string(),
            ])
            .env("KUBECONFIG", &world.kubeconfig)
            .env("MALLOC_ARENA_MAX", "1") // as the chart sets it
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            binary,
            port,
        }
    }

    async fn until_ready(&self) -> Duration {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let url = format!("http://127.0.0.1:{}/readyz", self.port);
            if reqwest::get(&url)
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return began.elapsed();
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{} never was ready", self.binary.display());
    }

    fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
