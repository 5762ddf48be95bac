//! The command `jobs` of each service: what failed, what is scheduled, and another try.
//!
//! `jobs failed`, `jobs requeue TENANT JOB`, `jobs schedules`; each sees the service's own queue.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use futures_util::future::BoxFuture;
use shared_config::Reader;
use shared_db::{DatabaseSettings, Db};

use crate::{rows, schedule};

/// Jobs that one call lists.
const LISTED: i32 = 100;
const USAGE: &str = "usage: jobs failed | jobs requeue TENANT JOB | jobs schedules";

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command with its arguments and prints what it found.
pub fn main(mut reader: Reader, arguments: Vec<String>) -> BoxFuture<'static, ExitCode> {
    Box::pin(async move {
        let settings = DatabaseSettings::from_reader(&mut reader);
        let output = match reader.finish(settings) {
            Ok(settings) => run(&Db::new(&settings), &arguments).await,
            Err(problems) => Err(problems.into()),
        };
        let written = output.and_then(|text| Ok(io::stdout().write_all(text.as_bytes())?));
        let Err(error) = written else {
            return ExitCode::SUCCESS;
        };
        tracing::error!(%error, "command failed");
        ExitCode::FAILURE
    })
}

/// Runs the command; the text is for people.
pub async fn run(db: &Db, arguments: &[String]) -> Result<String, Error> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["failed"] => failed(db).await,
        ["schedules"] => schedules(db).await,
        ["requeue", tenant, job] => {
            let mut tx = db.tenant(tenant.parse()?).await?;
            if !rows::requeue(&mut tx, job.parse()?).await? {
                return Err("this tenant has no failed job with that id".into());
            }
            tx.commit().await?;
            Ok(format!("job {job} waits for a worker\n"))
        }
        _ => Err(USAGE.into()),
    }
}

async fn failed(db: &Db) -> Result<String, Error> {
    let mut text = String::new();
    for job in rows::failed(db, LISTED).await? {
        let rows::FailedJob { tenant, id, .. } = &job;
        let (kind, attempts, code) = (&job.kind, job.attempts, &job.error_code);
        let (reason, ago) = (&job.error_reason, job.minutes_ago);
        writeln!(
            text,
            "tenant={tenant} job={id} kind={kind} attempts={attempts} minutes_ago={ago} \
             code={code} reason={reason:?}"
        )?;
    }
    Ok(text)
}

async fn schedules(db: &Db) -> Result<String, Error> {
    let mut text = String::new();
    for row in schedule::list(db).await? {
        let state = match (row.running, row.succeeded) {
            (true, _) => "running",
            (false, None) => "new",
            (false, Some(true)) => "succeeded",
            (false, Some(false)) => "failed",
        };
        let (name, next, failures) = (&row.name, &row.next_run_at, row.failures);
        let seconds = row.seconds.unwrap_or_default();
        write!(
            text,
            "work={name} state={state} next={next} seconds={seconds:.1} failures={failures}"
        )?;
        let error = row.error.map(|error| format!(" error={error:?}"));
        writeln!(text, "{}", error.unwrap_or_default())?;
    }
    Ok(text)
}
