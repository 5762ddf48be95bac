//! Which parts a part needs before its workloads start: the graph that replaces an order for all.

use shared_config::{Service, Store};

use crate::component::Component::{self, Backups, Gateway, Migration, Models, Platform, Restore};

const POSTGRES: Component = Component::Store(Store::Postgres);
const REDIS: Component = Component::Store(Store::Redis);
const CHROMA: Component = Component::Store(Store::Chroma);
const OLLAMA: Component = Component::Store(Store::Ollama);

/// What a component needs. Whatever it does not name can be broken for good without keeping a
/// change of this component back.
///
/// The gateway needs nothing: it answers for a service that is not there with a problem document,
/// and a change of its limits or certificates must not wait for a service that does not start.
pub(crate) const fn of(component: Component) -> &'static [Component] {
    match component {
        Platform | Component::Store(_) | Gateway => &[],
        Restore => &[POSTGRES],
        // A backup is taken whatever state the schema is in, but not of a half-restored database.
        Migration | Backups => &[POSTGRES, Restore],
        Models => &[OLLAMA],
        Component::Service(Service::AiEngine) => {
            &[POSTGRES, REDIS, CHROMA, OLLAMA, Migration, Models]
        }
        Component::Service(Service::Auth | Service::CreatorHub | Service::Channel) => {
            &[POSTGRES, REDIS, Migration]
        }
    }
}

/// Whether `component` needs `other`, directly or through others.
pub(crate) fn depends_on(component: Component, other: Component) -> bool {
    let mut needs = of(component).iter().copied();
    needs.any(|need| need == other || depends_on(need, other))
}
