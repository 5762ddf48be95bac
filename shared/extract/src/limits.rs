//! The limits that a process sets on itself before it reads an untrusted file.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, PathBeneath, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

mod calls;

/// Address space of a reader, bytes.
pub const MEMORY: u64 = 256 * 1024 * 1024;
/// CPU time of a reader, seconds.
pub const CPU_SECONDS: u64 = 60;
/// The most open files of a reader.
const OPEN_FILES: u64 = 32;
/// Where the program that reads PDF has its libraries, fonts and maps of characters.
const PROGRAM_FILES: [&str; 5] = ["/usr", "/lib", "/lib64", "/etc/fonts", "/etc/ld.so.cache"];
/// The requested version of Landlock's rules; an older kernel enforces those that it knows.
const RULES: ABI = ABI::V6;

/// Who is limited.
#[derive(Debug, Clone, Copy)]
pub enum Role<'f> {
    /// Reads what is open already: no file, no process, no connection.
    Reader,
    /// Becomes another program, which opens its own libraries, this file and nothing else. A file
    /// that is in memory only needs no permission, and can be given none.
    Program(Option<BorrowedFd<'f>>),
}

/// The limits that are in force, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confined {
    /// Whether the kernel enforces Landlock.
    landlock: &'static str,
}

impl fmt::Display for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "memory {} MiB, CPU {CPU_SECONDS} s, no new privileges, seccomp, landlock {}",
            MEMORY / 1024 / 1024,
            self.landlock
        )
    }
}

/// The kernel refused a limit, so no file is read.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// A limit of resources.
    #[error("a limit was not set: {0}")]
    Resource(#[from] rustix::io::Errno),
    /// Landlock failed in a kernel that has it.
    #[error("landlock: {0}")]
    Landlock(#[from] RulesetError),
    /// The filter of system calls.
    #[error("seccomp: {0}")]
    Seccomp(#[from] seccompiler::Error),
    /// The filter cannot be made for this machine.
    #[error("seccomp: {0}")]
    Filter(#[from] seccompiler::BackendError),
    /// Other input or output.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Limits this process, for ever: memory, CPU time, privileges, files, system calls.
pub fn confine(role: Role<'_>) -> Result<Confined, ConfineError> {
    limit_resources(0)?;
    let landlock = restrict_files(role)?;
    let filter = match role {
        Role::Reader => filter(
            calls::reader()
                .into_iter()
                .map(|call| (call, Vec::new()))
                .collect(),
            SeccompAction::Errno(calls::EPERM),
            SeccompAction::Allow,
        )?,
        Role::Program(_) => {
            let mut rules: BTreeMap<i64, Vec<SeccompRule>> = calls::refused()
                .into_iter()
                .map(|call| (call, Vec::new()))
                .collect();
            rules.extend(writing_opens()?);
            filter(
                rules,
                SeccompAction::Allow,
                SeccompAction::Errno(calls::EPERM),
            )?
        }
    };
    seccompiler::apply_filter(&filter)?;
    Ok(Confined { landlock })
}

/// Limits the memory, CPU time, files and privileges of this process and of those that it starts.
/// No file may be written beyond that many bytes.
pub(crate) fn limit_resources(file_bytes: u64) -> Result<(), ConfineError> {
    for (resource, limit) in [
        (Resource::As, MEMORY),
        (Resource::Cpu, CPU_SECONDS),
        (Resource::Core, 0),
        (Resource::Fsize, file_bytes),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ] {
        let limit = Some(limit);
        setrlimit(
            resource,
            Rlimit {
                current: limit,
                maximum: limit,
            },
        )?;
    }
    rustix::thread::set_no_new_privs(true)?;
    Ok(())
}

fn filter(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, ConfineError> {
    let machine = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(rules, otherwise, matched, machine)?;
    Ok(BpfProgram::try_from(filter)?)
}

/// Opening a file to write, to create or to truncate it.
fn writing_opens() -> Result<BTreeMap<i64, Vec<SeccompRule>>, ConfineError> {
    let mut rules = BTreeMap::new();
    for (call, argument) in calls::opens() {
        let mut refused = Vec::new();
        for flag in calls::WRITING {
            let flag = u64::from(flag);
            let condition = SeccompCondition::new(
                argument,
                SeccompCmpArgLen::Dword,
                SeccompCmpOp::MaskedEq(flag),
                flag,
            )?;
            refused.push(SeccompRule::new(vec![condition])?);
        }
        rules.insert(call, refused);
    }
    Ok(rules)
}

/// No file but what is open, and what the program needs; no port, no signal to others.
fn restrict_files(role: Role<'_>) -> Result<&'static str, ConfineError> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))?
        .handle_access(AccessNet::from_all(RULES))?
        .scope(Scope::from_all(RULES))?
        .create()?;
    if let Role::Program(input) = role {
        let readable = AccessFs::from_read(RULES);
        rules = rules.add_rules(path_beneath_rules(PROGRAM_FILES, readable))?;
        if let Some(input) = input {
            rules = rules.add_rule(PathBeneath::new(input, AccessFs::ReadFile))?;
        }
    }
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => "whole",
        RulesetStatus::PartiallyEnforced => "in part",
        RulesetStatus::NotEnforced => "not in this kernel",
    })
}
