//! The way to a host over the system's ssh: one login per host, multiplexed.
