//! One reconcile of one platform: observe, resolve, plan, apply, report, requeue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use operator_core::Observed;
use operator_core::api::CreatorPlatform;
use operator_core::lease::CLAIM;
use operator_core::plan::{Plan, plan};
use operator_core::resolve::{Invalid, Problem, Resolved, resolve};
use operator_core::status::{Applied, Outcome, Planned};
use tokio::time::timeout;

use crate::apply::apply;
use crate::claims::Refused;
use crate::context::Context;
use crate::controller::Primary;
use crate::error::Error;
use crate::fence::Permit;
use crate::observe::{Subject, observe, read_before_write};
use crate::random;
use crate::report::{report, says};

/// Longer than any look takes at a server that answers at all.
const DEADLINE: Duration = Duration::from_mins(2);

/// The result of one reconcile, for log and metrics.
struct Look {
    outcome: &'static str,
    writes: usize,
    next: Duration,
}

/// Reconciles a platform once.
pub async fn reconcile(platform: Arc<Primary>, context: Arc<Context>) -> Result<Action, Error> {
    let began = Instant::now();
    let result = timeout(DEADLINE, Box::pin(look_at(&platform, &context))).await;
    let result = result.unwrap_or(Err(Error::Deadline(DEADLINE)));
    log(&platform, &result, began.elapsed());
    result.map(|look| Action::requeue(look.next))
}

/// After a failure: later each time. Where there is no UID there is nothing to come back to.
#[expect(clippy::needless_pass_by_value, reason = "the shape that kube wants")]
pub fn error_policy(platform: Arc<Primary>, _error: &Error, context: Arc<Context>) -> Action {
    match Subject::of(&*platform) {
        Ok(subject) => Action::requeue(context.backoff.failed(&subject.uid, subject.generation)),
        Err(_) => Action::await_change(),
    }
}

async fn look_at(platform: &Primary, context: &Context) -> Result<Look, Error> {
    let namespace = platform.namespace().ok_or(Error::NotStored)?;
    let permit = match context.permit(&namespace).await {
        Ok(permit) => permit,
        Err(Refused::Other(other)) => return Ok(claimed_by(&namespace, &other)),
        Err(refused) => return Err(refused.into()),
    };
    match &platform.0 {
        Ok(platform) => Box::pin(look(platform, context, &permit)).await,
        Err(bad) => {
            let invalid = unparsable(&bad.error);
            let outcome = Outcome::Invalid(&invalid);
            report(context, &permit, platform, None, &outcome).await?;
            Ok(Look {
                outcome: "unparsable",
                writes: 0,
                next: resync(context),
            })
        }
    }
}

/// The operator that has the namespace writes the status; this one asks again.
fn claimed_by(namespace: &str, other: &str) -> Look {
    tracing::warn!(
        namespace,
        other,
        "another operator serves the namespace; this one writes nothing in it"
    );
    Look {
        outcome: "claimed",
        writes: 0,
        next: random::spread(CLAIM.retry),
    }
}

async fn look(
    platform: &CreatorPlatform,
    context: &Context,
    permit: &Permit<'_>,
) -> Result<Look, Error> {
    let subject = Subject::of(platform)?;
    if platform.metadata.deletion_timestamp.is_some() {
        // Its objects go with it; whatever its own finalizers wait for, nothing is built meanwhile.
        return Ok(Look {
            outcome: "deleting",
            writes: 0,
            next: resync(context),
        });
    }
    let previous = platform.status.as_ref();
    let mut observed = match observe(context, platform).await {
        Ok(observed) => observed,
        Err(error) => {
            let outcome = Outcome::Unobserved(&error.to_string());
            report(context, permit, platform, previous, &outcome).await?;
            return Err(error);
        }
    };
    let resolved = match resolve(platform, &observed) {
        Ok(resolved) => resolved,
        Err(invalid) => {
            let outcome = Outcome::Invalid(&invalid);
            report(context, permit, platform, previous, &outcome).await?;
            return Ok(Look {
                outcome: "invalid",
                writes: 0,
                next: resync(context),
            });
        }
    };
    let subject = (platform, &subject);
    carry_out(context, permit, subject, &resolved, &mut observed).await
}

/// Plans what was resolved, and applies or only reports it.
async fn carry_out(
    context: &Context,
    permit: &Permit<'_>,
    (platform, subject): (&CreatorPlatform, &Subject),
    resolved: &Resolved,
    observed: &mut Observed,
) -> Result<Look, Error> {
    let previous = platform.status.as_ref();
    let mut plan = plan(resolved, observed);
    if resolved.spec.suspend {
        let outcome = Outcome::Suspended(Planned {
            resolved,
            observed,
            plan: &plan,
        });
        // Nothing is written, so nothing is read before it, unless there is something new to say.
        if says(context, subject, previous, &outcome).await? {
            return Ok(suspended(context));
        }
    }
    if read_before_write(context, platform, &plan, observed).await? {
        plan = operator_core::plan(resolved, observed);
    }
    let planned = Planned {
        resolved,
        observed,
        plan: &plan,
    };
    if resolved.spec.suspend {
        let outcome = Outcome::Suspended(planned);
        report(context, permit, platform, previous, &outcome).await?;
        return Ok(suspended(context));
    }
    let applied = apply(context, permit, subject, &plan, observed).await;
    let outcome = Outcome::Applied(planned, &applied);
    report(context, permit, platform, previous, &outcome).await?;
    Ok(next_look(context, subject, &plan, &applied))
}

fn suspended(context: &Context) -> Look {
    Look {
        outcome: "suspended",
        writes: 0,
        next: resync(context),
    }
}

fn next_look(context: &Context, subject: &Subject, plan: &Plan, applied: &Applied) -> Look {
    let writes = applied.written.len();
    if !applied.failures.is_empty() {
        let next = context.backoff.failed(&subject.uid, subject.generation);
        return Look {
            outcome: "failed",
            writes,
            next,
        };
    }
    context.backoff.forget(&subject.uid);
    if plan.is_complete() && writes == 0 {
        return Look {
            outcome: "reconciled",
            writes,
            next: resync(context),
        };
    }
    Look {
        outcome: "waiting",
        writes,
        next: context.pace.waiting,
    }
}

/// No watch tells of the Secrets of others, and a read may have been older than what it told.
fn resync(context: &Context) -> Duration {
    random::spread(context.pace.platform)
}

pub(crate) fn unparsable(error: &str) -> Invalid {
    Invalid {
        problems: vec![Problem {
            path: "spec".to_owned(),
            wrong: format!("cannot be parsed: {error}"),
            remedy: "correct it with kubectl edit; other objects are not affected".to_owned(),
        }],
    }
}

fn log(object: &DeserializeGuard<CreatorPlatform>, result: &Result<Look, Error>, took: Duration) {
    let outcome = result.as_ref().map_or("error", |look| look.outcome);
    metrics::counter!("operator_reconciles_total", "outcome" => outcome).increment(1);
    metrics::histogram!("operator_reconcile_duration_seconds").record(took);
    let namespace = object.namespace().unwrap_or_default();
    let platform = object.name_any();
    let ms = took.as_millis();
    match result {
        Ok(Look {
            outcome,
            writes,
            next,
        }) => {
            let written = u64::try_from(*writes).unwrap_or(u64::MAX);
            metrics::counter!("operator_writes_total").increment(written);
            let requeue_after_s = next.as_secs();
            tracing::info!(
                namespace,
                platform,
                outcome,
                writes,
                ms,
                requeue_after_s,
                "reconcile finished"
            );
        }
        Err(error) => tracing::error!(namespace, platform, %error, ms, "reconcile failed"),
    }
}
