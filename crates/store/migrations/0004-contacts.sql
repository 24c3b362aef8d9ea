CREATE TABLE contacts (
    owner_kind TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    email TEXT NOT NULL,
    CONSTRAINT contacts_owner_kind_owner_id_position PRIMARY KEY (owner_kind, owner_id, position)
);
