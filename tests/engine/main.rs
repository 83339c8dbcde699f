//! The engine contract: what every engine has to do for Wharf, on the sim, on a real Docker Engine and on Podman.

#![expect(clippy::unwrap_used, reason = "tests")]

mod contract;
mod contract_build;
mod contract_feeds;
mod contract_images;
mod contract_logs;
mod contract_networks;
mod contract_swarm;
mod contract_volumes;
mod contract_yard;
mod desk;
mod fleet;
mod raw;
mod real;
mod subject;
mod tail;
mod ways;

/// One test for each promise and engine.
macro_rules! contract {
    ($($engine:ident)*, $promises:ident: $list:tt) => {
        $(contract!(@one $engine, $promises: $list);)*
    };
    (@one $engine:ident, $promises:ident: [$($promise:ident)*]) => {
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

mod acts {
    contract!(sim docker podman, contract: [
        a_container_is_listed_with_its_facts
        acts_change_the_state
        what_is_done_already_is_no_error
        refusals_are_told_with_a_remedy
        a_killed_container_is_seen_within_a_second
        a_renamed_container_keeps_its_id
        a_command_has_its_output_and_its_exit_code
        a_shell_has_a_size_and_an_end
        files_go_in_and_come_out_with_their_modes
    ]);
}

mod feeds {
    contract!(sim docker podman, contract_feeds: [
        a_part_of_a_log_is_read
        a_log_is_followed_over_a_restart_and_says_nothing_twice
        what_is_on_the_screen_is_sampled
        what_is_not_on_the_screen_is_sampled_in_rotation
        processes_and_changed_files_are_shown
        an_inspection_is_whole_and_follows_changes
        images_networks_volumes_and_disk_are_told
        the_engine_introduces_itself
    ]);
}

mod logs {
    contract!(sim docker podman, contract_logs: [
        older_lines_are_brought_on_demand
        how_a_container_ended_is_told_with_what_it_means
        a_log_that_cannot_be_read_says_why
        the_host_s_clock_is_compared
    ]);
}

mod volumes {
    contract!(sim docker podman, contract_volumes: [
        a_container_is_made_anew_with_another_volume
    ]);
    mod files {
        contract!(sim docker, contract_volumes: [
        a_volume_is_made_and_removed_and_never_made_twice
        what_was_backed_up_is_restored_file_by_file
        a_damaged_backup_is_found_and_not_restored
        what_fails_leaves_nothing_and_lets_go_on
        a_full_disk_leaves_nothing_and_says_what_to_do
        a_volume_is_told_with_its_users
        ]);
    }
}

mod real_volumes {
    contract!(docker podman, contract_volumes: [
        a_container_that_fails_with_another_volume_is_put_back
    ]);
}

mod podman_volumes {
    contract!(podman, contract_volumes: [
        a_volume_is_made_and_removed_and_never_made_twice
        files_of_podman_s_volumes_are_not_read_and_it_says_why
        a_backup_of_docker_s_is_restored_on_podman
    ]);
}

mod images {
    contract!(sim docker podman, contract_images: [
        an_image_goes_into_a_file_and_comes_back
        what_is_not_there_cannot_be_named
    ]);
}

mod builds {
    contract!(sim docker podman, contract_build: [
        a_repository_is_built_at_a_commit
    ]);
}

mod real_builds {
    contract!(docker podman, contract_build: [
        a_step_that_fails_is_told_with_its_line
    ]);
}

// Podman 4 does not build two layers on the lab's image, which has no history.
mod sim_builds {
    contract!(sim, contract_build: [
        a_directory_becomes_an_image_of_what_does_not_stay_at_home
    ]);
}

// Podman 4 lets a step that runs come to its end before it ends a build; who builds there is told so.
mod docker_builds {
    contract!(docker, contract_build: [
        a_directory_becomes_an_image_of_what_does_not_stay_at_home
        who_lets_go_of_a_build_ends_it
        a_secret_is_read_and_stands_nowhere
        only_what_changed_is_sent_again
        an_image_that_cannot_be_had_is_told_at_once
    ]);
}

mod networks {
    contract!(sim docker, contract_networks: [
        a_network_is_made_as_it_was_said_and_removed
        a_container_is_attached_with_its_address_and_detached
        an_address_is_only_chosen_where_the_subnet_was
        of_many_who_make_one_name_at_once_one_wins
        who_makes_a_name_past_us_keeps_it
        a_path_is_probed_from_inside
    ]);
}

mod yards {
    contract!(sim docker podman, contract_yard: [
        a_step_is_killed_and_a_stranger_is_left_alone
        an_image_that_is_not_there_is_told_with_what_to_do
    ]);
}

// Not on Podman 4: its logs come in other parts, and the step that asks a service did not end there. That it names the files
// of a whole workspace from `/` on is understood, and not tried there yet.
mod docker_yards {
    contract!(sim docker, contract_yard: [
        a_step_reads_and_writes_the_workspace_and_nothing_is_left_of_it
        a_log_is_gone_on_with_from_any_line
        a_service_is_found_by_its_name
    ]);
}

mod lists {
    contract!(sim, contract_feeds: [
        a_list_that_did_not_change_is_not_told_again
        another_pace_holds_at_once
        a_simulated_host_tells_its_load
    ]);
}

mod processes {
    contract!(docker podman, real: [
        a_busy_loop_shows_as_the_processor_time_it_gets
        a_log_is_read_line_by_line
        a_terminal_s_log_loses_no_byte
        a_prompt_is_shown_before_its_line_ends
        a_command_without_a_terminal
        a_terminal_keeps_its_bytes_and_its_size
        a_container_without_a_shell_says_so
        a_command_as_a_step_tells_its_end
    ]);
}

mod swarms {
    contract!(sim, contract_swarm: [
        a_manager_does_what_it_is_told
    ]);
}

/// On an engine of its own, because a Swarm changes it for all that use it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swarm_of_one() {
    let lab = wharf_lab::Lab::start(&["--hosts", "0", "--engines"]);
    let docker = subject::real(&lab, "unix", "lab/busybox:1", None);
    contract_swarm::a_manager_does_what_it_is_told(docker).await;
}

/// On engines of its own, because it removes what others may need.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pruning() {
    let lab = wharf_lab::Lab::start(&["--hosts", "0", "--engines"]);
    let docker = subject::real(&lab, "unix", "lab/busybox:1", None);
    real::pruning_removes_what_is_unused_and_no_more(docker).await;
    let mut podman = subject::real(&lab, "podman", "localhost/lab/busybox:1", None);
    podman.is_podman = true;
    real::pruning_removes_what_is_unused_and_no_more(podman).await;
}
