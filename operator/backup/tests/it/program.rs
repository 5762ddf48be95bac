//! Runs the program, and the scripts of its init containers, as pods do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// An environment.
pub(crate) type Environment = BTreeMap<&'static str, String>;

/// The program with these arguments and nothing else in its environment.
pub(crate) fn command(arguments: &[&str], environment: &Environment) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backup"));
    command.args(arguments).env_clear().envs(environment);
    command.env("TERMINATION_LOG", "/dev/null");
    command.stdin(Stdio::null());
    command
}

/// What the program reports, or its failure as JSON.
pub(crate) fn run(arguments: &[&str], environment: &Environment) -> Result<Value, Value> {
    outcome(&command(arguments, environment).output().unwrap())
}

/// What a finished program has reported.
pub(crate) fn outcome(output: &Output) -> Result<Value, Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let report = serde_json::from_str(&text).unwrap_or(Value::Null);
    if output.status.success() {
        return Ok(report);
    }
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(report["code"].is_string(), "no report: {text} {log}");
    Err(report)
}

/// The code of a failure.
#[track_caller]
pub(crate) fn code(result: &Result<Value, Value>) -> String {
    match result {
        Ok(report) => panic!("it did not fail: {report}"),
        Err(failure) => failure["code"].as_str().unwrap().to_owned(),
    }
}

/// A script of an init container.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("assets")
        .join(name)
}

/// Runs a script to its end; what it complains of.
pub(crate) fn run_script(name: &str, environment: &Environment) -> Result<(), String> {
    let mut command = Command::new("sh");
    command.arg(script(name));
    finish(command, environment)
}

/// Runs a script as the user `postgres`: PostgreSQL refuses to run as root.
pub(crate) fn run_script_as_postgres(name: &str, environment: &Environment) -> Result<(), String> {
    if id(&["-u"]) != "0" {
        return run_script(name, environment);
    }
    let mut command = Command::new("unshare");
    command.args([
        "--user".to_owned(),
        format!("--map-user={}", id(&["-u", "postgres"])),
        format!("--map-group={}", id(&["-g", "postgres"])),
    ]);
    command.arg("sh").arg(script(name));
    finish(command, environment)
}

fn finish(mut command: Command, environment: &Environment) -> Result<(), String> {
    command.env_clear().envs(environment).stdin(Stdio::null());
    command.env("PATH", "/usr/lib/postgresql/15/bin:/usr/bin:/bin");
    let output = command.output().unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn id(arguments: &[&str]) -> String {
    let output = Command::new("id").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
