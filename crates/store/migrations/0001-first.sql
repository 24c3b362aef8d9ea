-- Everything that the first release remembers. Unique indexes and primary keys are named after table and columns, because
-- that name reaches the caller. Moments are microseconds UTC, truths 0 and 1, JSON is TEXT.

CREATE TABLE settings (
    key TEXT NOT NULL,
    value BYTES NOT NULL,
    CONSTRAINT settings_key PRIMARY KEY (key)
);

CREATE TABLE users (
    id TEXT NOT NULL,
    email TEXT NOT NULL,
    real_name TEXT NOT NULL,
    password_hash TEXT,
    created_at BIGINT NOT NULL,
    tokens_valid_from BIGINT NOT NULL,
    CONSTRAINT users_id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX users_email ON users (email);

CREATE TABLE tokens (
    id TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    hash BYTES NOT NULL,
    prefix TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    max_age_s BIGINT,
    extend BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    last_ip TEXT,
    last_user_agent TEXT,
    CONSTRAINT tokens_id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX tokens_hash ON tokens (hash);
CREATE UNIQUE INDEX tokens_user_id_prefix ON tokens (user_id, prefix);

CREATE TABLE projects (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    default_region TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    secrets BYTES,
    CONSTRAINT projects_id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX projects_name ON projects (name);

CREATE TABLE members (
    project_id TEXT NOT NULL REFERENCES projects (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    role TEXT NOT NULL,
    CONSTRAINT members_project_id_user_id PRIMARY KEY (project_id, user_id)
);
CREATE INDEX members_of_user ON members (user_id);

CREATE TABLE services (
    id TEXT NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    service_type TEXT NOT NULL,
    plan TEXT NOT NULL,
    region TEXT NOT NULL,
    backup_region TEXT,
    state TEXT NOT NULL,
    powered BIGINT NOT NULL,
    user_config TEXT NOT NULL,
    disk_mb BIGINT NOT NULL,
    termination_protection BIGINT NOT NULL,
    maintenance TEXT,
    generation BIGINT NOT NULL,
    sealed BYTES,
    facts TEXT NOT NULL,
    forked_from TEXT,
    backup_hour BIGINT NOT NULL,
    backup_minute BIGINT NOT NULL,
    next_backup_at BIGINT,
    off_since BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    shredded_at BIGINT,
    CONSTRAINT services_id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX services_project_id_name ON services (project_id, name) WHERE deleted_at IS NULL;
CREATE INDEX services_to_back_up ON services (next_backup_at) WHERE deleted_at IS NULL;

CREATE TABLE backups (
    service_id TEXT NOT NULL REFERENCES services (id),
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    taken_at BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    raw_bytes BIGINT NOT NULL,
    stored_bytes BIGINT NOT NULL,
    is_full BIGINT NOT NULL,
    verified_at BIGINT,
    details TEXT NOT NULL,
    CONSTRAINT backups_service_id_region_name PRIMARY KEY (service_id, region, name)
);
CREATE INDEX backups_by_time ON backups (service_id, region, taken_at);

CREATE TABLE windows (
    service_id TEXT NOT NULL REFERENCES services (id),
    region TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    at_risk_bytes BIGINT NOT NULL,
    at_risk_us BIGINT NOT NULL,
    checked_at BIGINT NOT NULL,
    CONSTRAINT windows_service_id_region_from_at PRIMARY KEY (service_id, region, from_at)
);

CREATE TABLE events (
    id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id),
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    event_type TEXT NOT NULL,
    service_name TEXT,
    text TEXT NOT NULL,
    CONSTRAINT events_id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX events_sequence ON events (sequence);
CREATE INDEX events_of_project ON events (project_id, sequence);

CREATE TABLE tags (
    owner_kind TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT tags_owner_kind_owner_id_key PRIMARY KEY (owner_kind, owner_id, key)
);

CREATE TABLE integrations (
    id TEXT NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id),
    integration_type TEXT NOT NULL,
    source_service TEXT,
    dest_service TEXT,
    source_endpoint TEXT,
    dest_endpoint TEXT,
    user_config TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT integrations_id PRIMARY KEY (id)
);
CREATE INDEX integrations_of_project ON integrations (project_id, created_at);

CREATE TABLE runs (
    id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    kind TEXT NOT NULL,
    project TEXT NOT NULL,
    subject TEXT NOT NULL,
    input TEXT NOT NULL,
    state TEXT NOT NULL,
    position BIGINT NOT NULL,
    cancel BIGINT NOT NULL,
    owner TEXT,
    epoch BIGINT NOT NULL,
    beat BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    retry_at BIGINT,
    error_kind TEXT,
    error_message TEXT,
    error_hint TEXT,
    undo_error TEXT,
    done_bytes BIGINT NOT NULL,
    expected_bytes BIGINT NOT NULL,
    rate_bytes_s BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    step_started_at BIGINT,
    undo_started_at BIGINT,
    finished_at BIGINT,
    CONSTRAINT runs_id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX runs_sequence ON runs (sequence);
CREATE INDEX runs_of_subject ON runs (subject, sequence);
CREATE INDEX runs_unfinished ON runs (subject, sequence) WHERE finished_at IS NULL;

CREATE TABLE run_steps (
    run_id TEXT NOT NULL REFERENCES runs (id),
    direction TEXT NOT NULL,
    position BIGINT NOT NULL,
    name TEXT NOT NULL,
    output TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT NOT NULL,
    CONSTRAINT run_steps_run_id_direction_position PRIMARY KEY (run_id, direction, position)
);

CREATE TABLE outbox (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    unique_key TEXT NOT NULL,
    payload TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    delivered_at BIGINT,
    CONSTRAINT outbox_id PRIMARY KEY (id)
);
CREATE UNIQUE INDEX outbox_unique_key ON outbox (unique_key);
CREATE INDEX outbox_due ON outbox (due_at) WHERE delivered_at IS NULL;
