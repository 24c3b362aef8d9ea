CREATE TABLE copies (
    service_id TEXT NOT NULL REFERENCES services (id),
    region TEXT NOT NULL,
    enabled_at BIGINT NOT NULL,
    ends_at BIGINT,
    late_since BIGINT,
    CONSTRAINT copies_service_id_region PRIMARY KEY (service_id, region)
);
CREATE INDEX copies_by_end ON copies (ends_at);
