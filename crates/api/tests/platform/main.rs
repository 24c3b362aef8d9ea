//! Every route over a socket: a whole platform with a database in a folder and hosts in memory. Each answer is held against the OpenAPI
//! document, and a route that no story asks fails the test.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test's tools may fail loudly")]

mod accounts;
#[path = "../http/client.rs"]
#[allow(dead_code, reason = "not every program of tests needs all of it")]
mod client;
mod conform;
mod further;
mod inside;
mod life;
mod links;
mod offer;
mod refusals;
mod roles;
mod site;

use site::Site;

#[test]
fn every_route_is_asked_and_answers_what_the_document_says() {
    let site = Site::new();
    for story in [
        accounts::users_and_tokens,
        accounts::projects_and_members,
        offer::what_can_be_created,
        life::a_service_is_made_backed_up_forked_powered_off_and_on,
        life::a_terminated_service_comes_back,
        life::a_stuck_run_is_sent_on,
        life::what_is_seen_of_a_service,
        life::what_is_counted_and_offered_in_a_service,
        inside::databases_and_users,
        links::integrations_and_tags,
        further::a_service_is_copied_shown_lost_and_restored_elsewhere,
        refusals::what_is_refused_says_why,
    ] {
        story(&site);
    }
    assert_eq!(site.never_asked(), Vec::<String>::new());
}
