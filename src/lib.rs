//! Wharf: an operations console for fleets of Docker hosts, in the terminal, agentless.
