//! The binary of this service.
fn main() {}
