//! The operator's edge: the only part that talks to Kubernetes.
