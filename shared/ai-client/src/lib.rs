//! ai-engine's API as a typed client; the server answers with the very same types.
