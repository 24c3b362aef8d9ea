CREATE TABLE invitations (
    project_id TEXT NOT NULL REFERENCES projects (id),
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    invited_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT invitations_project_id_email PRIMARY KEY (project_id, email)
);
CREATE INDEX invitations_by_email ON invitations (email);
