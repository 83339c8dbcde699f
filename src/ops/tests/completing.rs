//! A line that is being typed goes on with what fits.

use super::*;
use crate::ops::Listing;

/// What is offered for a line.
fn offered(line: &str) -> Vec<String> {
    Sentence::complete(line, &fleet(), &[])
        .into_iter()
        .map(|one| one.text)
        .collect()
}

/// The first line that is offered.
fn first(line: &str) -> String {
    Sentence::complete(line, &fleet(), &[]).remove(0).line
}

#[test]
fn an_empty_line_offers_every_sentence() {
    assert_eq!(offered("").len(), Sentence::catalogue().len());
}

#[test]
fn words_are_found_in_any_part() {
    assert_eq!(first("rest"), "container restart ");
    assert_eq!(first("cont sto"), "container stop ");
    assert_eq!(first("wharf container rem"), "container remove ");
    assert_eq!(first("aud ver"), "audit verify ");
    assert_eq!(offered("zzz"), [""; 0]);
}

#[test]
fn only_targets_in_a_fitting_state_are_offered() {
    assert_eq!(offered("container unpause f"), ["frozen@ams-1"]);
    let starting = offered("container start ");
    assert!(starting.contains(&"old@ams-1".to_owned()));
    assert!(!starting.contains(&"db@ams-1".to_owned()));
    let removing = offered("container remove ");
    assert!(!removing.contains(&"db@ams-1".to_owned()));
    let removing = offered("container remove --force ");
    assert!(removing.contains(&"db@ams-1".to_owned()));
}

#[test]
fn a_target_is_not_offered_twice_and_the_line_goes_on() {
    let offers = offered("container stop db@ams-1 ");
    assert!(!offers.contains(&"db@ams-1".to_owned()));
    assert_eq!(
        first("container stop db@ams-1 web-10"),
        "container stop db@ams-1 web-10@ams-2 "
    );
}

#[test]
fn hosts_are_offered_where_hosts_are_meant() {
    assert_eq!(offered("host prune fra"), ["@fra-1"]);
    assert_eq!(first("host edit fra"), "host edit fra-1 ");
    assert_eq!(
        first("image copy shop:1 --to fra"),
        "image copy shop:1 --to fra-1 "
    );
    assert_eq!(
        first("container copy ./a db@"),
        "container copy ./a db@ams-1:/"
    );
}

#[test]
fn options_and_their_values_are_offered() {
    assert_eq!(
        first("container stop db@ams-1 --g"),
        "container stop db@ams-1 --grace "
    );
    assert!(!offered("container stop --grace 3 -").contains(&"--grace".to_owned()));
    assert_eq!(offered("container kill db@ams-1 --signal hu"), ["HUP"]);
    assert_eq!(
        first("container kill --signal=hu"),
        "container kill --signal=HUP "
    );
    assert_eq!(offered("host add x -e st"), ["stage"]);
    assert_eq!(offered("host add x -g eu"), ["europe"]);
    assert!(offered("host add x -g europe -").contains(&"--group".to_owned()));
    assert_eq!(offered("host edit ams-1 --protected t"), ["true"]);
    assert_eq!(offered("container list --sort memory%"), ["memory%"]);
}

#[test]
fn lists_offer_the_keys_of_their_filter() {
    assert_eq!(first("container list sta"), "container list state:");
    assert!(offered("audit list ").contains(&"operator:".to_owned()));
}

#[test]
fn filters_complete_with_the_values_of_the_fleet() {
    assert_eq!(offered("container list state:ex"), ["exited"]);
    assert_eq!(
        first("container list state:ex"),
        "container list state:exited "
    );
    assert_eq!(
        first("container list 'web' '!host:ams-"),
        "container list 'web' '!host:ams-1' "
    );
    assert_eq!(offered("container list app:"), ["shop"]);
    assert_eq!(offered("host list group:eur"), ["europe"]);
    let about = |line: &str| Sentence::complete(line, &fleet(), &[]).remove(0).about;
    assert_eq!(about("container list app:sho"), "4 containers");
    assert_eq!(about("container list state:remov"), "no containers now");
    assert!(offered("container list cp").contains(&"cpu>".to_owned()));
    assert_eq!(offered("container list nokey:"), [""; 0]);
}

#[test]
fn a_filter_is_completed_term_by_term() {
    let complete = |text: &str| -> Vec<String> {
        let offers = Listing::Containers.complete(text, &fleet());
        offers.into_iter().map(|one| one.line).collect()
    };
    assert_eq!(complete("web !env:sta"), ["web !env:stage"]);
    assert_eq!(complete("imag"), ["image:"]);
    assert_eq!(complete("env:stage"), [""; 0], "there is nothing to add");
    assert_eq!(complete("/state:"), [""; 0]);
    let acts = Listing::Operations.complete("outcome:part", &fleet());
    assert_eq!(
        acts[0].line, "outcome:partly?failed",
        "a blank would end the term"
    );
}

#[test]
fn copying_out_is_offered_where_nothing_may_be_changed() {
    let mut fleet = fleet();
    fleet.read_only = true;
    let first = |line: &str| Sentence::complete(line, &fleet, &[]).remove(0).line;
    assert_eq!(first("copy"), "container copy ");
    assert_eq!(first("container copy db@"), "container copy db@ams-1:/");
}

#[test]
fn nobody_guesses_a_command_for_a_container() {
    assert_eq!(offered("container exec db@ams-1 -- l"), [""; 0]);
}

#[test]
fn read_only_offers_nothing_that_changes() {
    let mut fleet = fleet();
    fleet.read_only = true;
    let offers: Vec<String> = Sentence::complete("", &fleet, &[])
        .into_iter()
        .map(|one| one.text)
        .collect();
    assert!(offers.contains(&"container list".to_owned()));
    assert!(!offers.contains(&"container stop".to_owned()));
    assert!(!offers.contains(&"host add".to_owned()));
    assert!(Sentence::complete("container stop ", &fleet, &[]).is_empty());
}

#[test]
fn open_quotes_and_blanks_do_not_confuse() {
    assert_eq!(offered("container unpause 'fro"), ["frozen@ams-1"]);
    assert_eq!(
        first("  container   unpause fro"),
        "  container   unpause frozen@ams-1 "
    );
}
