//! The engine contract: what every engine has to do for Wharf, on the sim, on a real Docker Engine and on Podman.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod contract;
mod desk;
mod raw;
mod real;
mod subject;
mod ways;

/// One test for each promise and engine.
macro_rules! contract {
    ($engine:ident from $promises:ident: $($promise:ident)*) => {
        mod $engine {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    crate::$promises::$promise(crate::subject::$engine().await).await;
                }
            )*
        }
    };
}

macro_rules! on_all {
    ($($promise:ident)*) => {
        mod on {
            contract!(docker from contract: $($promise)*);
            contract!(podman from contract: $($promise)*);
        }
    };
}

on_all! {
    a_container_is_listed_with_its_facts
    acts_change_the_state
    what_is_done_already_is_no_error
    refusals_are_told_with_a_remedy
    a_killed_container_is_seen_within_a_second
    a_renamed_container_keeps_its_id
}
