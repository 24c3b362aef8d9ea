//! Who uses the platform: logging in, tokens from their making to their end, projects and those who are members in them.

use serde_json::{Value, json};

use crate::site::{ADMIN, Site};

const TOKENS: &str = "/v1/access_token";
const PASSWORD: &str = "correct horse battery staple";

pub fn users_and_tokens(site: &Site) {
    let me = site.get("/v1/me", &[])["user"].clone();
    assert_eq!((&me["user"], &me["state"], &me["projects"]), (&json!(ADMIN), &json!("active"), &json!(["main"])));
    let wrong = site.ask_as(Some("nonsense"), "GET /v1/me", &[], &Value::Null);
    assert_eq!(wrong.status, 401);
    assert!(wrong.error().contains("token"), "{}", wrong.error());

    let asked = json!({"password": "", "new_password": PASSWORD});
    let given = site.ok("PUT /v1/me/password", &[], &asked)["token"].clone();
    assert_eq!(site.ask_as(given.as_str(), "GET /v1/me", &[], &Value::Null).status, 200, "as after a login");
    site.refused(403, "PUT /v1/me/password", &[], &asked, &["password"]);
    let log_in = |email: &str, password: &str| {
        let body = json!({"email": email, "password": password, "otp": null, "tenant": null});
        site.ask_as(None, "POST /v1/userauth", &[], &body)
    };
    let session = log_in(ADMIN, PASSWORD).json()["token"].as_str().unwrap().to_string();
    let refused = [log_in(ADMIN, "wrong"), log_in("nobody@example.org", "wrong")].map(|reply| {
        assert_eq!(reply.status, 403);
        reply.error()
    });
    assert!(refused[0] == refused[1] && refused[0].contains("password"), "{refused:?}");

    let body = json!({"description": "ci", "extend_when_used": null, "max_age_seconds": null});
    let made = site.ok(&format!("POST {TOKENS}"), &[], &body);
    let (full, prefix) = (made["full_token"].as_str().unwrap(), made["token_prefix"].as_str().unwrap());
    assert!(full.starts_with(prefix) && prefix.len() < full.len() / 2);
    assert_eq!((&made["expiry_time"], &made["created_manually"]), (&Value::Null, &json!(true)));
    assert_eq!(site.ask_as(Some(full), "GET /v1/me", &[], &Value::Null).status, 200);
    let one = format!("{TOKENS}/{{token_prefix}}");
    let changed = site.ok(&format!("PUT {one}"), &[full], &json!({"description": "renamed"}));
    assert_eq!((&changed["description"], &changed["last_ip"]), (&json!("renamed"), &json!("127.0.0.1")));
    assert_eq!(changed["last_user_agent"], "aiven-client/4.18.0");
    let listed = site.get(TOKENS, &[])["tokens"].clone();
    let active = listed.as_array().unwrap().iter().filter(|token| token["currently_active"] == true).count();
    assert_eq!(active, 1, "{listed}");
    site.ok(&format!("DELETE {one}"), &[prefix], &Value::Null);
    assert_eq!(site.ask_as(Some(full), "GET /v1/me", &[], &Value::Null).status, 401);
    site.refused(404, &format!("DELETE {one}"), &[full], &Value::Null, &[prefix]);
    site.ok(&format!("DELETE {one}"), &[&session], &Value::Null);

    let body = json!({"description": "aged", "extend_when_used": true, "max_age_seconds": 3600});
    let aged = site.ok(&format!("POST {TOKENS}"), &[], &body);
    assert_eq!((&aged["max_age_seconds"], &aged["extend_when_used"]), (&json!(3600), &json!(true)));
    assert!(aged["expiry_time"].as_str().unwrap().ends_with('Z'));

    let other = Site::new();
    assert_ne!(other.ok("POST /v1/me/expire_tokens", &[], &Value::Null)["message"], "");
    assert_eq!(other.ask_as(Some(&other.token), "GET /v1/me", &[], &Value::Null).status, 401);
    site.ask_as(Some("nonsense"), "POST /v1/me/expire_tokens", &[], &Value::Null);
}

