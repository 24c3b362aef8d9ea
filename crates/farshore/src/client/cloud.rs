//! `farshore cloud list`: the regions where services can be.

use std::process::ExitCode;

use farshore_types::Result;

use super::answers::{Cloud, part};
use super::caller::Client;
use super::text::{count, plain};
use crate::output::table;

/// Lists the regions; those of the project if one was named.
pub fn list(client: &Client) -> Result<ExitCode> {
    let path = match &client.named {
        Some(_) => client.path(&["clouds"])?,
        None => "/clouds".to_string(),
    };
    let answer = client.api.get(&path)?;
    client.answer(&answer, || Ok(sentences(&part::<Vec<Cloud>>(&answer, "clouds")?)))
}

fn sentences(clouds: &[Cloud]) -> String {
    let row = |cloud: &Cloud| {
        [&cloud.cloud_name, &cloud.provider, &cloud.geo_region, &cloud.cloud_description]
            .map(|text| plain(text))
            .to_vec()
    };
    let rows: Vec<Vec<String>> = clouds.iter().map(row).collect();
    let table = table(&["region", "provider", "part of the world", "description"], &rows);
    format!("Services can be in {}.\n{table}", count(clouds.len(), "region"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn regions_stand_in_a_table() {
        let answer = json!({"clouds": [{
            "cloud_name": "local-north", "cloud_description": "This machine, north", "geo_region": "europe",
            "geo_latitude": null, "geo_longitude": null, "provider": "local", "provider_description": "Local"
        }]});
        let text = sentences(&part::<Vec<Cloud>>(&answer, "clouds").unwrap());
        assert_eq!(
            text,
            "Services can be in 1 region.\nregion       provider  part of the world  description\nlocal-north  local     europe             This machine, north"
        );
    }
}
