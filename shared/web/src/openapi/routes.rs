//! One list of endpoints, either served or collected into an OpenAPI document.

use axum::Router;
use axum::routing::MethodRouter;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// Collects endpoints. A [`Router`] serves them and drops each one's document at once: together
/// they would take megabytes that the heap never returns.
pub trait Endpoints<S>: Default {
    /// Adds the methods of one path, as `utoipa_axum::routes!` makes them.
    #[must_use]
    fn routes(self, methods: UtoipaMethodRouter<S>) -> Self;

    /// Adds a path that is not in the document.
    #[must_use]
    fn route(self, path: &str, methods: MethodRouter<S>) -> Self;
}

impl<S: Clone + Send + Sync + 'static> Endpoints<S> for Router<S> {
    fn routes(self, methods: UtoipaMethodRouter<S>) -> Self {
        let (routes, _) = OpenApiRouter::new().routes(methods).split_for_parts();
        self.merge(routes)
    }

    fn route(self, path: &str, methods: MethodRouter<S>) -> Self {
        Self::route(self, path, methods)
    }
}

impl<S: Clone + Send + Sync + 'static> Endpoints<S> for OpenApiRouter<S> {
    fn routes(self, methods: UtoipaMethodRouter<S>) -> Self {
        Self::routes(self, methods)
    }

    fn route(self, path: &str, methods: MethodRouter<S>) -> Self {
        Self::route(self, path, methods)
    }
}
