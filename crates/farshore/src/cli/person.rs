//! What can be typed about those who may log in to a platform, on its own machine.

use std::path::PathBuf;

use clap::Subcommand;

/// Commands on people. The platform may be running.
#[derive(Debug, Subcommand)]
pub enum PersonCommand {
    /// Make a person, and print the password. Invitations that were waiting for the address become memberships.
    #[command(
        after_help = "Examples:\n  farshore person create --data /srv/farshore --email dora@example.org --name 'Dora Maar'\n  farshore person create --email ci@example.org --password-file secret\n\nThen: avn project user-invite dora@example.org --role developer; avn user login dora@example.org"
    )]
    Create {
        /// The platform's folder.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The address, which is the name at the login.
        #[arg(long, value_name = "EMAIL")]
        email: String,
        /// As people call the person.
        #[arg(long, value_name = "TEXT", default_value = "")]
        name: String,
        /// A file with the password; without it, a random one is made.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Give a person a new password, and print it. All tokens of the person end.
    #[command(
        after_help = "Examples:\n  farshore person password-reset --data /srv/farshore --email dora@example.org\n  farshore person password-reset --email dora@example.org --password-file new"
    )]
    PasswordReset {
        /// The platform's folder.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The address.
        #[arg(long, value_name = "EMAIL")]
        email: String,
        /// A file with the new password; without it, a random one is made.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// List who may log in.
    #[command(after_help = "Example:\n  farshore person list --data /srv/farshore")]
    List {
        /// The platform's folder.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
}
