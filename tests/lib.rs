//! Tests that see the whole platform.
