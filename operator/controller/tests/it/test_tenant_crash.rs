//! Each write for a Tenant, to Kubernetes or to auth, fails once, in three ways; the end
//! is the same, and then nothing is written any more.

use operator::context::Pace;
use operator_core::api::tenant::Tenant;
use serde_json::{Value, json};
use shared_testkit::Sample;
use tokio::time::{Duration, sleep, timeout};

use crate::tenants::{Tenants, is_ready, ready};
use crate::wire::{Call, Fault};
use crate::world::PATIENCE;

/// Looks come often, so that what a fault left behind shows.
pub(crate) const PACE: Pace = Pace {
    platform: Duration::from_mins(10),
    waiting: Duration::from_secs(15),
    relist: Duration::from_mins(10),
    tenant: Duration::from_millis(600),
    census: Duration::from_millis(100),
    counts: Duration::from_millis(200),
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn an_install_survives_a_fault_at_every_write() {
    matrix(&Scenario::install()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_change_survives_a_fault_at_every_write() {
    matrix(&Scenario::change()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_suspension_survives_a_fault_at_every_write() {
    matrix(&Scenario::suspension()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_deletion_survives_a_fault_at_every_write() {
    matrix(&Scenario::deletion()).await;
}

/// What is done to a Tenant.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Whether the Tenant is there and ready before the operator under test starts.
    prepared: bool,
    /// The change of the spec; none is the install or the deletion itself.
    act: fn(&str) -> Option<Value>,
    /// Whether a Tenant that is there is as it should be.
    over: fn(&Tenant) -> bool,
}

impl Scenario {
    pub(crate) fn install() -> Self {
        Self {
            name: "install",
            prepared: false,
            act: |_| None,
            over: is_ready,
        }
    }

    pub(crate) fn change() -> Self {
        Self {
            name: "change",
            prepared: true,
            act: |_| {
                let quotas = json!({"documents": 7, "storage": "1Gi"});
                Some(json!({"displayName": "Ada", "plan": "free", "quotas": quotas}))
            },
            over: is_ready,
        }
    }

    pub(crate) fn suspension() -> Self {
        Self {
            name: "suspend",
            prepared: true,
            act: |_| Some(json!({"suspend": true})),
            over: is_ready,
        }
    }

    pub(crate) fn deletion() -> Self {
        Self {
            name: "delete",
            prepared: true,
            act: |_| None,
            over: |_| false,
        }
    }

    fn deletes(&self) -> bool {
        self.name == "delete"
    }

    async fn begin(&self, tenants: &Tenants, name: &str) {
        match (self.act)(name) {
            Some(spec) => tenants.merge(name, json!({"spec": spec})).await,
            None if self.deletes() => tenants.delete(name).await,
            None => tenants.apply(&tenants.body(name)).await,
        }
    }

    async fn is_over(&self, tenants: &Tenants, name: &str) -> bool {
        match tenants.api().get_opt(name).await {
            Ok(Some(tenant)) => !self.deletes() && (self.over)(&tenant),
            Ok(None) => self.deletes(),
            Err(_) => false,
        }
    }

    async fn until_over(&self, tenants: &Tenants, name: &str, fault: Fault) {
        let over = async {
            while !self.is_over(tenants, name).await {
                sleep(Duration::from_millis(30)).await;
            }
        };
        let ended = timeout(PATIENCE, over).await;
        assert!(ended.is_ok(), "{fault:?}: {name} does not come to its end");
    }
}

async fn matrix(scenario: &Scenario) {
    let tenants = Tenants::new(scenario.name).await;
    let calm = run(&tenants, scenario, "calm", Fault::None, PACE).await;
    let numbers = 1..=calm.writes;
    let all = numbers.flat_map(|n| [Fault::Refused(n), Fault::Lost(n), Fault::Crash(n)]);
    let faults = Sample::from_env().of(scenario.name, all, 3);
    let mut struck = 0;
    for (number, fault) in faults.iter().enumerate() {
        let name = format!("faulty-{number}");
        let end = run(&tenants, scenario, &name, *fault, PACE).await;
        assert_eq!(end.state, calm.state, "{fault:?}");
        struck += usize::from(end.struck);
    }
    let cases = faults.len();
    println!(
        "measured: {}: {cases} faults at {} writes, {struck} struck, all converged",
        scenario.name, calm.writes
    );
    assert!(
        Sample::from_env().is_enough(struck, cases),
        "only {struck} of {cases} struck"
    );
}

/// How one run ended.
pub(crate) struct End {
    pub(crate) state: String,
    pub(crate) writes: usize,
    pub(crate) events: usize,
    pub(crate) reads: usize,
    pub(crate) outdated: usize,
    pub(crate) struck: bool,
}

async fn prepare(tenants: &Tenants, name: &str) {
    let calm = tenants.operator_at(Fault::None, PACE).await;
    tenants.apply(&tenants.body(name)).await;
    tenants.until_ready(name).await;
    tenants.world.until_still(&calm).await;
    calm.stop().await;
}

pub(crate) async fn run(
    tenants: &Tenants,
    scenario: &Scenario,
    name: &str,
    fault: Fault,
    pace: Pace,
) -> End {
    if scenario.prepared {
        prepare(tenants, name).await;
    }
    let mut operator = tenants.operator_at(fault, pace).await;
    sleep(Duration::from_millis(300)).await;
    scenario.begin(tenants, name).await;
    let struck_or_over = async {
        while !operator.calls.struck() && !scenario.is_over(tenants, name).await {
            sleep(Duration::from_millis(30)).await;
        }
    };
    let ended = timeout(PATIENCE, struck_or_over).await;
    assert!(ended.is_ok(), "{fault:?}: neither struck nor over");
    let mut struck = operator.calls.struck();
    if struck && matches!(fault, Fault::Crash(_)) {
        operator.kill().await;
        operator = tenants.operator_at(Fault::None, PACE).await;
    }
    scenario.until_over(tenants, name, fault).await;
    let struck_so_far = struck | operator.calls.struck();
    if matches!(fault, Fault::BusyRead(..) | Fault::BusyReads(..)) {
        // It may not have ended by itself, and a look that fails may say so at any time.
        operator.calls.arm(Fault::None);
    }
    operator.settled().await;
    // One of the last looks may have failed and said so: the next one makes that good.
    scenario.until_over(tenants, name, fault).await;
    let writes = operator.calls.writes().len();
    let (events, reads) = operator.calls.events_and_reads();
    let outdated = operator.calls.outdated_answers();
    struck = struck_so_far | operator.calls.struck();
    operator.calls.clear();
    sleep(PACE.tenant * 2).await;
    let mut late = operator.calls.writes();
    // The platform has a backoff of its own, and tells the number of Tenants in its own time, with
    // an event or without: test_converge and test_faults have that.
    let of_platform = |call: &Call| call.path.contains("/creatorplatforms/");
    let told = late.iter().any(of_platform);
    let its_event = |call: &Call| told && call.path.ends_with("/events");
    late.retain(|call| !of_platform(call) && !its_event(call));
    assert!(late.is_empty(), "{fault:?}: {late:#?}");
    operator.stop().await;
    let state = state(tenants, name).await;
    clear_away(tenants, scenario, name).await;
    End {
        state,
        writes,
        events,
        reads,
        outdated,
        struck,
    }
}

/// What is so in both worlds, without what differs between two Tenants.
async fn state(tenants: &Tenants, name: &str) -> String {
    let resource = format!("{}/{name}", tenants.world.namespace);
    let account = tenants.auth.sql(&format!(
        "select c.display_name, s.plan, s.quotas, s.allowed_origins, s.suspended_at is not null,
           (select count(*) from auth.users u where u.creator_id = c.creator_id),
           (select count(*) from auth.owner_invitations i where i.creator_id = c.creator_id)
         from auth.creators c left join platform.tenant_settings s using (creator_id)
         where c.managed_by = '{resource}'"
    ));
    let object = tenants.api().get_opt(name).await.unwrap();
    let told = object.as_ref().and_then(ready).map(|one| &one.reason);
    let kept = object.as_ref().map(|one| one.metadata.finalizers.clone());
    let opens = match tenants
        .owner_secret(name)
        .await
        .filter(|_| object.is_some())
    {
        Some(secret) => {
            let token = secret.data.unwrap()["token"].0.clone();
            let token = String::from_utf8(token).unwrap();
            tenants.auth.sql(&format!(
                "select count(*) from auth.owner_invitations i join auth.creators c
                   using (creator_id)
                 where token_hash = sha256('{token}') and c.managed_by = '{resource}'"
            ))
        }
        None => "no Secret".to_owned(),
    };
    format!("{account}; {told:?}; {kept:?}; {opens}")
}

/// What is left would be looked at by all who come after.
async fn clear_away(tenants: &Tenants, scenario: &Scenario, name: &str) {
    if scenario.deletes() {
        return;
    }
    tenants
        .merge(name, json!({"metadata": {"finalizers": null}}))
        .await;
    tenants.delete(name).await;
}
