//! Where the platform is and who is asking: from `--data`, or from the variables that other clients of the API read, too.
//!
//! A token is only ever sent where its owner said: the one in a platform's folder to the address in the same folder, the one in
//! AIVEN_AUTH_TOKEN to AIVEN_WEB_URL.

use std::fmt;
use std::path::{Path, PathBuf};

use farshore_types::error::ErrorContext;
use farshore_types::{Error, ErrorKind, Result};

use super::args::ApiArgs;
use crate::platform::Place;

/// Where the API is.
const URL: &str = "AIVEN_WEB_URL";
/// Who is asking.
const TOKEN: &str = "AIVEN_AUTH_TOKEN";
/// Which project.
const PROJECT: &str = "AIVEN_PROJECT";
/// Whose certificates to trust.
const CA: &str = "AIVEN_CA_CERT";

/// Where the platform is, and who is asking.
#[derive(Clone, PartialEq, Eq)]
pub struct Reach {
    /// Without a slash at its end.
    pub url: String,
    /// Never shown.
    pub token: String,
    /// The file of the authority to trust instead of the machine's.
    pub ca: Option<PathBuf>,
    /// The project, if one was named.
    pub project: Option<String>,
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (project {:?})", self.url, self.project)
    }
}

/// Looks at the arguments, then at the surroundings.
pub fn find(args: &ApiArgs, variable: &dyn Fn(&str) -> Option<String>) -> Result<Reach> {
    let set = |name: &str| variable(name).map(|value| value.trim().to_string()).filter(|value| !value.is_empty());
    let (url, token) = match (&args.data, set(URL)) {
        (Some(data), _) => of_folder(&Place::existing(Some(data))?)?,
        (None, Some(url)) => (url, set(TOKEN).ok_or_else(no_token)?),
        (None, None) => of_folder(&Place::existing(None).map_err(|_| nowhere())?)?,
    };
    let url = url.trim_end_matches('/').to_string();
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(Error::invalid(format!("{url} is no address of an API")).hint("it is like http://127.0.0.1:8321"));
    }
    let project = args.project.clone().or_else(|| set(PROJECT));
    Ok(Reach { url, token, ca: set(CA).map(PathBuf::from), project })
}

/// Address and token of the administrator, as the platform wrote them. The token goes nowhere while no platform works there: whoever
/// listened at that address would be somebody else.
fn of_folder(place: &Place) -> Result<(String, String)> {
    let root = place.root().display();
    let rests = || {
        Error::missing(format!("no `farshore up` works on {root}"))
            .hint("start it with `farshore up --data DIR`, or set AIVEN_WEB_URL and AIVEN_AUTH_TOKEN")
    };
    if place.lock().is_ok() {
        return Err(rests());
    }
    let url = line(&place.address()).map_err(|error| match error.kind() {
        ErrorKind::Missing => Error::busy(format!("`farshore up` on {root} is starting or stopping")).hint("try again"),
        _ => error,
    })?;
    let token = line(&place.admin_token()).map_err(|error| match error.kind() {
        ErrorKind::Denied => {
            error.hint("be the user that runs `farshore up`, or set AIVEN_WEB_URL and AIVEN_AUTH_TOKEN")
        }
        ErrorKind::Missing => error.hint("make a token with `farshore token create`, and set AIVEN_AUTH_TOKEN"),
        _ => error,
    })?;
    Ok((url, token))
}

fn line(file: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(file).doing("read", file.display())?.trim().to_string())
}

fn no_token() -> Error {
    Error::denied(format!("{URL} is set, and {TOKEN} is not"))
        .hint("`farshore token create` makes a token on the platform's machine")
}

fn nowhere() -> Error {
    Error::invalid("nobody said where the platform is")
        .hint("give --data DIR on its machine, or set AIVEN_WEB_URL and AIVEN_AUTH_TOKEN; `farshore up` starts one")
}

#[cfg(test)]
mod tests {
    use farshore_agent::durable::Lock;

    use super::*;

    /// A platform's folder, and the lock of who works on it.
    fn folder() -> (tempfile::TempDir, Lock) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in
            [("farshore.db", ""), ("address", "http://127.0.0.1:9/\n"), ("admin-token", "of-the-folder\n")]
        {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let lock = Place::of(Some(folder.path())).unwrap().lock().unwrap();
        (folder, lock)
    }

    fn reach(data: Option<&Path>, project: Option<&str>, set: &[(&str, &str)]) -> Result<Reach> {
        let args = ApiArgs { data: data.map(Path::to_path_buf), project: project.map(str::to_string) };
        let variable = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_string());
        find(&args, &variable)
    }

    #[test]
    fn a_folder_comes_before_the_surroundings_and_brings_its_own_token() {
        let (folder, _lock) = folder();
        let surroundings = [(URL, "http://elsewhere/"), (TOKEN, "of-the-shell"), (PROJECT, "shell"), (CA, "/ca.pem")];
        let here = reach(Some(folder.path()), None, &surroundings).unwrap();
        assert_eq!((here.url.as_str(), here.token.as_str()), ("http://127.0.0.1:9", "of-the-folder"));
        let there = reach(None, Some("typed"), &surroundings).unwrap();
        assert_eq!((there.url.as_str(), there.token.as_str()), ("http://elsewhere", "of-the-shell"));
        assert_eq!((here.project.as_deref(), there.project.as_deref()), (Some("shell"), Some("typed")));
        assert_eq!(there.ca.as_deref(), Some(Path::new("/ca.pem")));
        assert!(!format!("{there:?}").contains("of-the-shell"));
    }

    #[test]
    fn the_folders_token_goes_only_to_who_works_on_the_folder() {
        let (folder, lock) = folder();
        let message = || reach(Some(folder.path()), None, &[(URL, "http://elsewhere")]).unwrap_err().message();
        std::fs::remove_file(folder.path().join("address")).unwrap();
        assert!(message().contains("is starting or stopping"), "{}", message());
        std::fs::write(folder.path().join("address"), "http://127.0.0.1:9").unwrap();
        drop(lock);
        assert!(message().contains("no `farshore up` works on"), "{}", message());
    }

    #[test]
    fn what_is_missing_is_named() {
        for (set, expect) in [
            (&[(URL, "http://h")][..], "AIVEN_AUTH_TOKEN is not"),
            (&[(URL, "http://h"), (TOKEN, " ")], "AIVEN_AUTH_TOKEN is not"),
            (&[(URL, "ftp://h"), (TOKEN, "t")], "ftp://h is no address"),
        ] {
            let error = reach(None, None, set).unwrap_err();
            assert!(error.message().contains(expect), "{error}");
        }
        assert!(reach(Some(Path::new("/nowhere-at-all")), None, &[]).is_err());
    }
}
