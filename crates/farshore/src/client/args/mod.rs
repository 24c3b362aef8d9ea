//! What can be typed to the platform's API, one noun per file. No logic here.

mod common;
mod others;
mod region;
mod service;

pub use common::{ApiArgs, WaitArgs};
pub use others::{BackupVerb, CloudArgs, CloudVerb, ProjectArgs, ProjectVerb, RunArgs, RunVerb, UserArgs, UserVerb};
pub use region::{ForkAllArgs, RegionArgs, RegionVerb};
pub use service::{CreateArgs, ServiceArgs, ServiceVerb, State, UpdateArgs};

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory, Parser};
    use farshore_api::schema::user_config;
    use farshore_control::config::{Config, Limits, Purpose, Schema};
    use farshore_types::ServiceType;
    use serde_json::Value;

    use crate::cli::Cli;
    use crate::client::options;

    /// The help of a command and of all below it.
    fn helps(command: &Command) -> Vec<String> {
        let help = command.get_after_help().map(ToString::to_string);
        help.into_iter().chain(command.get_subcommands().flat_map(helps)).collect()
    }

    fn parses(line: &str) -> bool {
        Cli::try_parse_from(line.split_whitespace()).is_ok()
    }

    #[test]
    fn what_the_help_shows_is_understood() {
        for line in [
            "farshore service list",
            "farshore service list --deleted --json",
            "farshore --json service get pg-1 --project main --data /srv/farshore",
            "farshore service get pg-1 --uri",
            "farshore service create pg-1 --type pg --plan startup-4 --cloud local-north -c work_mem=8 -c pg.jit=false --wait",
            "farshore service create f --fork-from pg-1 --at 2026-11-21T10:15:00Z --fork-project main --cloud local-south",
            "farshore service create f --type pg --plan startup-4 --fork-from pg-1 --backup 7 --wait --timeout-s 60",
            "farshore service update pg-1 --power-off --wait",
            "farshore service update pg-1 -c backup_hour=3 --reset backup_minute --protect",
            "farshore service wait pg-1 --state poweroff",
            "farshore service terminate pg-1 --force",
            "farshore service undelete pg-1-0123456789abcdef --wait",
            "farshore service logs pg-1 -n 20 --follow",
            "farshore backup list pg-1 --project main",
            "farshore backup lag",
            "farshore backup lag pg-1 --json",
            "farshore backup create pg-1 --wait",
            "farshore backup access pg-1 --to /srv/keys",
            "farshore backup pg --store file:///srv/north --identity north.key",
            "farshore project list",
            "farshore project get",
            "farshore project create test --cloud local-south",
            "farshore project use test",
            "farshore cloud list",
            "farshore region list --json",
            "farshore region fork-all local-north --to local-south",
            "farshore region fork-all local-north --to local-south --suffix -again --wait --timeout-s 60",
            "farshore region fail local-north --data /srv/farshore --yes",
            "farshore region return local-north --data /srv/farshore",
            "farshore person create --email dora@example.org --name Dora --password-file new",
            "farshore person password-reset --data /srv/farshore --email dora@example.org",
            "farshore person list",
            "farshore user list pg-1",
            "farshore user create pg-1 dora",
            "farshore user password-reset pg-1 dora --password-file new",
            "farshore user delete pg-1 dora",
            "farshore run list pg-1",
            "farshore run retry 0123",
            "farshore run watch 0123 --timeout-s 5",
        ] {
            assert!(parses(line), "{line}");
        }
    }

    #[test]
    fn every_option_that_the_help_shows_is_one_that_a_service_has() {
        let schema = Schema::of(ServiceType::Pg, &Limits::default());
        let served = Value::Object(user_config(&schema));
        let mut shown = 0;
        for line in helps(&Cli::command()).iter().flat_map(|help| help.lines()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let behind = |flag: &str| -> Vec<String> {
                words.windows(2).filter(|pair| pair[0] == flag).map(|pair| pair[1].to_string()).collect()
            };
            let (pairs, reset) = (behind("-c"), behind("--reset"));
            let given = Value::Object(options::parse(&pairs, &reset, &served).unwrap());
            let current = Config::default();
            let accepted = schema.validate(&given, Purpose::Update { current: &current });
            assert!(accepted.is_ok(), "{line}: {}", accepted.unwrap_err());
            shown += pairs.len() + reset.len();
        }
        assert!(shown >= 6, "{shown}");
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for line in [
            "farshore service create f --type pg --plan startup-4 --at 2026-11-21T10:15:00Z",
            "farshore service create f --type pg --plan startup-4 --fork-project other",
            "farshore service create f --plan startup-4",
            "farshore service create f --type pg",
            "farshore service update pg-1 --power-on --power-off",
            "farshore service update pg-1 --protect --unprotect",
            "farshore service wait pg-1 --state gone",
            "farshore service wait pg-1 --timeout-s 0",
            "farshore backup list",
            "farshore region fail",
            "farshore region fork-all local-north",
            "farshore run watch",
        ] {
            assert!(!parses(line), "{line}");
        }
    }
}