pub fn projects_and_members(site: &Site) {
    let all = site.get("/v1/project", &[]);
    assert_eq!(all["projects"][0]["project_name"], "main");
    assert_eq!(all["project_membership"]["main"], "owner");
    let main = site.get("/v1/project/{project}", &["main"])["project"].clone();
    assert_eq!((&main["default_cloud"], &main["card_info"]["brand"]), (&json!("local-north"), &json!("")));
    let account = main["account_id"].as_str().unwrap();
    let body = json!({"cloud": "local-south", "project": "second", "account_id": account,
                      "use_source_project_billing_group": false});
    let made = site.ok("POST /v1/project", &[], &body)["project"].clone();
    assert_eq!((&made["project_name"], &made["default_cloud"]), (&json!("second"), &json!("local-south")));
    site.refused(409, "POST /v1/project", &[], &body, &["second", "already exists"]);
    site.refused(404, "POST /v1/project", &[], &json!({"project": "third", "account_id": "other"}), &["other"]);
    let change = json!({"cloud": "local-east", "tech_emails": [{"email": "a@example.org"}], "tags": {"team": "a"},
                        "account_id": ""});
    let changed = site.ok("PUT /v1/project/{project}", &["second"], &change)["project"].clone();
    assert_eq!((&changed["default_cloud"], &changed["tags"]), (&json!("local-east"), &json!({"team": "a"})));
    contacts(site);
    site.refused(
        400,
        "PUT /v1/project/{project}",
        &["second"],
        &json!({"cloud": "mars-1"}),
        &["mars-1", "local-north"],
    );
    let ca = site.get("/v1/project/{project}/kms/ca", &["second"])["certificate"].clone();
    assert!(ca.as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert_ne!(ca, site.get("/v1/project/{project}/kms/ca", &["main"])["certificate"]);
    let organization = site.get("/v1/organization/{organization}", &[main["organization_id"].as_str().unwrap()]);
    assert_eq!((&organization["account_id"], &organization["tier"]), (&json!(account), &json!("business")));
    let begun = site.get("/v1/me", &[])["user"]["create_time"].clone();
    assert_eq!((&organization["create_time"], &organization["update_time"]), (&begun, &begun));
    assert_eq!(site.get("/v1/organizations", &[])["organizations"], json!([organization]));
    let accounts = site.get("/v1/account", &[])["accounts"].clone();
    assert_eq!(accounts, json!([site.get("/v1/account/{account}", &[account])["account"]]));
    assert_eq!(accounts[0]["organization_id"], organization["organization_id"]);
    for path in ["/v1/account/{account}", "/v1/organization/{organization}"] {
        site.refused(404, &format!("GET {path}"), &["other"], &Value::Null, &["other", account]);
    }
    assert_eq!(site.get("/v1/project/{project}/alerts", &["second"]), json!({"alerts": []}));

    farshore_control::people::create(&site.control, "guest@example.org", "Guest", None).unwrap();
    let invite = json!({"user_email": "guest@example.org", "member_type": "read_only"});
    site.ok("POST /v1/project/{project}/invite", &["second"], &invite);
    invitations(site);
    let one = "/v1/project/{project}/user/{user_email}";
    let guest = ["second", "guest@example.org"];
    site.ok(&format!("PUT {one}"), &guest, &json!({"member_type": "developer"}));
    let users = site.get("/v1/project/{project}/users", &["second"])["users"].clone();
    assert_eq!((&users[1]["user_email"], &users[1]["member_type"]), (&json!(guest[1]), &json!("developer")));
    site.ok(&format!("DELETE {one}"), &guest, &Value::Null);
    site.refused(404, &format!("PUT {one}"), &guest, &json!({"member_type": "developer"}), &[guest[1]]);
    site.refused(404, "DELETE /v1/project/{project}/invite/{user_email}", &guest, &Value::Null, &[guest[1]]);
    site.refused(409, &format!("DELETE {one}"), &["second", ADMIN], &Value::Null, &["owner"]);

    site.ok("DELETE /v1/project/{project}", &["second"], &Value::Null);
    site.refused(404, "GET /v1/project/{project}", &["second"], &Value::Null, &["second"]);
}

/// Who is told about technical matters is kept as given, shown, and left alone by a change that does not name it.
fn contacts(site: &Site) {
    let one = "/v1/project/{project}";
    let shown = |name: &str| site.get(one, &[name])["project"]["tech_emails"].clone();
    assert_eq!(shown("second"), json!([{"email": "a@example.org"}]));
    let listed = site.get("/v1/project", &[])["projects"].clone();
    assert_eq!(listed[1]["tech_emails"], shown("second"), "{listed}");
    let two = json!([{"email": "Ops@example.org"}, {"email": "a@example.org"}]);
    let changed = site.ok(&format!("PUT {one}"), &["second"], &json!({ "tech_emails": two }));
    assert_eq!(
        (&changed["project"]["tech_emails"], &changed["project"]["default_cloud"]),
        (&two, &json!("local-east"))
    );
    site.ok(&format!("PUT {one}"), &["second"], &json!({"cloud": "local-east", "tech_emails": null}));
    assert_eq!(shown("second"), two);
    let copy = site.ok("POST /v1/project", &[], &json!({"project": "copied", "copy_from_project": "second"}));
    assert_eq!(copy["project"]["tech_emails"], two);
    let many: Vec<Value> = (0..51).map(|one| json!({"email": format!("{one}@example.org")})).collect();
    for (emails, parts) in [
        (json!([{"email": "nobody"}]), ["tech_emails", "nobody", "NAME@DOMAIN"]),
        (json!(many), ["tech_emails", "51", "50"]),
    ] {
        site.refused(400, &format!("PUT {one}"), &["copied"], &json!({ "tech_emails": emails }), &parts);
        let asked = json!({"project": "fourth", "tech_emails": emails});
        site.refused(400, "POST /v1/project", &[], &asked, &parts);
    }
    site.ok(&format!("PUT {one}"), &["copied"], &json!({"tech_emails": []}));
    assert_eq!(shown("copied"), json!([]));
    site.ok(&format!("DELETE {one}"), &["copied"], &Value::Null);
}

/// Whoever has no user is invited, and a member as soon as there is one.
fn invitations(site: &Site) {
    let invite = "POST /v1/project/{project}/invite";
    let open = || site.get("/v1/project/{project}/users", &["second"])["invitations"].clone();
    for (email, role) in
        [("Later@example.org", "viewer"), ("later@example.org", "developer"), ("never@example.org", "")]
    {
        let role = (!role.is_empty()).then_some(role);
        let said = site.ok(invite, &["second"], &json!({"user_email": email, "member_type": role}));
        assert!(said["message"].as_str().unwrap().contains("farshore person create"), "{said}");
    }
    assert_eq!(open().as_array().unwrap().len(), 2, "one for each address: {}", open());
    let one = open()[0].clone();
    assert_eq!(
        (&one["invited_user_email"], &one["inviting_user_email"], &one["member_type"]),
        (&json!("later@example.org"), &json!(ADMIN), &json!("developer"))
    );
    for (body, parts) in [
        (json!({"user_email": "later"}), ["later", "NAME@DOMAIN"]),
        (json!({"user_email": "later@example.org", "member_type": "king"}), ["king", "recoverer"]),
    ] {
        site.refused(400, invite, &["second"], &body, &parts);
    }
    site.ok("DELETE /v1/project/{project}/invite/{user_email}", &["second", "never@example.org"], &Value::Null);
    farshore_control::people::create(&site.control, "later@example.org", "Later", None).unwrap();
    assert_eq!(open(), json!([]));
    let token =
        farshore_control::access::create_token(&site.control, "later@example.org", &Default::default()).unwrap();
    let mine = site.ask_as(Some(&token.full_token), "GET /v1/me", &[], &Value::Null).json();
    assert_eq!(mine["user"]["project_membership"], json!({"second": "developer"}));
    site.ok("DELETE /v1/project/{project}/user/{user_email}", &["second", "later@example.org"], &Value::Null);
}
