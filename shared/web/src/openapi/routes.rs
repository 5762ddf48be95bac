//! Endpoints listed once: to serve them, or to write the document of what they say of themselves.

use axum::Router;
use axum::routing::MethodRouter;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// What endpoints are added to. A [`Router`] serves them and drops the document of each at once:
/// those of a whole service together would take megabytes that its heap never gives back.
pub trait Endpoints<S>: Default {
    /// Adds the methods of one path, as `utoipa_axum::routes!` makes them.
    #[must_use]
    fn routes(self, methods: UtoipaMethodRouter<S>) -> Self;

    /// Adds a path that no document names.
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
