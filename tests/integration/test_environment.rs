//! The contract that joins the halves: what the operator writes, the services accept.
