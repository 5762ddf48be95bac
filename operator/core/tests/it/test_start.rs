//! The gateway's start script, on what it may find in a pod.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use operator_core::object::{Kind, ObjectKey};

use crate::fixtures::sample;
use crate::world::at_rest;

const LOOPBACK: &str = "00000000000000000000000000000001 01 80 10 80       lo\n";
const LINK: &str = "fe800000000000000042acfffe110002 02 40 20 80     eth0\n";
const GLOBAL: &str = "fd00000000000000000000000000000a 02 40 00 80     eth0\n";

/// What nginx would read. `if_inet6` is what the kernel lists; nothing without IPv6.
fn started(resolv: &str, if_inet6: Option<&str>) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let world = at_rest(&sample("minimal"));
    let data = &world.bodies[&ObjectKey::new(Kind::ConfigMap, "demo-gateway")]["data"];
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
    let text = |key: &str| data[key].as_str().expect("text").to_owned();
    write("nginx.conf.in", &text("nginx.conf")).expect("written");
    write("resolv.conf", resolv).expect("written");
    if let Some(addresses) = if_inet6 {
        write("if_inet6", addresses).expect("written");
    }
    write("nginx", "#!/bin/sh\n").expect("written");
    let nginx = Path::new(&file("nginx")).to_owned();
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(nginx, executable).expect("executable");
    let script = text("start.sh")
        .replace("/etc/creator/nginx.conf", &file("nginx.conf.in"))
        .replace("/tmp/nginx.conf", &file("nginx.conf"))
        .replace("/etc/resolv.conf", &file("resolv.conf"))
        .replace("/proc/net/if_inet6", &file("if_inet6"));
    let path = std::env::var("PATH").expect("a path");
    let path = format!("{}:{path}", folder.path().display());
    let ran = Command::new("sh")
        .args(["-c", &script])
        .env("PATH", path)
        .status();
    assert!(ran.expect("a shell").success());
    std::fs::read_to_string(folder.path().join("nginx.conf")).expect("a configuration")
}

fn line<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| line.starts_with(word)).collect()
}

const IPV4: &str = "search shop.svc.example.local svc.example.local\nnameserver 10.96.0.10\n";
const IPV6: &str = "search shop.svc.cluster.local svc.cluster.local\nnameserver fd00:10::a\n";

#[test]
fn nginx_listens_for_ipv6_where_the_kernel_has_it_and_only_there() {
    for (addresses, listens, asks) in [
        (None, vec!["listen 8080;"], "ipv6=off"),
        (Some(""), vec!["listen 8080;"], "ipv6=off"),
        (
            Some(LOOPBACK),
            vec!["listen 8080;", "listen [::]:8080;"],
            "ipv6=off",
        ),
        (
            Some(&*format!("{LOOPBACK}{LINK}")),
            vec!["listen 8080;", "listen [::]:8080;"],
            "ipv6=off",
        ),
        (
            Some(&*format!("{GLOBAL}{LINK}{LOOPBACK}")),
            vec!["listen 8080;", "listen [::]:8080;"],
            "ipv6=on",
        ),
    ] {
        let text = started(IPV4, addresses);
        assert_eq!(line(&text, "listen"), listens, "{addresses:?}");
        let resolver = line(&text, "resolver ");
        let expected = format!("resolver 10.96.0.10 {asks} valid=5s;");
        assert_eq!(resolver, [expected], "{addresses:?}");
        assert!(
            text.contains("demo-auth.default.svc.example.local:8001"),
            "{text}"
        );
        for place in ["@RESOLVER@", "@DOMAIN@", "@LISTEN6@", "@IPV6@", "@PORT@"] {
            assert!(!text.contains(place), "{place} was not filled");
        }
    }
}

#[test]
fn a_name_server_of_ipv6_is_written_in_brackets() {
    let text = started(IPV6, Some(GLOBAL));
    let resolver = line(&text, "resolver ");
    assert_eq!(resolver, ["resolver [fd00:10::a] ipv6=on valid=5s;"]);
}
